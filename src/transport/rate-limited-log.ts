import type { Millis } from "../core/machine.ts";
import type { Clock, Logger } from "../core/world.ts";

const INTERVAL: Millis = 10_000;
const MAX_SUBJECTS = 64;

/**
 * Warnings that anyone who can reach the port can provoke. Each subject gets one line in ten seconds, which says how many
 * like it were left out; beyond 64 subjects all others share one.
 */
export class RateLimitedLog {
  readonly #log: Logger;
  readonly #clock: Clock;
  readonly #subjects = new Map<string, { since: Millis; leftOut: number }>();

  constructor(log: Logger, clock: Clock) {
    this.#log = log;
    this.#clock = clock;
  }

  warn(subject: string, fields: object, message: string): void {
    const now = this.#clock.now();
    if (this.#subjects.size >= MAX_SUBJECTS) this.#forget(now);
    const known = this.#subjects.size < MAX_SUBJECTS || this.#subjects.has(subject) ? subject : "";
    const last = this.#subjects.get(known);
    if (last !== undefined && now - last.since < INTERVAL) {
      last.leftOut++;
      return;
    }
    this.#subjects.set(known, { since: now, leftOut: 0 });
    const leftOut = last?.leftOut ?? 0;
    this.#log.warn(leftOut > 0 ? { ...fields, alikeLeftOut: leftOut } : fields, message);
  }

  #forget(now: Millis): void {
    for (const [subject, { since }] of this.#subjects) {
      if (now - since >= INTERVAL) this.#subjects.delete(subject);
    }
  }
}
