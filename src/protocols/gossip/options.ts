import { invariant } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";

/**
 * When a site loses interest in a rumor (Demers et al. 1987, section 1.4). It is judged once a round, as the paper does for
 * pull: a round in which somebody needed the rumor is useful, one in which it was told in vain is wasted, one in which
 * it was not told says nothing.
 */
export interface StopRule {
  /** `counter`: after `k` wasted rounds in a row. `coin`: after each wasted round with the probability 1/`k`. */
  readonly by: "counter" | "coin";
  /** A whole number from 1 on. */
  readonly k: number;
  /** True: receivers say whether they needed it. False, "blind": every round in which it was told counts as wasted. */
  readonly feedback: boolean;
}

/** Sizes are bytes. All sites of a group have the same `mode` and `stop`; the limits may differ. */
export interface RumorOptions {
  readonly id: NodeId;
  /** Push: who has something hot tells it. Pull: everybody asks, in every round. Push-pull: everybody does both. */
  readonly mode: "push" | "pull" | "push-pull";
  readonly stop: StopRule;
  /** A site also stops once it has heard from every other one that it knows the rumor: by being told, or by feedback. For small groups. */
  readonly countHearers: boolean;
  /** How many other sites are contacted in a round. */
  readonly fanout: number;
  /** A round lasts a random time between the two. */
  readonly roundMin: Millis;
  readonly roundMax: Millis;
  /** The round after a rumor came to a site that had none begins within this time: who hears first shall tell soon. At most `roundMax`. */
  readonly firstRoundMax: Millis;
  /** A rumor ends everywhere after so many rounds (2 or more) along any path, whatever is lost, whoever forgets. */
  readonly maxRounds: number;
  /** More rumors than this are not infective at a time: the oldest makes room. */
  readonly maxInfective: number;
  /** How many removed rumors are remembered; those heard of longest ago are forgotten. */
  readonly maxRemembered: number;
  /** One message carries at most so many bytes of rumors (always at least one rumor); the others come in later ones. */
  readonly maxMessageBytes: number;
}

/** Push with feedback and a counter of 3: 1 of 100 sites is left to anti-entropy, with one contact a round. */
export const DEFAULT_RUMOR_OPTIONS: Omit<RumorOptions, "id"> = {
  mode: "push",
  stop: { by: "counter", k: 3, feedback: true },
  countHearers: false,
  fanout: 1,
  roundMin: 90,
  roundMax: 110,
  firstRoundMax: 110,
  maxRounds: 64,
  maxInfective: 1024,
  maxRemembered: 16_384,
  maxMessageBytes: 64 << 10,
};

/** Throws `InvariantError`: options are checked where users give them; here a bad one is a defect. */
export function checkRumorOptions(options: RumorOptions): void {
  const { stop, roundMin, roundMax } = options;
  const counts = [
    stop.k,
    options.fanout,
    options.maxRounds,
    options.maxInfective,
    options.maxRemembered,
    options.maxMessageBytes,
  ];
  invariant(
    counts.every((count) => Number.isSafeInteger(count) && count >= 1),
    `rumor mongering with ${JSON.stringify(options)}`,
  );
  invariant(options.maxRounds >= 2, "a rumor of one round is told to nobody");
  invariant(roundMin > 0 && roundMin <= roundMax, `rounds of ${roundMin} to ${roundMax} ms`);
  invariant(
    options.firstRoundMax > 0 && options.firstRoundMax <= roundMax,
    `a first round within ${options.firstRoundMax} ms, all others within ${roundMax} ms`,
  );
}
