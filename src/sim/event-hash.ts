const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/**
 * A rolling 64-bit fingerprint in two 32-bit lanes (multiply, rotate, xor; after the mixing steps of MurmurHash3). Cheap
 * enough to be fed by every event of a simulation; not for adversaries.
 */
export class EventHash {
  #low = 0x9747b28c | 0;
  #high = 0x1b873593 | 0;

  add(value: string | number): void {
    if (typeof value === "number") {
      float[0] = value;
      this.#word(words[0]!);
      this.#word(words[1]!);
      return;
    }
    this.#word(value.length);
    for (let i = 0; i < value.length; i++) this.#word(value.charCodeAt(i));
  }

  /** 16 hexadecimal digits. */
  get hex(): string {
    return finish(this.#high) + finish(this.#low);
  }

  #word(word: number): void {
    const low = Math.imul(this.#low ^ word, 0xcc9e2d51);
    const high = Math.imul(this.#high + word, 0x85ebca6b);
    this.#low = ((low << 15) | (low >>> 17)) + this.#high;
    this.#high = ((high << 13) | (high >>> 19)) ^ this.#low;
  }
}

function finish(lane: number): string {
  let out = lane ^ (lane >>> 16);
  out = Math.imul(out, 0x85ebca6b);
  out ^= out >>> 13;
  out = Math.imul(out, 0xc2b2ae35);
  out ^= out >>> 16;
  return (out >>> 0).toString(16).padStart(8, "0");
}
