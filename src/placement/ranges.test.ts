import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decideRanges, type RangeAction, type RangeLimits, type RangeLoad, rangeOf } from "./ranges.ts";

const LIMITS: RangeLimits = { maxBytes: 100, maxLoad: 50, mergeShare: 0.5 };

interface Item {
  readonly key: string;
  readonly bytes: number;
  readonly load: number;
}

const sum = (items: readonly Item[], of: "bytes" | "load") =>
  items.reduce((total, item) => total + item[of], 0);

/** The first key with at least half of it before: never the first key of all. */
function halfway(items: readonly Item[], of: "bytes" | "load"): string | null {
  const half = sum(items, of) / 2;
  let before = 0;
  for (const [at, item] of items.entries()) {
    if (at > 0 && before + item[of] > half) return item.key;
    before += item[of];
  }
  return items.length > 1 ? items.at(-1)!.key : null;
}

function describeRanges(starts: readonly string[], items: readonly Item[]): RangeLoad[] {
  return starts.map((from, at) => {
    const inside = items.filter(
      ({ key }) =>
        rangeOf(
          starts.map((start) => ({ from: start })),
          key,
        ) === at,
    );
    const middle = { bytes: halfway(inside, "bytes"), load: halfway(inside, "load") };
    return { from, bytes: sum(inside, "bytes"), load: sum(inside, "load"), middle };
  });
}

function carryOut(starts: readonly string[], actions: readonly RangeAction[]): string[] {
  const now = new Set(starts);
  for (const action of actions) {
    if (action.type === "split") now.add(action.at);
    if (action.type === "merge") now.delete(action.next);
  }
  return [...now].sort();
}

const items = fc
  .uniqueArray(
    fc.record({
      key: fc.integer({ min: 1, max: 999 }).map((number) => String(number).padStart(3, "0")),
      bytes: fc.integer({ min: 0, max: 60 }),
      load: fc.integer({ min: 0, max: 30 }),
    }),
    { selector: ({ key }) => key, maxLength: 60 },
  )
  .map((all) => all.sort((a, b) => (a.key < b.key ? -1 : 1)));

describe("ranges", () => {
  test("come to rest within both limits, and not in crumbs", () => {
    fc.assert(
      fc.property(items, fc.array(fc.integer({ min: 1, max: 999 }), { maxLength: 20 }), (all, cuts) => {
        let starts = [...new Set(["", ...cuts.map((cut) => String(cut).padStart(3, "0"))])].sort();
        let rounds = 0;
        for (;;) {
          const actions = decideRanges(describeRanges(starts, all), LIMITS);
          if (actions.length === 0) break;
          starts = carryOut(starts, actions);
          expect(starts[0]).toBe("");
          expect(++rounds).toBeLessThan(60);
        }
        const ranges = describeRanges(starts, all);
        for (const [at, { bytes, load }] of ranges.entries()) {
          expect(bytes <= LIMITS.maxBytes && load <= LIMITS.maxLoad).toBe(true);
          const next = ranges[at + 1] ?? { bytes: Number.POSITIVE_INFINITY, load: 0 };
          expect(bytes + next.bytes > 50 || load + next.load > 25).toBe(true);
        }
      }),
    );
  });

  test("a split is not undone, whatever share merges", () => {
    const range = { from: "", bytes: 101, load: 0, middle: { bytes: "m", load: null } };
    expect(decideRanges([range], LIMITS)).toEqual([{ type: "split", from: "", at: "m", reason: "size" }]);
    const halves = [
      { ...range, bytes: 50 },
      { ...range, from: "m", bytes: 51 },
    ];
    expect(decideRanges(halves, { ...LIMITS, mergeShare: 0.99 })).toEqual([]);
    expect(() => decideRanges(halves, { ...LIMITS, mergeShare: 1 })).toThrow(RangeError);
  });

  test("one key that is too busy is said, not split", () => {
    const busy = { from: "k", bytes: 1, load: 51, middle: { bytes: null, load: "k" } };
    const calm = { from: "l", bytes: 1, load: 0, middle: { bytes: null, load: null } };
    expect(decideRanges([busy, calm], LIMITS)).toEqual([{ type: "stuck", from: "k", reason: "load" }]);
    expect(decideRanges([{ ...busy, middle: { bytes: null, load: "l" } }, calm], LIMITS)).toEqual([
      { type: "stuck", from: "k", reason: "load" },
    ]);
  });

  test("of three small neighbours two merge at a time", () => {
    const small = (from: string): RangeLoad => ({
      from,
      bytes: 1,
      load: 1,
      middle: { bytes: null, load: null },
    });
    expect(decideRanges([small(""), small("b"), small("c")], LIMITS)).toEqual([
      { type: "merge", from: "", next: "b" },
    ]);
  });

  test("a key is in the last range that starts at it or before", () => {
    const ranges = ["", "b", "d"].map((from) => ({ from }));
    expect(["", "a", "b", "c", "d", "z"].map((one) => rangeOf(ranges, one))).toEqual([0, 0, 1, 1, 2, 2]);
  });
});
