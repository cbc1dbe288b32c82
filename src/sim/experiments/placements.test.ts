import { describe, expect, test } from "vitest";
import { measureMerkle } from "./merkle.ts";
import { measureRings, RING_BALANCE, ringBalance } from "./rings.ts";
import { estimateRow, isNear, measureStaleness, STALENESS_ROWS } from "./staleness.ts";

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
  test.each([STALENESS_ROWS[0], STALENESS_ROWS[3]])("R=$r W=$w: about as published", (row) => {
    // Fewer trials than for the page: the tail of one in a thousand is 60 of them.
    const estimate = estimateRow(row, 60_000);
    expect(isNear(row.read, estimate.readLatency(0.999), 0.1)).toBe(true);
    expect(isNear(row.write, estimate.writeLatency(0.999), 0.1)).toBe(true);
    expect(isNear(row.consistent, estimate.consistentFrom(0.999), 0.3)).toBe(true);
  });
});

test.each([
  ["merkle", measureMerkle],
  ["rings", measureRings],
  ["staleness", measureStaleness],
])("the page %s says the same each time", (_, measure) => {
  const { page } = measure(() => undefined, 0.001);
  expect(measure(() => undefined, 0.001).page).toBe(page);
  expect(page).not.toMatch(/NaN|undefined|Infinity/);
});
