import { describe, expect, it } from "vitest";
import type { Operation } from "../history/event.ts";
import { drawn, type Row } from "./history.testkit.ts";
import { checkLiveness } from "./liveness.ts";

/** Faults end at 100; 10 to recover, 10 for an operation. */
const options = { healedAt: 100, within: 10, endedAt: 200 } as const;

const problemOf = (operations: readonly Operation[], endedAt = 200): string => {
  const verdict = checkLiveness(operations, { ...options, endedAt });
  return verdict.ok === false ? verdict.problem : String(verdict.ok);
};

const fine: readonly Row[] = [
  [1, 102, null, "write", 1],
  [2, 112, 115, "write", 2],
  [2, 130, 140, "write", 3],
];

describe("liveness after healing", () => {
  it("accepts failures while the cluster recovers, and successes from then on", () => {
    expect(problemOf(drawn(fine))).toBe("true");
  });

  it("refuses an operation that takes too long, never ends, or fails", () => {
    const slow = "an operation did not succeed within 10 ms, although all faults had ended 50 ms before it";
    expect(problemOf(drawn([...fine, [3, 150, 161, "write", 4]]))).toContain(slow);
    expect(problemOf(drawn([...fine, [3, 150, null, "write", 4]]))).toContain(slow);
    const failed = drawn([...fine, [3, 150, 151, "write", 4]]).map(
      (operation): Operation =>
        operation.invoked === 150
          ? { ...operation, outcome: "fail", return: Infinity, error: "no-leader" }
          : operation,
    );
    expect(checkLiveness(failed, options)).toMatchObject({
      ok: false,
      evidence: { lines: [expect.stringContaining("line 150"), "error: no-leader"] },
    });
  });

  it("refuses a key on which nothing succeeds in time", () => {
    expect(problemOf(drawn([[1, 102, null, "write", 1]]))).toBe(
      'key "x": nothing succeeded within 20 ms after all faults had ended',
    );
  });

  it("does not judge what had no time left", () => {
    expect(problemOf(drawn([...fine, [3, 195, null, "write", 4]]))).toBe("true");
  });

  it("is unknown when nobody asked after the healing", () => {
    expect(problemOf(drawn([[1, 50, 60, "write", 1]]))).toBe("unknown");
    expect(checkLiveness(drawn([[1, 105, 106, "write", 1]]), { healedAt: 100, within: 10 }).ok).toBe(
      "unknown",
    );
  });
});
