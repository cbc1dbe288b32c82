/**
 * A client's identity at one shard.
 *
 * ```
 *            a write needs it            token
 *   none ───────────────────▶ opening ───────────▶ open(token)
 *    ▲                          │ ▲ failed, and        │
 *    └──────────────────────────┘ │ writes wait        │ session-expired
 *      failed, nobody waits       └────────────────────┘
 * ```
 *
 * A session that has expired is replaced, not revived: calls of the old one keep their `Session` and with it their token, so
 * that a repetition can never be taken for a first attempt.
 */
import { SESSION_WINDOW } from "../../data/delivery.ts";

export class Session {
  readonly token: number;
  #next = 1;
  #acknowledged = 1;
  readonly #open = new Set<number>();

  constructor(token: number) {
    this.token = token;
  }

  /** The lowest sequence whose outcome is still waited for; the next one to be given where nothing is open. */
  get acknowledged(): number {
    while (this.#acknowledged < this.#next && !this.#open.has(this.#acknowledged)) this.#acknowledged++;
    return this.#acknowledged;
  }

  /** False: the oldest open call is so old that the shard would refuse one more. */
  get hasRoom(): boolean {
    return this.#next < this.acknowledged + SESSION_WINDOW;
  }

  take(): number {
    const sequence = this.#next++;
    this.#open.add(sequence);
    return sequence;
  }

  /** The outcome is known, or nobody waits for it any more: the shard may forget it, and refuses it from then on. */
  release(sequence: number): void {
    this.#open.delete(sequence);
  }
}
