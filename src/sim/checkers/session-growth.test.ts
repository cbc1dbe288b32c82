import { describe, expect, it } from "vitest";
import { drawn, type Row } from "./history.testkit.ts";
import { checkSessionGrowth } from "./session-growth.ts";

const check = (...rows: readonly Row[]) => checkSessionGrowth(drawn(rows), ["x"]);

const add: Row = [1, 1, 2, "increment", 3, 3];

describe("sessions over growing counters", () => {
  it("a session reads what it has added, and what others have added besides", () => {
    expect(check(add, [1, 3, 4, "read", null, 3], [1, 5, 6, "read", null, 9])).toMatchObject({ ok: true });
  });

  it("a read that shows less than its session has added is refused", () => {
    expect(check(add, [1, 3, 4, "increment", 2, 2], [1, 5, 6, "read", null, 4])).toMatchObject({
      ok: false,
      problem: 'session 1, key "x": a session does not read its own writes: it has added 5, and reads 4',
    });
  });

  it("a read that shows less than an earlier one of its session is refused", () => {
    expect(check([1, 1, 2, "read", null, 7], [1, 3, 4, "read", null, 6])).toMatchObject({
      ok: false,
      problem: 'session 1, key "x": a session reads less than it has seen before',
    });
  });

  it("what was not acknowledged before, and what other sessions have seen, binds nobody", () => {
    const others: Row = [2, 3, 4, "read", null, 0];
    const atTheSameTime: Row = [1, 5, 8, "increment", 4, 7];
    const meanwhile: Row = [1, 6, 7, "read", null, 3];
    expect(check(add, others, atTheSameTime, meanwhile)).toMatchObject({ ok: true });
  });
});
