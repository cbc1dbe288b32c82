import { describe, expect, it } from "vitest";
import { checkAtLeastOnce, checkExactlyOnce, onceEventsOfList, type OnceEvent } from "./exactly-once.ts";
import { drawn, type Row } from "./history.testkit.ts";
import { formatVerdict } from "./verdict.ts";

const events = (types: string): OnceEvent[] =>
  types.split(" ").map((type) => ({ type: type as OnceEvent["type"], id: "r1" }));

describe("exactly once", () => {
  it.each(["issued applied acknowledged", "issued", "issued applied", "issued refused"])(
    "accepts: %s",
    (types) => {
      expect(checkExactlyOnce(events(types))).toEqual({ ok: true });
    },
  );

  it.each([
    ["issued applied applied acknowledged", "request r1 was applied 2 times"],
    ["issued acknowledged", "request r1 was acknowledged but not applied"],
    ["issued applied acknowledged acknowledged", "request r1 was acknowledged 2 times"],
    ["issued refused applied", "request r1 was refused and yet applied"],
    ["issued applied acknowledged refused", "request r1 was refused and yet applied"],
    ["issued issued applied", "request r1 was issued twice: its id is not unique"],
    ["applied", "request r1 was never issued"],
  ])("refuses: %s", (types, problem) => {
    expect(formatVerdict(checkExactlyOnce(events(types)))).toContain(problem);
  });

  it("is unknown when nothing was asked for", () => {
    expect(checkExactlyOnce([]).ok).toBe("unknown");
  });

  it("can be read off a list to which every request appended its id", () => {
    const rows = (seen: readonly string[]): Row[] => [
      [1, 1, 2, "append", "a"],
      [1, 3, null, "append", "b"],
      [2, 4, 5, "read", null, ["a"]],
      [2, 6, 7, "read", null, seen],
    ];
    expect(checkExactlyOnce(onceEventsOfList(drawn(rows(["a", "b"])))).ok).toBe(true);
    expect(formatVerdict(checkExactlyOnce(onceEventsOfList(drawn(rows(["a", "b", "a"])))))).toContain(
      'request "a" was applied 2 times',
    );
    expect(formatVerdict(checkExactlyOnce(onceEventsOfList(drawn(rows(["b"])))))).toContain(
      'request "a" was acknowledged but not applied',
    );
    expect(checkExactlyOnce(onceEventsOfList(drawn(rows([]).slice(0, 2)))).ok).toBe("unknown");
  });
});

describe("at least once", () => {
  it.each([
    "issued applied applied acknowledged",
    "issued applied",
    "issued applied applied",
    "issued refused",
  ])("accepts: %s", (types) => {
    expect(checkAtLeastOnce(events(types))).toEqual({ ok: true });
  });

  it.each([
    ["issued acknowledged", "request r1 was acknowledged but not applied"],
    ["issued refused applied applied", "request r1 was refused and yet applied"],
    ["applied applied", "request r1 was never issued"],
  ])("refuses: %s", (types, problem) => {
    expect(formatVerdict(checkAtLeastOnce(events(types)))).toContain(problem);
  });
});
