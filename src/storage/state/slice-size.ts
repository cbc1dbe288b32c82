import type { Millis } from "../../core/machine.ts";

const LEAST = 256;
/** Some 0.2 ms of work for each millisecond that the event loop took for everything else. */
const PER_MILLISECOND = 256;
const MOST = 4096;

/**
 * How many records background work takes in one turn of the event loop. Where turns are short it is not felt by those who
 * wait for an answer; where much goes on and turns are long it gets its share, or it would fall behind what it follows.
 */
export class SliceSize {
  readonly #now: () => Millis;
  #ended: Millis;

  constructor(now: () => Millis) {
    this.#now = now;
    this.#ended = now();
  }

  /** For the turn that begins. */
  next(): number {
    const apart = this.#now() - this.#ended;
    return Math.min(MOST, Math.max(LEAST, Math.floor(apart * PER_MILLISECOND)));
  }

  /** The turn's work is done; more follows in a later one. */
  ended(): void {
    this.#ended = this.#now();
  }
}
