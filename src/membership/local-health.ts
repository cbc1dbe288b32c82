/**
 * Lifeguard's local health multiplier (section IV.A): how far this member distrusts itself. It probes less often and waits longer
 * while its own probes fail, nacks are missing and others suspect it, since then it is more likely itself that is slow.
 */
export class LocalHealth {
  readonly #max: number;
  #score = 0;

  constructor(max: number) {
    this.#max = max;
  }

  /** 0: well. */
  get score(): number {
    return this.#score;
  }

  /** What periods and timeouts are multiplied with. */
  get multiplier(): number {
    return this.#score + 1;
  }

  change(by: number): void {
    this.#score = Math.min(this.#max, Math.max(0, this.#score + by));
  }
}
