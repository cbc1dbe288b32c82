import * as fc from "fast-check";
import { expect, test } from "vitest";
import { drawFrom, estimateStaleness, type Legs } from "./staleness.ts";

/** Draws the values in turn. */
function inTurn(...values: readonly number[]): () => number {
  let at = 0;
  return () => values[at++ % values.length]!;
}

test("one write, one read, by hand", () => {
  // Replicas get the write at 1, 5 and 9 and acknowledge in 1: with W=1 it is done at 2.
  const legs = (): Legs => ({
    write: inTurn(1, 5, 9),
    acknowledgement: () => 1,
    read: inTurn(3, 2, 1),
    response: () => 1,
  });
  // The third answers first, after 2. It has the write at 9 = 2 + t + 1, so t = 6.
  const one = estimateStaleness(legs(), { n: 3, r: 1, w: 1 }, 1);
  expect([one.writeLatency(1), one.readLatency(1), one.consistentFrom(1)]).toEqual([2, 2, 6]);
  expect([5.9, 6].map((after) => one.consistent(after))).toEqual([0, 1]);
  // The second answers next, after 3, and has it at 5 = 2 + t + 2.
  const two = estimateStaleness(legs(), { n: 3, r: 2, w: 1 }, 1);
  expect([two.readLatency(1), two.consistentFrom(1)]).toEqual([3, 1]);
  // With W=2 the write is done at 6.
  const overlapping = estimateStaleness(legs(), { n: 3, r: 2, w: 2 }, 1);
  expect([overlapping.writeLatency(1), overlapping.consistentFrom(1)]).toEqual([6, 0]);
});

test("R + W > N: no read is stale, whatever the latencies are", () => {
  const legs = fc.array(fc.double({ min: 0, max: 100, noNaN: true }), { minLength: 1, maxLength: 30 });
  const sizes = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(4), fc.nat(4));
  fc.assert(
    fc.property(legs, sizes, (samples, [n, less, more]) => {
      const r = n - (less % n);
      const w = Math.min(n, n - r + 1 + (more % r));
      const leg = inTurn(...samples);
      const estimate = estimateStaleness(
        { write: leg, acknowledgement: leg, read: leg, response: leg },
        { n, r, w },
        20,
      );
      // What is left is the rounding of sums.
      expect(estimate.consistent(1e-9)).toBe(1);
    }),
  );
});

test("sizes that make no sense are refused", () => {
  const leg = drawFrom([1], () => 0);
  const legs = { write: leg, acknowledgement: leg, read: leg, response: leg };
  for (const [n, r, w, trials] of [
    [3, 0, 1, 1],
    [3, 4, 1, 1],
    [3, 1, 4, 1],
    [3, 1, 1, 0],
  ] as const)
    expect(() => estimateStaleness(legs, { n, r, w }, trials)).toThrow(RangeError);
  expect(() => drawFrom([], () => 0)).toThrow(RangeError);
});
