import { describe, expect, it } from "vitest";
import { electionSafety } from "./election-safety.ts";
import { leaderCompleteness } from "./leader-completeness.ts";
import { logMatching } from "./log-matching.ts";
import type { GroupEvent, LogEntry, Observer } from "./observer.ts";
import { stateMachineSafety } from "./state-machine-safety.ts";

const leader = (node: number, term: number, group = 1): GroupEvent => ({
  type: "leader",
  node,
  group,
  term,
  time: term * 10,
});
const log = (node: number, entries: readonly LogEntry[], snapshotIndex = 0): GroupEvent => ({
  type: "log",
  node,
  group: 1,
  entries,
  snapshotIndex,
});
const committed = (node: number, [index, term, hash]: LogEntry, committedIn: number): GroupEvent => ({
  type: "committed",
  node,
  group: 1,
  index,
  term,
  hash,
  committedIn,
});
const applied = (node: number, index: number, hash: string, group = 1): GroupEvent => ({
  type: "applied",
  node,
  group,
  index,
  hash,
});

function problemOf(observer: Observer, events: readonly GroupEvent[]): string {
  const refusals = events.map((event) => observer.observe(event)).filter((refusal) => refusal !== null);
  const verdict = observer.verdict();
  // What is said at once is what stays.
  expect(refusals[0] ?? null).toBe(verdict.ok === false ? verdict : null);
  return verdict.ok === false ? verdict.problem : String(verdict.ok);
}

describe("election safety", () => {
  it("accepts a leader per term, in each group, also when it is reported twice", () => {
    expect(problemOf(electionSafety(), [leader(1, 1), leader(2, 2), leader(2, 2), leader(3, 1, 2)])).toBe(
      "true",
    );
  });
  it("refuses two leaders of one term", () => {
    const observer = electionSafety();
    expect(problemOf(observer, [leader(1, 1), leader(2, 1)])).toBe("group 1 has two leaders in term 1");
    expect(observer.verdict()).toMatchObject({
      evidence: { lines: ["node 1, group 1 at 10 ms", "node 2, group 1 at 10 ms"] },
    });
  });
  it("is unknown without an election", () => {
    expect(problemOf(electionSafety(), [applied(1, 1, "a")])).toBe("unknown");
  });
});

describe("log matching", () => {
  const a: LogEntry = [1, 1, "a"];
  const b: LogEntry = [2, 1, "b"];

  it("accepts logs that differ only where their terms do", () => {
    expect(
      problemOf(logMatching(), [
        log(1, [a, b, [3, 1, "c"]]),
        log(2, [a, b, [3, 2, "d"], [4, 2, "e"]]),
        log(3, []),
      ]),
    ).toBe("true");
  });
  it("accepts a log whose beginning became a snapshot, and still compares the rest", () => {
    const rest: LogEntry[] = [
      [5, 2, "x"],
      [6, 2, "y"],
    ];
    expect(problemOf(logMatching(), [log(1, rest, 4), log(2, [[4, 1, "w"], ...rest], 3)])).toBe("true");
    expect(
      problemOf(logMatching(), [
        log(1, rest, 4),
        log(2, [[4, 1, "w"], ...rest], 3),
        log(3, [[4, 2, "v"], ...rest], 3),
      ]),
    ).toContain("index 5 of term 2 follows two different entries");
  });
  it("refuses two contents under one index and term", () => {
    expect(problemOf(logMatching(), [log(1, [a, b]), log(2, [a, [2, 1, "other"]])])).toBe(
      "logs of group 1 do not match: index 2 of term 1 has two contents",
    );
  });
  it("refuses equal entries after different ones", () => {
    const third: LogEntry = [3, 3, "c"];
    expect(problemOf(logMatching(), [log(1, [a, b, third]), log(2, [a, [2, 2, "b2"], third])])).toBe(
      "logs of group 1 do not match: index 3 of term 3 follows two different entries",
    );
  });
  it("refuses a log with a gap, and one whose terms go back", () => {
    expect(problemOf(logMatching(), [log(1, [a, [3, 1, "c"]])])).toContain("gap: index 3 follows 1");
    expect(problemOf(logMatching(), [log(1, [[1, 2, "a"], b])])).toContain("terms go back");
  });
  it("is unknown without a log", () => {
    expect(problemOf(logMatching(), [])).toBe("unknown");
  });
});

describe("leader completeness", () => {
  const entry: LogEntry = [2, 1, "b"];
  const complete = [[1, 1, "a"], entry] as const;

  it("accepts a leader that has what was committed", () => {
    expect(problemOf(leaderCompleteness(), [committed(1, entry, 1), log(2, complete), leader(2, 2)])).toBe(
      "true",
    );
  });
  it("refuses a leader that lacks it", () => {
    expect(
      problemOf(leaderCompleteness(), [committed(1, entry, 1), log(2, [[1, 1, "a"]]), leader(2, 2)]),
    ).toBe("the leader of term 2 in group 1 lacks index 2, committed in term 1");
  });
  it("refuses a leader that has another entry in its place (figure 8)", () => {
    const other: LogEntry = [2, 3, "c"];
    const verdict = problemOf(leaderCompleteness(), [
      committed(1, entry, 4),
      log(5, [[1, 1, "a"], other]),
      leader(5, 5),
    ]);
    expect(verdict).toBe("the leader of term 5 in group 1 lacks index 2, committed in term 4");
  });
  it("refuses it as well when the news of the commitment comes later", () => {
    expect(
      problemOf(leaderCompleteness(), [log(2, [[1, 1, "a"]]), leader(2, 3), committed(1, entry, 2)]),
    ).toContain("lacks index 2");
  });
  it("accepts a leader of an earlier term without it, and one that has it in its snapshot", () => {
    expect(
      problemOf(leaderCompleteness(), [
        log(2, [[1, 1, "a"]]),
        leader(2, 3),
        committed(1, entry, 4),
        log(3, complete),
        leader(3, 5),
      ]),
    ).toBe("true");
    expect(
      problemOf(leaderCompleteness(), [
        committed(1, [1, 1, "a"], 1),
        committed(1, entry, 1),
        log(2, [entry], 1),
        leader(2, 2),
      ]),
    ).toBe("true");
    expect(problemOf(leaderCompleteness(), [committed(1, entry, 1), log(2, [], 2), leader(2, 2)])).toBe(
      "unknown",
    );
  });
  it("is unknown while a leader's log was not compared with anything", () => {
    expect(problemOf(leaderCompleteness(), [leader(1, 1), log(1, complete)])).toBe("unknown");
  });
});

describe("state-machine safety", () => {
  it("accepts replicas that apply the same, again after a restart too, and groups of their own", () => {
    expect(
      problemOf(stateMachineSafety(), [
        applied(1, 1, "a"),
        applied(2, 1, "a"),
        applied(1, 1, "a"),
        applied(1, 1, "z", 2),
      ]),
    ).toBe("true");
  });
  it("refuses two entries at one index", () => {
    expect(
      problemOf(stateMachineSafety(), [applied(1, 1, "a"), applied(1, 2, "b"), applied(2, 2, "c")]),
    ).toBe("replicas of group 1 applied different entries at index 2");
  });
  it("is unknown when nothing was applied", () => {
    expect(problemOf(stateMachineSafety(), [leader(1, 1)])).toBe("unknown");
  });
});
