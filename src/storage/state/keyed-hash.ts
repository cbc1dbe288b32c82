/**
 * HalfSipHash-1-3 over binary strings, under two keys at once. SipHash: Aumasson and Bernstein, "SipHash: a fast short-input
 * PRF" (INDOCRYPT 2012); the variant of 32-bit words is of its reference code. Whoever does not know the keys cannot choose
 * strings whose hashes meet.
 */
const FINAL_ROUNDS = 3;

export class KeyedHash {
  /** Of the last call: 64 bits under the first key, 32 under the second; signed. */
  first = 0;
  second = 0;
  third = 0;
  readonly #a0: number;
  readonly #a1: number;
  readonly #b0: number;
  readonly #b1: number;

  /** `key`: 16 secret bytes. */
  constructor(key: Uint8Array) {
    const words = new DataView(key.buffer, key.byteOffset, 16);
    this.#a0 = words.getInt32(0);
    this.#a1 = words.getInt32(4);
    this.#b0 = words.getInt32(8);
    this.#b1 = words.getInt32(12);
  }

  /** `salt`: 32 bits that come before the text, whose characters are bytes. */
  hash(salt: number, text: string): void {
    let a0 = this.#a0;
    let a1 = this.#a1 ^ 0xee;
    let a2 = 0x6c79_6765 ^ this.#a0;
    let a3 = 0x7465_6462 ^ this.#a1;
    let b0 = this.#b0;
    let b1 = this.#b1 ^ 0xee;
    let b2 = 0x6c79_6765 ^ this.#b0;
    let b3 = 0x7465_6462 ^ this.#b1;
    const whole = text.length & ~3;
    const end = whole + 4;
    const middle = end + 4 * FINAL_ROUNDS;
    const stop = middle + 4 * FINAL_ROUNDS;
    // Both keys in one pass: two calls, each of which reads the text, take half as long again. One round for each word: the salt, the text, its rest with its length; then those without a word.
    for (let at = -4; at < stop; at += 4) {
      let word = 0;
      if (at < 0) word = salt;
      else if (at < whole) word = wordOf(text, at);
      else if (at === whole) word = restOf(text, whole);
      else if (at === end) {
        a2 ^= 0xee;
        b2 ^= 0xee;
      } else if (at === middle) {
        this.first = a1 ^ a3;
        this.third = b1 ^ b3;
        a1 ^= 0xdd;
      }
      a3 ^= word;
      a0 = (a0 + a1) | 0;
      a1 = ((a1 << 5) | (a1 >>> 27)) ^ a0;
      a0 = (a0 << 16) | (a0 >>> 16);
      a2 = (a2 + a3) | 0;
      a3 = ((a3 << 8) | (a3 >>> 24)) ^ a2;
      a0 = (a0 + a3) | 0;
      a3 = ((a3 << 7) | (a3 >>> 25)) ^ a0;
      a2 = (a2 + a1) | 0;
      a1 = ((a1 << 13) | (a1 >>> 19)) ^ a2;
      a2 = (a2 << 16) | (a2 >>> 16);
      a0 ^= word;
      b3 ^= word;
      b0 = (b0 + b1) | 0;
      b1 = ((b1 << 5) | (b1 >>> 27)) ^ b0;
      b0 = (b0 << 16) | (b0 >>> 16);
      b2 = (b2 + b3) | 0;
      b3 = ((b3 << 8) | (b3 >>> 24)) ^ b2;
      b0 = (b0 + b3) | 0;
      b3 = ((b3 << 7) | (b3 >>> 25)) ^ b0;
      b2 = (b2 + b1) | 0;
      b1 = ((b1 << 13) | (b1 >>> 19)) ^ b2;
      b2 = (b2 << 16) | (b2 >>> 16);
      b0 ^= word;
    }
    this.second = a1 ^ a3;
  }
}

function wordOf(text: string, at: number): number {
  return (
    text.charCodeAt(at) |
    (text.charCodeAt(at + 1) << 8) |
    (text.charCodeAt(at + 2) << 16) |
    (text.charCodeAt(at + 3) << 24)
  );
}

/** What is left after the whole words, and the length of all in the highest byte, the salt included. */
function restOf(text: string, from: number): number {
  let word = (text.length + 4) << 24;
  for (let at = from; at < text.length; at++) word |= text.charCodeAt(at) << (8 * (at - from));
  return word;
}
