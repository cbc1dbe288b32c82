import type { Random } from "../core/world.ts";
import { Sfc32 } from "../world/sfc32.ts";

/**
 * Chance from a seed. Streams of their own for parts of a simulation (`fork`) keep a draw more in one part from changing
 * all others, which is what makes a failing history shrink.
 */
export class SimulatedRandom implements Random {
  readonly seed: string;
  readonly #generator: Sfc32;

  constructor(seed: string | number) {
    this.seed = String(seed);
    const [a, b, c] = seedWords(this.seed);
    this.#generator = new Sfc32(a, b, c);
  }

  /**
   * An independent stream, determined by this one's seed and the label alone, however much has been drawn. The same label
   * gives the same stream again: a process that restarts needs a label of its own for each life.
   */
  fork(label: string | number): SimulatedRandom {
    return new SimulatedRandom(`${this.seed}/${label}`);
  }

  next(): number {
    return this.#generator.next();
  }

  bytes(length: number): Uint8Array {
    return this.#generator.bytes(length);
  }

  /** Uniform in [min, max). */
  between(min: number, max: number): number {
    return min + (max - min) * this.#generator.next();
  }

  /** A whole number in [min, max], both inclusive. */
  integer(min: number, max: number): number {
    return min + Math.floor((max - min + 1) * this.#generator.next());
  }

  /** True with this probability. Draws in any case, so that the stream does not depend on the probability. */
  chance(probability: number): boolean {
    return this.#generator.next() < probability;
  }

  /** One of the items, which must not be none. */
  pick<T>(items: readonly T[]): T {
    if (items.length === 0) throw new RangeError("cannot pick from nothing");
    return items[this.integer(0, items.length - 1)]!;
  }

  /** The items in another order (Fisher-Yates). */
  shuffle<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const other = this.integer(0, i);
      [out[i], out[other]] = [out[other]!, out[i]!];
    }
    return out;
  }
}

/** Three words from a text of any length: FNV-1a with three offsets, each finished by MurmurHash3's last steps. */
function seedWords(text: string): readonly [number, number, number] {
  const words = [0x811c9dc5, 0x01000193, 0x9e3779b9].map((offset) => {
    let word = offset;
    for (let i = 0; i < text.length; i++) word = Math.imul(word ^ text.charCodeAt(i), 0x01000193);
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    return word ^ (word >>> 16);
  });
  return [words[0]!, words[1]!, words[2]!];
}
