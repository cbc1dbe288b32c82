/**
 * What a keyspace promises, for those who choose one: in sentences, and as numbers. It follows from the declaration alone, but
 * for the staleness of a quorum, which is estimated from what was measured.
 */
import type { Millis } from "../core/machine.ts";
import { SeededRandom } from "../data/random.ts";
import { type Legs, drawFrom, estimateStaleness } from "../protocols/quorum/staleness.ts";
import {
  type Conflicts,
  type Consistency,
  type KeyspaceSpec,
  type QuorumSpec,
  type Replication,
  isMerging,
} from "./api.ts";
import { majorityOf } from "./catalog/keyspace.ts";
import { DEFAULT_TIMINGS } from "./options.ts";

/** Milliseconds that each leg of a quorum's operations took, from its coordinator to one replica or back: recent samples. */
export interface MeasuredLegs {
  readonly write: readonly Millis[];
  readonly acknowledgement: readonly Millis[];
  readonly read: readonly Millis[];
  readonly response: readonly Millis[];
  /** How long a coordinator that is a replica needs until it has a write itself. */
  readonly durable: readonly Millis[];
}

export interface Explanation {
  readonly keyspace: string;
  readonly replication: Replication;
  /** Ordered: all replicas apply the same commands in one order. Merging: each takes writes, and they are joined. */
  readonly kind: "ordered" | "merging";
  readonly summary: string;
  readonly replicas: number;
  /** `replicas`: so many have a write on disk when it is acknowledged. */
  readonly acknowledged: { readonly replicas: number; readonly text: string };
  /** `replicas`: the strongest read rests on so many. */
  readonly reads: {
    readonly replicas: number;
    /** What a caller may ask for. A merging keyspace has but its own way of reading, which promises no freshness. */
    readonly consistency: readonly Consistency[];
    readonly text: string;
  };
  readonly survives: {
    /** Writes go on while so many replicas of a shard cannot be reached, without anybody who stands in for them. */
    readonly writes: number;
    /** The same for the strongest reads. */
    readonly reads: number;
    /** So many disks may be lost for good right after the acknowledgement, whichever they are. */
    readonly lostDisks: number;
    readonly text: string;
  };
  /** Null unless `replication` is quorum. */
  readonly quorum: QuorumArithmetic | null;
  /** Null: no leader, and nothing to wait for. Otherwise by default: milliseconds without a heartbeat. */
  readonly failover: {
    readonly electionTimeout: { readonly min: Millis; readonly max: Millis } | null;
    readonly text: string;
  };
  readonly conflicts: { readonly policy: Conflicts | null; readonly text: string };
  readonly refused: readonly Refused[];
  /** Null where no read is stale without having asked for it: in an ordered keyspace. */
  readonly staleness: { readonly estimate: Staleness | null; readonly text: string } | null;
}

export interface QuorumArithmetic extends QuorumSpec {
  readonly n: number;
  /** R + W > N: every read asks a replica that has the newest acknowledged write. */
  readonly readsSeeNewest: boolean;
  /** W > N/2: any two writes meet on a replica. */
  readonly writesMeet: boolean;
  readonly text: string;
}

export interface Refused {
  readonly what: string;
  readonly why: string;
}

/** Probabilistically bounded staleness, by drawing from the measured legs. Times in milliseconds. */
export interface Staleness {
  /** The share of reads that see a write which was acknowledged at the moment when they begin. */
  readonly freshAtOnce: number;
  /** How long after its acknowledgement a write is seen by this share of the reads; 0: at once. */
  readonly freshAfter: readonly { readonly share: number; readonly milliseconds: Millis }[];
  /** What 99.9% of the operations do not exceed. */
  readonly readLatency: Millis;
  readonly writeLatency: Millis;
  readonly trials: number;
}

