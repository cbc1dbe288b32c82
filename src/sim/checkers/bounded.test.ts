import { describe, expect, it } from "vitest";
import { BoundedChecker } from "./bounded.ts";

describe("bounded memory", () => {
  it("accepts what stays at its limit, and passes over gauges without one", () => {
    const checker = new BoundedChecker({ queue: 10 });
    expect(checker.observe({ time: 1, node: 1, gauge: "queue", value: 10 })).toBe(null);
    expect(checker.observe({ time: 1, node: 1, gauge: "other", value: 1e9 })).toBe(null);
    expect(checker.verdict()).toEqual({ ok: true });
  });

  it("refuses the first sample beyond its limit, and stays with it", () => {
    const checker = new BoundedChecker({ queue: 10 });
    expect(checker.observe({ time: 2, node: 3, gauge: "queue", value: 11 })).toMatchObject({
      problem: "queue exceeds its limit of 10",
      evidence: { lines: ["node 3 had 11 at 2 ms"] },
    });
    checker.observe({ time: 3, node: 3, gauge: "queue", value: 1 });
    expect(checker.verdict().ok).toBe(false);
  });

  it("refuses what is not a number", () => {
    const checker = new BoundedChecker({ queue: 10 });
    checker.observe({ time: 2, node: 3, gauge: "queue", value: NaN });
    expect(checker.verdict().ok).toBe(false);
  });

  it("is unknown while a limit was never compared with anything", () => {
    expect(new BoundedChecker({ queue: 10 }).verdict()).toEqual({
      ok: "unknown",
      why: "never sampled: queue",
    });
  });
});
