import { describe, expect, test } from "vitest";
import { measureMerkle } from "./merkle.ts";
import { measureRings, RING_BALANCE, ringBalance } from "./rings.ts";
import { fewerThan, sweepTimes } from "./staleness-sweep.ts";
import { estimateRow, isNear, measureStaleness, STALENESS_ROWS, sweptTime } from "./staleness.ts";

describe("rings", () => {
  test.each(RING_BALANCE.slice(0, 2))(
    "$points points a node: the published error",
    ({ points, published }) => {
      const { error } = ringBalance(points, points === 1 ? 20 : 4);
      expect(isNear(published, error, 0.06)).toBe(true);
    },
  );

  test("an uneven ring is noticed", () => {
    expect(isNear(0.315, ringBalance(5, 2).error, 0.05)).toBe(false);
  });
});

describe("staleness", () => {
  test.each([STALENESS_ROWS[0]!, STALENESS_ROWS[3]!])("R=$r W=$w: about as published", (row) => {
    // Fewer trials than for the page: the tail of one in a thousand is 60 of them.
    const estimate = estimateRow(row, 60_000);
    expect(isNear(row.read, estimate.readLatency(0.999), 0.1)).toBe(true);
    expect(isNear(row.write, estimate.writeLatency(0.999), 0.1)).toBe(true);
    expect(isNear(row.consistent, sweptTime(row, estimate).median, 0.2)).toBe(true);
  });

  test("a sweep answers early: every step is another chance to stop", () => {
    const row = STALENESS_ROWS[0]!;
    const estimate = estimateRow(row, 60_000);
    const sweep = { step: 0.1, trials: 50_000, fewer: 50 };
    const [median] = sweepTimes(estimate, sweep, [0.5]);
    expect(median).toBeLessThan(estimate.consistentFrom(0.999));
    expect(sweepTimes(estimate, { ...sweep, step: 0.01 }, [0.5])[0]).toBeLessThan(median!);
    // With so few steps that there is but one chance near the end, and lots so large that luck plays no part, it is exact.
    const exact = sweepTimes(estimate, { step: 1, trials: 1e8, fewer: 1e5 }, [0.5])[0]!;
    expect(Math.abs(exact - estimate.consistentFrom(0.999))).toBeLessThanOrEqual(1);
  });

  test("how likely it is that fewer come true", () => {
    expect(fewerThan(1, 10, 0.5)).toBeCloseTo(0.5 ** 10);
    expect(fewerThan(2, 2, 0.25)).toBeCloseTo(1 - 0.25 ** 2);
    expect(fewerThan(3, 2, 0.25)).toBeCloseTo(1);
    expect([fewerThan(1, 10, 0), fewerThan(1, 10, 1), fewerThan(11, 10, 1)]).toEqual([1, 0, 1]);
    // So many that none at all is less than a number can hold.
    expect(fewerThan(5000, 10_000, 0.5)).toBeCloseTo(0.496, 3);
  });
});

test.each([
  ["merkle", measureMerkle],
  ["rings", measureRings],
  ["staleness", measureStaleness],
])("the page %s says the same each time", (_, measure) => {
  const { page, plot } = measure(() => undefined, 0.001);
  expect(measure(() => undefined, 0.001)).toEqual({ page, plot });
  expect(page + plot).not.toMatch(/NaN|undefined|Infinity/);
});