/** `measured`: null, or without a sample of each leg: nothing is known of the staleness, and that is what is said. */
export function explainKeyspace(spec: KeyspaceSpec, measured: MeasuredLegs | null): Explanation {
  const { name: keyspace, replication, replicas } = spec;
  const common = { keyspace, replication, replicas, refused: refusedBy(replication) };
  if (!isMerging(replication)) return { ...common, ...ordered(replicas) };
  const conflicts = conflictsOf(spec.conflicts ?? "latest");
  const merging = { ...common, kind: "merging" as const, conflicts, failover: NO_FAILOVER };
  return spec.quorum === null
    ? { ...merging, ...gossip(replicas) }
    : { ...merging, ...quorum(replicas, spec.quorum, measured) };
}

type Particular = Omit<
  Explanation,
  "keyspace" | "replication" | "replicas" | "refused" | "kind" | "conflicts" | "failover"
>;

function ordered(
  n: number,
): Particular & { readonly kind: "ordered" } & Pick<Explanation, "conflicts" | "failover"> {
  const majority = majorityOf(n);
  const minority = n - majority;
  const { electionTimeoutMin: min, electionTimeoutMax: max } = DEFAULT_TIMINGS;
  return {
    kind: "ordered",
    summary: "All replicas apply the same writes in the same order, which a majority of them decides.",
    acknowledged: {
      replicas: majority,
      text: `A write is acknowledged once ${majority} of ${plural(n, "replica")} ${has(majority)} it on disk.`,
    },
    reads: {
      replicas: majority,
      consistency: ["linearizable", "sequential", "stale"],
      text:
        "Reads are linearizable: they see everything that was acknowledged before they began, by anyone. Who asks for less " +
        "may read at any replica: sequential reads see at least what this client has seen, stale ones may have a bound.",
    },
    survives: {
      writes: minority,
      reads: minority,
      lostDisks: majority - 1,
      text:
        `Reads and writes go on while ${atMost(minority, "replica")} of a shard ${are(minority)} down or cut off; the smaller ` +
        `side of a partition waits. ${outlives(majority - 1)}`,
    },
    quorum: null,
    failover: {
      electionTimeout: { min, max },
      text:
        n === 1
          ? "There is one replica: while its node is down, nobody takes its place."
          : `When the node that leads a shard fails, the others notice after ${min} to ${max} ms (unless they are configured ` +
            "otherwise) and elect another one. Requests wait meanwhile. A leader that is shut down hands over before.",
    },
    conflicts: {
      policy: null,
      text: "There are none: of two writes at the same time, one comes after the other, for everybody.",
    },
    staleness: null,
  };
}

function gossip(n: number): Particular {
  const others = n - 1;
  return {
    summary: "Any replica takes a write on its own and tells the others, as a rumor; what they hold merges.",
    acknowledged: {
      replicas: 1,
      text: "A write is acknowledged once one replica has it on disk, the one that took it. The others hear of it afterwards.",
    },
    reads: {
      replicas: 1,
      consistency: ["stale"],
      text:
        "A read is answered by one replica, from what has reached it. Replicas that have heard the same are in the same state, " +
        "in whatever order they heard it; a client that changes to another replica may see an older one.",
    },
    survives: {
      writes: others,
      reads: others,
      lostDisks: 0,
      text:
        `Reads and writes go on while one of ${plural(n, "replica")} can be reached, on every side of a partition; when it heals, ` +
        "all sides come to the same state, and what was deleted stays deleted. A crash loses nothing. A disk that is lost for " +
        "good right after it took a write, before the others heard of it, loses that write.",
    },
    quorum: null,
    staleness: {
      estimate: null,
      text: "A read may miss what another replica has just taken. How long that lasts has no bound: at least as long as the network is cut. It is not measured: nodes share no clock.",
    },
  };
}

