import { describe, expect, it } from "vitest";
import { chanceFor } from "./chance.ts";
import { keyChooser, scrambled } from "./keys.ts";
import { KeySet, WorkloadPlan } from "./plan.ts";
import { DEFAULT_SETTINGS } from "./settings.ts";
import { Zipf } from "./zipf.ts";

const DRAWS = 200_000;

function counts(draw: () => number, items: number): number[] {
  const found = Array.from({ length: items }, () => 0);
  for (let i = 0; i < DRAWS; i++) found[draw()]!++;
  return found;
}

describe("Zipf's law", () => {
  it.each([
    [2, 0.99],
    [50, 0.99],
    [1_000, 0.99],
    [50, 2],
  ])("for %i items and exponent %f: each rank comes as often as the law says", (items, exponent) => {
    const zipf = new Zipf(items, exponent, chanceFor(7, "keys"));
    const found = counts(() => zipf.next(), items);
    const weights = found.map((_, rank) => (rank + 1) ** -exponent);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const [rank, count] of found.entries()) {
      const expected = (DRAWS * weights[rank]!) / total;
      // Five standard deviations of a binomial distribution: once in 1.7 million.
      expect(Math.abs(count - expected)).toBeLessThan(5 * Math.sqrt(expected) + 1);
    }
  });
});

describe("keys", () => {
  it("are uniform: none comes much more often than another", () => {
    const found = counts(keyChooser("uniform", 100, chanceFor(1, "keys")), 100);
    for (const count of found) expect(Math.abs(count - DRAWS / 100)).toBeLessThan(5 * Math.sqrt(DRAWS / 100));
  });

  it.each([1, 2, 10, 999, 4_096])("scrambled, %i ranks have each a key of their own", (keys) => {
    const scramble = scrambled(keys);
    expect(new Set(Array.from({ length: keys }, (_, rank) => scramble(rank))).size).toBe(keys);
  });

  it("that are popular are no neighbours", () => {
    const found = counts(keyChooser("zipfian", 1_000, chanceFor(1, "keys")), 1_000);
    const popular = found.map((count, key) => ({ count, key })).sort((a, b) => b.count - a.count);
    expect(popular[0]!.count / DRAWS).toBeGreaterThan(0.12);
    expect(Math.abs(popular[0]!.key - popular[1]!.key)).toBeGreaterThan(100);
  });
});

describe("a workload", () => {
  const plan = (changes: object) => {
    const settings = { ...DEFAULT_SETTINGS, keys: 100, ...changes };
    return new WorkloadPlan(settings, new KeySet(settings.keys));
  };

  it("mixes reads and writes in the share that is asked for", () => {
    const mixed = plan({ workload: "mixed", readRatio: 0.7 });
    const kinds = Array.from({ length: 10_000 }, () => mixed.next().kind);
    const reads = kinds.filter((kind) => kind === "get").length / kinds.length;
    expect(reads).toBeGreaterThan(0.68);
    expect(reads).toBeLessThan(0.72);
    expect(new Set(kinds)).toEqual(new Set(["get", "set"]));
  });

  it("is the same for the same seed, and another for another", () => {
    const some = (seed: number) => {
      const one = plan({ workload: "sadd", seed });
      return Array.from({ length: 20 }, () => one.next());
    };
    expect(some(3)).toEqual(some(3));
    expect(some(4)).not.toEqual(some(3));
  });

  it("remembers what it wrote, and only that", () => {
    const reading = plan({ workload: "get" });
    const writing = plan({ workload: "incr" });
    const keys = new Set<number>();
    for (let i = 0; i < 50; i++) {
      reading.next();
      keys.add(writing.next().key);
    }
    expect(reading.written.size).toBe(0);
    expect(writing.written.size).toBe(keys.size);
    expect(new Set(writing.written)).toEqual(keys);
    for (const key of keys) writing.written.delete(key);
    expect([...writing.written]).toEqual([]);
  });
});
