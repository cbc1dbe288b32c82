import { describe, expect, it } from "vitest";
import { HistoryError } from "../history/event.ts";
import { drawn, type Row } from "./history.testkit.ts";
import { checkMutualExclusion } from "./mutual-exclusion.ts";

const problemOf = (rows: readonly Row[]): string => {
  const verdict = checkMutualExclusion(drawn(rows));
  return verdict.ok === false ? verdict.problem : String(verdict.ok);
};

describe("mutual exclusion by fencing token", () => {
  it("accepts holders one after another, refusals, and a stale holder that is fenced off", () => {
    expect(
      problemOf([
        [1, 1, 2, "acquire", null, 1],
        [2, 3, 4, "acquire", null, null],
        [1, 5, 6, "use", 1],
        [2, 7, 8, "acquire", null, 2],
        [2, 9, 10, "use", 2],
        [1, 11, 12, "use", 1, false],
        [1, 13, 14, "renew", 1, false],
        [2, 15, 16, "release", 2],
      ]),
    ).toBe("true");
  });

  it("accepts a stale holder's work that may have come first", () => {
    expect(
      problemOf([
        [1, 1, 2, "acquire", null, 1],
        [1, 3, 8, "use", 1],
        [2, 4, 5, "acquire", null, 2],
        [2, 6, 7, "use", 2],
      ]),
    ).toBe("true");
  });

  it("refuses a token that was granted twice", () => {
    expect(
      problemOf([
        [1, 1, 2, "acquire", null, 1],
        [2, 3, 4, "acquire", null, 1],
      ]),
    ).toBe('key "x": token 1 was granted twice');
  });

  it("refuses tokens that go back", () => {
    expect(
      problemOf([
        [1, 1, 2, "acquire", null, 5],
        [2, 3, 4, "acquire", null, 4],
      ]),
    ).toBe('key "x": a later grant has a smaller token');
  });

  it("refuses a stale holder's work after its successor's", () => {
    expect(
      problemOf([
        [1, 1, 2, "acquire", null, 1],
        [2, 3, 4, "acquire", null, 2],
        [2, 5, 6, "use", 2],
        [1, 7, 8, "use", 1],
      ]),
    ).toBe('key "x": a stale holder\'s work was accepted');
  });

  it("refuses to confirm an older token once a newer one has been granted", () => {
    expect(
      problemOf([
        [1, 1, 2, "acquire", null, 1],
        [2, 3, 4, "acquire", null, 2],
        [1, 5, 6, "renew", 1],
      ]),
    ).toBe('key "x": two hold it: an older token was confirmed after a newer one had been granted');
  });

  it("is unknown for a lock that nobody got, and complains about what is no lock", () => {
    expect(problemOf([[1, 1, 2, "acquire", null, null]])).toBe("unknown");
    expect(problemOf([])).toBe("unknown");
    expect(() => problemOf([[1, 1, 2, "read", null, 1]])).toThrow(HistoryError);
    expect(() => problemOf([[1, 1, 2, "use", "1"]])).toThrow("line 1: use has the value");
  });
});
