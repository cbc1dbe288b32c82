import { describe, expect, test } from "vitest";
import { hash64, murmur128 } from "./hash64.ts";

const bytesOf = (words: readonly number[]) => new Uint8Array(new Uint32Array(words).buffer);

describe("MurmurHash3_x86_128", () => {
  // SMHasher's VerificationTest: the keys {}, {0}, {0,1}, …, each with seed 256 minus its length; then the hash of the hashes.
  test("gives the original's verification value", () => {
    const hashes = new Uint8Array(256 * 16);
    for (let length = 0; length < 256; length++) {
      const key = Uint8Array.from({ length }, (_, at) => at);
      hashes.set(bytesOf(murmur128(key, 256 - length)), length * 16);
    }
    expect(murmur128(hashes, 0)[0]).toBe(0xb3ec_e62a);
  });

  test("zeros at the end count, and so does the seed", () => {
    for (const seed of [0, 1, 0xffff_ffff]) {
      const lengths = Array.from({ length: 40 }, (_, length) => hash64(new Uint8Array(length), seed));
      expect(new Set(lengths.map((hash) => JSON.stringify(hash))).size).toBe(40);
    }
    const key = Uint8Array.of(1, 2, 3);
    expect(hash64(key, 1)).not.toEqual(hash64(key, 2));
    expect(hash64(key, -1)).toEqual(hash64(key, 0xffff_ffff));
  });
});
