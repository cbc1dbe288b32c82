/**
 * MurmurHash3_x86_128 (Austin Appleby, SMHasher, in the public domain): fast where numbers have 32 bits, the same on every
 * machine. **Not cryptographic**: whoever chooses the bytes can make them collide. It places keys and finds accidental
 * differences; it protects nothing from an adversary.
 */

/** Two halves, each a whole number below 2^32. */
export interface Hash64 {
  readonly high: number;
  readonly low: number;
}

const C1 = 0x239b_961b;
const C2 = 0xab0e_9789;
const C3 = 0x38b3_4ae5;
const C4 = 0xa1e3_8b93;
/** Bytes behind the last whole block; zeros where there are none change nothing, as in the original's fall-through. */
const TAIL = new Uint8Array(16);

/** The first 64 of the 128 bits. `seed`: 32 bits. */
export function hash64(bytes: Uint8Array, seed = 0): Hash64 {
  const [high, low] = murmur128(bytes, seed);
  return { high, low };
}

/** All four words of the hash, in the original's order. */
export function murmur128(bytes: Uint8Array, seed: number): readonly [number, number, number, number] {
  let h1 = seed | 0;
  let h2 = h1;
  let h3 = h1;
  let h4 = h1;
  const whole = bytes.length & ~15;
  for (let at = 0; at < whole; at += 16) {
    h1 ^= scramble(word(bytes, at), C1, 15, C2);
    h1 = (Math.imul((rotate(h1, 19) + h2) | 0, 5) + 0x561c_cd1b) | 0;
    h2 ^= scramble(word(bytes, at + 4), C2, 16, C3);
    h2 = (Math.imul((rotate(h2, 17) + h3) | 0, 5) + 0x0bca_a747) | 0;
    h3 ^= scramble(word(bytes, at + 8), C3, 17, C4);
    h3 = (Math.imul((rotate(h3, 15) + h4) | 0, 5) + 0x96cd_1c35) | 0;
    h4 ^= scramble(word(bytes, at + 12), C4, 18, C1);
    h4 = (Math.imul((rotate(h4, 13) + h1) | 0, 5) + 0x32ac_3b17) | 0;
  }
  if (whole < bytes.length) {
    TAIL.fill(0);
    for (let at = whole; at < bytes.length; at++) TAIL[at - whole] = bytes[at]!;
    h1 ^= scramble(word(TAIL, 0), C1, 15, C2);
    h2 ^= scramble(word(TAIL, 4), C2, 16, C3);
    h3 ^= scramble(word(TAIL, 8), C3, 17, C4);
    h4 ^= scramble(word(TAIL, 12), C4, 18, C1);
  }
  h1 ^= bytes.length;
  h2 ^= bytes.length;
  h3 ^= bytes.length;
  h4 ^= bytes.length;
  h1 = (h1 + h2 + h3 + h4) | 0;
  h2 = (h2 + h1) | 0;
  h3 = (h3 + h1) | 0;
  h4 = (h4 + h1) | 0;
  h1 = finish(h1);
  h2 = finish(h2);
  h3 = finish(h3);
  h4 = finish(h4);
  h1 = (h1 + h2 + h3 + h4) | 0;
  return [h1 >>> 0, (h2 + h1) >>> 0, (h3 + h1) >>> 0, (h4 + h1) >>> 0];
}

/** Little endian, as the original reads it on the machines it was tested on. */
function word(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}

function scramble(value: number, before: number, turn: number, after: number): number {
  return Math.imul(rotate(Math.imul(value, before), turn), after);
}

function rotate(value: number, by: number): number {
  return (value << by) | (value >>> (32 - by));
}

function finish(value: number): number {
  let mixed = value ^ (value >>> 16);
  mixed = Math.imul(mixed, 0x85eb_ca6b);
  mixed ^= mixed >>> 13;
  mixed = Math.imul(mixed, 0xc2b2_ae35);
  return mixed ^ (mixed >>> 16);
}