function quorum(n: number, spec: QuorumSpec, measured: MeasuredLegs | null): Particular {
  const { r, w, sloppy } = spec;
  const arithmetic = arithmeticOf(n, spec);
  return {
    summary: `Any node takes a write to all ${plural(n, "replica")} and waits for ${w}; a read asks ${r}. What they hold merges.`,
    acknowledged: {
      replicas: w,
      text:
        `A write is acknowledged once ${w} of ${plural(n, "replica")} ${has(w)} it on disk` +
        (sloppy ? ", or nodes that stand in for replicas that cannot be reached." : "."),
    },
    reads: {
      replicas: r,
      consistency: ["stale"],
      text:
        `A read is answered by what ${r} of ${plural(n, "replica")} ${has(r)}, merged. ` +
        (arithmetic.readsSeeNewest
          ? "It sees every write that was acknowledged before it began" +
            (sloppy ? ", unless a stand-in still keeps it for a replica." : ".")
          : "It may miss a write that was just acknowledged."),
    },
    survives: {
      writes: n - w,
      reads: n - r,
      lostDisks: w - 1,
      text: quorumSurvival(n, spec),
    },
    quorum: arithmetic,
    staleness: stalenessOf(n, spec, measured),
  };
}

function quorumSurvival(n: number, { r, w, sloppy }: QuorumSpec): string {
  const writes = sloppy
    ? `Writes go on where ${plural(w, "node")} of the cluster can be reached, on any side of a partition: others stand in for ` +
      "replicas, and hand over what they took. "
    : `Writes go on while ${atMost(n - w, "replica")} of a shard ${are(n - w)} down or cut off. `;
  return (
    `${writes}Reads go on while ${atMost(n - r, "replica")} ${are(n - r)} down. When a partition heals, all sides come to the same ` +
    `state, and what was deleted stays deleted. ${outlives(w - 1)}` +
    (w === n ? "" : ` Once it has reached all replicas, it outlives that of ${n - 1}.`)
  );
}

function arithmeticOf(n: number, spec: QuorumSpec): QuorumArithmetic {
  const { r, w, sloppy } = spec;
  const readsSeeNewest = r + w > n;
  const writesMeet = 2 * w > n;
  const reading = readsSeeNewest
    ? `R + W > N (${r} + ${w} > ${n}): the replicas that a read asks and those that acknowledged a write overlap, so it sees the newest acknowledged write.`
    : `R + W ≤ N (${r} + ${w} ≤ ${n}): a read may ask only replicas that a write has not reached, and miss it.`;
  const standingIn =
    readsSeeNewest && sloppy
      ? " That holds while the replicas themselves take the writes. While others stand in for them it does not: --strict refuses such writes instead."
      : "";
  const writing = writesMeet
    ? ` W > N/2 (${w} of ${n}): any two writes meet on a replica.`
    : ` W ≤ N/2 (${w} of ${n}): two writes may be acknowledged by different replicas, neither of which knows both until they merge.`;
  return { n, ...spec, readsSeeNewest, writesMeet, text: reading + standingIn + writing };
}

const TRIALS = 10_000;
const SHARES = [0.9, 0.99, 0.999] as const;

