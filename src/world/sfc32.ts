/**
 * The pseudo-random generator of Kvorum: sfc32 ("small fast counting", Chris Doty-Humphrey, PractRand): 128 bits of state
 * of which 32 are a counter, so no seed has a period below 2^32. Not for secrets.
 */
export class Sfc32 {
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  /** Any three 32-bit words are a good seed: the first twelve rounds, which mix them, are thrown away as published. */
  constructor(a: number, b: number, c: number) {
    this.#a = a | 0;
    this.#b = b | 0;
    this.#c = c | 0;
    for (let i = 0; i < 12; i++) this.nextWord();
  }

  /** 32 uniform bits as a signed integer. */
  nextWord(): number {
    const out = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + out) | 0;
    return out;
  }

  /** Uniform in [0, 1), with all 53 bits that a double can hold there. */
  next(): number {
    const high = this.nextWord() >>> 5;
    const low = this.nextWord() >>> 6;
    return (high * 0x400_0000 + low) / 0x20_0000_0000_0000;
  }

  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.nextWord();
      out[i] = word;
      // Writes beyond the end of a typed array are ignored, which is what the last, partial word needs.
      out[i + 1] = word >>> 8;
      out[i + 2] = word >>> 16;
      out[i + 3] = word >>> 24;
    }
    return out;
  }
}
