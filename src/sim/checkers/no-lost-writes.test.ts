import { describe, expect, it } from "vitest";
import { drawn, type Row } from "./history.testkit.ts";
import { checkNoLostWrites, type LossyKind } from "./no-lost-writes.ts";

const problemOf = (kind: LossyKind, rows: readonly Row[]): string => {
  const verdict = checkNoLostWrites(drawn(rows), kind);
  return verdict.ok === false ? verdict.problem : String(verdict.ok);
};

describe("no acknowledged write is lost", () => {
  it("a set holds what was acknowledged, perhaps what was not, and nothing else", () => {
    const rows = (seen: readonly number[]): Row[] => [
      [1, 1, 2, "add", 1],
      [1, 3, null, "add", 2],
      [1, 4, 5, "add", 3],
      [2, 6, 7, "read", null, seen],
    ];
    expect(problemOf("set", rows([1, 3]))).toBe("true");
    expect(problemOf("set", rows([3, 2, 1]))).toBe("true");
    expect(problemOf("set", rows([1, 2]))).toBe('key "x" lost 1 acknowledged write');
    expect(problemOf("set", rows([1, 3, 4]))).toBe(
      'key "x" holds 4, which was never written or whose write had failed',
    );
    expect(problemOf("set", rows([1, 3, 3]))).toBe('key "x" holds 3 2 times, written 1 times');
  });

  it("a set may have lost what somebody tried to remove, and does not hold what failed", () => {
    const rows: Row[] = [
      [1, 1, 2, "add", 1],
      [1, 3, null, "remove", 1],
      [2, 4, 5, "read", null, []],
    ];
    expect(problemOf("set", rows)).toBe("true");
    const [failed, read] = drawn([
      [1, 1, 2, "add", 1],
      [2, 3, 4, "read", null, [1]],
    ]);
    const verdict = checkNoLostWrites([{ ...failed!, outcome: "fail", return: Infinity }, read!], "set");
    expect(verdict.ok).toBe(false);
  });

  it("a list holds every acknowledged append as often as it was made", () => {
    const rows = (seen: readonly string[]): Row[] => [
      [1, 1, 2, "append", "a"],
      [1, 3, 4, "append", "a"],
      [1, 5, null, "append", "b"],
      [2, 6, 7, "read", null, seen],
    ];
    expect(problemOf("list", rows(["a", "a"]))).toBe("true");
    expect(problemOf("list", rows(["a"]))).toBe('key "x" lost 1 acknowledged write');
    expect(problemOf("list", rows(["a", "b", "a", "b"]))).toBe('key "x" holds "b" 2 times, written 1 times');
  });

  it("a counter lies between what was acknowledged and what was possible", () => {
    const rows = (seen: number): Row[] => [
      [1, 1, 2, "increment", 5],
      [1, 3, null, "increment", 2],
      [1, 4, null, "increment", -1],
      [1, 5, 6, "increment", 5],
      [2, 7, 8, "read", null, seen],
    ];
    for (const possible of [9, 10, 11, 12]) expect(problemOf("counter", rows(possible))).toBe("true");
    expect(problemOf("counter", rows(8))).toBe('key "x" lost acknowledged increments');
    expect(problemOf("counter", rows(13))).toBe('key "x" counts what nobody added');
  });

  it("what is still open when the last read begins may be missing", () => {
    const rows: Row[] = [
      [1, 1, 9, "increment", 5],
      [2, 2, 3, "read", null, 0],
    ];
    expect(problemOf("counter", rows)).toBe("true");
  });

  it("a register holds the last acknowledged write, or one that may have come after it", () => {
    const rows = (seen: number | null): Row[] => [
      [1, 1, 2, "write", 1],
      [2, 3, null, "write", 2],
      [1, 4, 5, "write", 3],
      [3, 6, 7, "read", null, seen],
    ];
    expect(problemOf("register", rows(3))).toBe("true");
    expect(problemOf("register", rows(2))).toBe("true");
    expect(problemOf("register", rows(1))).toBe('key "x" lost an acknowledged write');
    expect(problemOf("register", rows(null))).toBe('key "x" lost an acknowledged write');
    expect(problemOf("register", rows(9))).toBe('key "x" holds a value that nobody wrote');
  });

  it("is unknown for a key that is never read", () => {
    expect(problemOf("counter", [[1, 1, 2, "increment", 1]])).toBe("unknown");
    expect(problemOf("counter", [])).toBe("unknown");
  });
});
