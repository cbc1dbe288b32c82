import { invariant } from "../../core/assert.ts";
import type { Millis } from "../../core/machine.ts";

/** Times are milliseconds, sizes bytes. */
export interface AntiEntropyOptions {
  /** Pull: takes what the other has. Push: gives it what it lacks. Push-pull: both, after one comparison. */
  readonly antiEntropy: "pull" | "push" | "push-pull";
  /** From the end of an exchange to the next, give or take a quarter. */
  readonly interval: Millis;
  /** While nothing differs and nothing is written the interval doubles, up to this. */
  readonly maxInterval: Millis;
  /**
   * While something was written so recently, most of what differs is still on its way: an exchange waits until it is calm, or until the
   * last one ended `postponed` ago.
   */
  readonly calm: Millis;
  readonly postponed: Millis;
  /** An exchange in which nothing was heard for so long is given up. */
  readonly patience: Millis;
  /** Families of hashes in one message. */
  readonly maxFamilies: number;
  /** Items in one message, about. */
  readonly maxMessageBytes: number;
}

export const DEFAULT_ANTI_ENTROPY: AntiEntropyOptions = {
  antiEntropy: "push-pull",
  interval: 1000,
  maxInterval: 5000,
  calm: 200,
  postponed: 10_000,
  patience: 5000,
  maxFamilies: 64,
  maxMessageBytes: 1 << 20,
};

export interface HandoverOptions {
  /** How soon after a change a replica that is no holder hands over; also how often it tries. */
  readonly handoverInterval: Millis;
  /** A page that was not acknowledged is sent again after so long. */
  readonly handoverPatience: Millis;
  /** A holder that cannot be reached for so long is left to anti-entropy, if another one has everything. */
  readonly hintTtl: Millis;
}

export const DEFAULT_HANDOVER: HandoverOptions = {
  handoverInterval: 250,
  handoverPatience: 1000,
  hintTtl: 3 * 3600 * 1000,
};

/** Throws `InvariantError`: options are checked where users give them; here a bad one is a defect. */
export function checkMergingOptions(options: AntiEntropyOptions & HandoverOptions): void {
  const { interval, maxInterval, maxFamilies, maxMessageBytes } = options;
  const times = [
    interval,
    options.patience,
    options.calm,
    options.postponed,
    options.handoverInterval,
    options.handoverPatience,
    options.hintTtl,
  ];
  invariant(
    times.every((time) => time > 0),
    `anti-entropy with ${JSON.stringify(options)}`,
  );
  invariant(maxInterval >= interval, `an interval of ${interval} to ${maxInterval} ms`);
  invariant(maxFamilies >= 1 && maxMessageBytes >= 1, "messages that hold nothing");
}
