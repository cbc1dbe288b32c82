/** How often something happens through each node, where what is long past counts for little. */
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";

/** The first counts say little: so long has at least to be counted before a rate is believed in full. */
const LEAST_WINDOW: Millis = 2000;

/**
 * Exponentially decaying sums. Divided by as much time, decayed likewise, they are rates that are right from the beginning, not only
 * after some half-lives; in the first two seconds they are rather too low.
 */
export class DecayingRates {
  readonly #halfLife: Millis;
  readonly #sums = new Map<NodeId, number>();
  #time: Millis = 0;
  #at: Millis;

  constructor(now: Millis, halfLife: Millis) {
    this.#at = now;
    this.#halfLife = halfLife;
  }

  /** What has happened since the last call. */
  add(now: Millis, counts: ReadonlyMap<NodeId, number>): void {
    const passed = Math.max(0, now - this.#at);
    const left = 2 ** (-passed / this.#halfLife);
    this.#at = now;
    this.#time = this.#time * left + passed;
    for (const [node, sum] of this.#sums) this.#sums.set(node, sum * left);
    for (const [node, count] of counts) this.#sums.set(node, (this.#sums.get(node) ?? 0) + count);
  }

  /** A second. */
  rates(): ReadonlyMap<NodeId, number> {
    const seconds = Math.max(this.#time, LEAST_WINDOW) / 1000;
    return new Map([...this.#sums].map(([node, sum]) => [node, sum / seconds]));
  }
}
