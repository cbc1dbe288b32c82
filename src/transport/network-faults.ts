/** What a simulated network can do to frames, as data. */
import type { Millis } from "../core/machine.ts";

interface FaultRow {
  readonly default: number;
  /** The range that a simulation draws from. */
  readonly from: number;
  readonly to: number;
  readonly unit: "milliseconds" | "probability";
  readonly meaning: string;
}

/** Numeric faults. With the defaults the network is a quiet local one and keeps everything `Transport` promises. */
export const NETWORK_FAULTS = {
  delayMin: { default: 0.2, from: 0.1, to: 5, unit: "milliseconds", meaning: "shortest way of a frame" },
  delayMax: { default: 0.5, from: 1, to: 50, unit: "milliseconds", meaning: "longest way of most frames" },
  slowProbability: {
    default: 0,
    from: 0,
    to: 0.05,
    unit: "probability",
    meaning: "a flush that takes much longer",
  },
  slowMax: {
    default: 0,
    from: 50,
    to: 1000,
    unit: "milliseconds",
    meaning: "how long such a flush takes at most",
  },
  dropProbability: {
    default: 0,
    from: 0,
    to: 0.05,
    unit: "probability",
    meaning: "a frame is lost although the connection stands (more than TCP does to us)",
  },
  duplicateProbability: {
    default: 0,
    from: 0,
    to: 0.05,
    unit: "probability",
    meaning: "a frame comes a second time, later (more than TCP does to us)",
  },
  reorderProbability: {
    default: 0,
    from: 0,
    to: 0.1,
    unit: "probability",
    meaning: "a frame is overtaken by those after it (more than TCP does to us)",
  },
  reorderMax: {
    default: 20,
    from: 1,
    to: 200,
    unit: "milliseconds",
    meaning: "by how much it is late at most",
  },
  resetProbability: {
    default: 0,
    from: 0,
    to: 0.001,
    unit: "probability",
    meaning: "a flush that breaks its connection; what is under way on it is lost",
  },
  silenceMin: {
    default: 2000,
    from: 500,
    to: 2000,
    unit: "milliseconds",
    meaning: "soonest that an end gives up a connection on which it hears nothing",
  },
  silenceMax: { default: 2250, from: 2000, to: 5000, unit: "milliseconds", meaning: "latest that it does" },
} as const satisfies Record<string, FaultRow>;

export type NumericFaults = { readonly [K in keyof typeof NETWORK_FAULTS]: number };

export interface NetworkFaults extends NumericFaults {
  /**
   * What a blocked link does to frames while the connection stands. `stall`: they wait for the link to come back, as TCP
   * repeats them, and are lost only with the connection. `lose`: they are lost, as datagrams are.
   */
  readonly blocked: "stall" | "lose";
  /**
   * Whether connections end when nothing is heard on them, as TCP's with our heartbeats do, so that a one-way partition
   * soon blocks both ways. False: they stand for ever, and a one-way partition lets one direction through for ever.
   */
  readonly silenceCloses: boolean;
}

export const NO_NETWORK_FAULTS: NetworkFaults = {
  ...(Object.fromEntries(
    Object.entries(NETWORK_FAULTS).map(([name, row]) => [name, row.default]),
  ) as unknown as NumericFaults),
  blocked: "stall",
  silenceCloses: true,
};

/** A link in one direction between two hosts, as `from>to`. */
export type DirectedLink = `${string}>${string}`;

export const link = (from: string, to: string): DirectedLink => `${from}>${to}`;

/** Partitions, as the directed links that they block. */
export const partitions = {
  /** One host hears nobody and nobody hears it. */
  isolate: (hosts: readonly string[], host: string): DirectedLink[] =>
    between(
      [host],
      hosts.filter((other) => other !== host),
    ),

  /** Two parts that do not hear each other. */
  halves: (one: readonly string[], other: readonly string[]): DirectedLink[] => between(one, other),

  /** `from` is not heard by `to`, but hears it. */
  oneWay: (from: readonly string[], to: readonly string[]): DirectedLink[] =>
    from.flatMap((a) => to.filter((b) => b !== a).map((b) => link(a, b))),

  /** Two parts that do not hear each other, and a bridge that hears and is heard by both. */
  bridge: (hosts: readonly string[], bridge: string): DirectedLink[] => {
    const others = hosts.filter((host) => host !== bridge);
    const middle = Math.ceil(others.length / 2);
    return between(others.slice(0, middle), others.slice(middle));
  },

  /**
   * Every host reaches a majority and no two reach the same one: each sees only its neighbours on a ring. Takes five
   * hosts or more; with three, whose neighbours are all there are, one direction of the ring is blocked instead.
   */
  ring: (hosts: readonly string[]): DirectedLink[] => {
    const count = hosts.length;
    // The least number of neighbours on each side that makes a majority with oneself.
    const reach = Math.ceil(Math.floor(count / 2) / 2);
    return hosts.flatMap((from, i) =>
      hosts.flatMap((to, j) => {
        const distance = (j - i + count) % count;
        if (distance === 0) return [];
        const seen = distance <= reach || (distance >= count - reach && count > 3);
        return seen ? [] : [link(from, to)];
      }),
    );
  },
} as const;

/** Every link between the two, in both directions. */
function between(one: readonly string[], other: readonly string[]): DirectedLink[] {
  return one.flatMap((a) => other.flatMap((b) => [link(a, b), link(b, a)]));
}

/** A delay of its own for one link: what makes a far place far. */
export interface LinkDelay {
  readonly min: Millis;
  readonly max: Millis;
}
