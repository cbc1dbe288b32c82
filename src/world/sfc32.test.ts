import { describe, expect, it } from "vitest";
import { createNodeRandom } from "./node-random.ts";
import { Sfc32 } from "./sfc32.ts";

describe("sfc32", () => {
  it("gives the published sequence", () => {
    // From an independent transcription of PractRand's sfc32 with 64-bit integers cut to 32 bits.
    const mask = 0xffff_ffffn;
    let [a, b, c, counter] = [1n, 2n, 3n, 1n];
    const reference = (): number => {
      const out = (a + b + counter) & mask;
      counter = (counter + 1n) & mask;
      a = b ^ (b >> 9n);
      b = (c + (c << 3n)) & mask;
      c = (((c << 21n) & mask) | (c >> 11n)) & mask;
      c = (c + out) & mask;
      return Number(BigInt.asIntN(32, out));
    };
    for (let i = 0; i < 12; i++) reference();
    const generator = new Sfc32(1, 2, 3);
    for (let i = 0; i < 1000; i++) expect(generator.nextWord()).toBe(reference());
  });

  it("is uniform: 100,000 draws fill 100 bins evenly", () => {
    const generator = new Sfc32(7, 8, 9);
    const bins = Array.from({ length: 100 }, () => 0);
    for (let i = 0; i < 100_000; i++) bins[Math.floor(generator.next() * 100)]!++;
    // Chi-squared with 99 degrees of freedom: over 160 happens once in ten thousand.
    expect(bins.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0)).toBeLessThan(160);
  });

  it("fills any length of bytes", () => {
    for (const length of [0, 1, 3, 4, 5, 17]) expect(new Sfc32(1, 2, 3).bytes(length)).toHaveLength(length);
    expect(new Sfc32(1, 2, 3).bytes(8)).toEqual(new Sfc32(1, 2, 3).bytes(8));
  });
});

describe("chance in production", () => {
  it("is in range, differs between processes, and gives plain byte arrays", () => {
    const [one, other] = [createNodeRandom(), createNodeRandom()];
    expect(one.next()).not.toBe(other.next());
    for (let i = 0; i < 1000; i++) {
      const value = one.next();
      expect(value >= 0 && value < 1).toBe(true);
    }
    expect(one.bytes(16).constructor).toBe(Uint8Array);
    expect(one.bytes(16)).not.toEqual(one.bytes(16));
  });
});