function stalenessOf(
  n: number,
  { r, w, sloppy }: QuorumSpec,
  measured: MeasuredLegs | null,
): NonNullable<Explanation["staleness"]> {
  const limits = `Neither failures${sloppy ? " and stand-ins, which make it worse," : ", which make it worse,"} nor repair, which makes it better, are counted.`;
  if (measured === null || Object.values(measured).some((samples) => samples.length === 0)) {
    return {
      estimate: null,
      text: "Not measured yet. It is estimated from how long reads and writes of this keyspace take.",
    };
  }
  const random = new SeededRandom();
  random.reseed(n, r * 1000 + w);
  const draw = (samples: readonly Millis[]): (() => Millis) => drawFrom(samples, () => random.next());
  const legs: Legs = {
    write: draw(measured.write),
    acknowledgement: draw(measured.acknowledgement),
    read: draw(measured.read),
    response: draw(measured.response),
    coordinator: { durable: draw(measured.durable), reader: () => random.next() },
  };
  const drawn = estimateStaleness(legs, { n, r, w }, TRIALS);
  const estimate: Staleness = {
    freshAtOnce: drawn.consistent(0),
    freshAfter: SHARES.map((share) => ({ share, milliseconds: drawn.consistentFrom(share) })),
    readLatency: drawn.readLatency(0.999),
    writeLatency: drawn.writeLatency(0.999),
    trials: TRIALS,
  };
  const times = estimate.freshAfter.map(
    ({ share, milliseconds }) => `${percent(share)} after ${millis(milliseconds)}`,
  );
  const found =
    r + w > n
      ? "Every read sees the newest acknowledged write. "
      : `${percent(estimate.freshAtOnce)} of reads see a write that has just been acknowledged; ${times.join(", ")}. `;
  return {
    estimate,
    text:
      `${found}${r === 1 ? "A read at a replica waits for no other. " : `99.9% of reads take at most ${millis(estimate.readLatency)}. `}` +
      `99.9% of writes take at most ${millis(estimate.writeLatency)}. Estimated from what this node has measured lately as a ` +
      `coordinator, each way over the network as half of a round trip. ${limits}`,
  };
}

function conflictsOf(policy: Conflicts): Explanation["conflicts"] {
  const values =
    policy === "latest"
      ? "Of several SETs of one key, none of which had seen another, the one with the latest time remains; the others are lost, though they were acknowledged."
      : "Of several SETs of one key, none of which had seen another, all remain, as siblings, until a SET by somebody who has read them takes their place.";
  return {
    policy,
    text: `${values} Counters, sets and maps lose nothing: increments add up, an added member outlives a removal that had not seen it, fields merge one by one.`,
  };
}

const NO_FAILOVER: Explanation["failover"] = {
  electionTimeout: null,
  text: "Nothing: there is no leader to lose. A node that does not answer is passed over.",
};

const MERGING_REFUSES: readonly Refused[] = [
  {
    what: "linearizable and sequential reads",
    why: "the replicas share no order in which a read could have its place",
  },
  {
    what: "compare-and-set, and writes only if a key is absent",
    why: "both sides of a partition could find the condition met",
  },
  { what: "transactions and batches", why: "all or nothing needs one order for everybody" },
  {
    what: "exactly-once writes and idempotency keys",
    why: "two replicas could do the same request, neither knowing of the other: a repeated increment may count twice",
  },
  { what: "leases and locks", why: "both sides of a partition could hold one" },
  { what: "watching", why: "changes have no common order to be told in" },
];

const ORDERED_REFUSES: readonly Refused[] = [
  { what: "writes on the smaller side of a partition", why: "the majority may be deciding otherwise" },
  {
    what: "a choice of r, w and conflicts",
    why: "majorities decide, and there are no conflicts",
  },
];

const refusedBy = (replication: Replication): readonly Refused[] =>
  isMerging(replication) ? MERGING_REFUSES : ORDERED_REFUSES;

const outlives = (disks: number): string =>
  disks === 0
    ? "A write is lost with the disk of the node that took it, if that is lost for good before another one has it."
    : `Right after its acknowledgement a write outlives the loss of ${plural(disks, "disk")}.`;

const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? "" : "s"}`;
const atMost = (count: number, noun: string): string =>
  count === 0 ? `no ${noun}` : `at most ${plural(count, noun)}`;
const are = (count: number): string => (count <= 1 ? "is" : "are");
const has = (count: number): string => (count === 1 ? "has" : "have");

/** Never rounded up to certainty. */
function percent(share: number): string {
  if (share >= 1) return "100%";
  return `${Math.floor(share * 1000) / 10}%`;
}

const millis = (time: Millis): string => `${time < 10 ? time.toFixed(2) : time.toFixed(1)} ms`;
