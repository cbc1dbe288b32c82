/**
 * A small seeded generator (splitmix32). Every replica draws the same numbers for the same operation of the same batch;
 * it need not be unpredictable.
 */
export class SeededRandom {
  #state = 0;

  /** Starts the sequence that belongs to `position` under `seed` (both are taken modulo 2^32). */
  reseed(seed: number, position: number): void {
    this.#state = scramble(seed ^ scramble(position + 1));
  }

  /** Uniform in [0, 1), with 53 bits. */
  next(): number {
    const high = this.#next32();
    return (high * 0x20_0000 + (this.#next32() >>> 11)) / 0x20_0000_0000_0000;
  }

  #next32(): number {
    this.#state = (this.#state + 0x9e37_79b9) | 0;
    return scramble(this.#state) >>> 0;
  }
}

function scramble(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x21f0_aaad);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x735a_2d97);
  return mixed ^ (mixed >>> 15);
}
