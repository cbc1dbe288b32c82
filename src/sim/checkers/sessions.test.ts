import { describe, expect, it } from "vitest";
import type { Operation } from "../history/event.ts";
import { drawn, type Row } from "./history.testkit.ts";
import {
  checkMonotonicReads,
  checkMonotonicWrites,
  checkReadYourWrites,
  checkSessionGuarantees,
  checkWritesFollowReads,
} from "./sessions.ts";

/** Operations of session 1 (and of the sessions given), with their versions in order. */
function versioned(rows: readonly Row[], versions: readonly (number | undefined)[]): readonly Operation[] {
  return drawn(rows).map((operation, index) => {
    const version = versions[index];
    return version === undefined ? operation : { ...operation, version };
  });
}

const write: Row = [1, 1, 2, "write", 1];
const later: Row = [1, 3, 4, "write", 2];
const read: Row = [1, 5, 6, "read", null, 1];
const readAgain: Row = [1, 7, 8, "read", null, 1];

describe("session guarantees", () => {
  it("read your writes: a read sees the session's own write, or a newer one", () => {
    expect(checkReadYourWrites(versioned([write, read], [5, 5])).ok).toBe(true);
    expect(checkReadYourWrites(versioned([write, read], [5, 9])).ok).toBe(true);
    const verdict = checkReadYourWrites(versioned([write, read], [5, 4]));
    expect(verdict).toMatchObject({
      ok: false,
      problem: 'session 1, key "x": a session does not read its own write',
      evidence: { operations: [{ call: 1 }, { call: 5 }] },
    });
  });

  it("monotonic reads: a session does not go back", () => {
    expect(checkMonotonicReads(versioned([read, readAgain], [5, 5])).ok).toBe(true);
    expect(checkMonotonicReads(versioned([read, readAgain], [5, 4]))).toMatchObject({
      ok: false,
      problem: 'session 1, key "x": a session reads an older version than it has read before',
    });
  });

  it("monotonic writes: a session's writes keep their order", () => {
    expect(checkMonotonicWrites(versioned([write, later], [5, 6])).ok).toBe(true);
    for (const second of [4, 5]) {
      expect(checkMonotonicWrites(versioned([write, later], [5, second]))).toMatchObject({
        ok: false,
        problem: 'session 1, key "x": the writes of a session are ordered against the session',
      });
    }
  });

  it("writes follow reads: a write comes after what was read", () => {
    const rows: Row[] = [
      [1, 1, 2, "read", null, 1],
      [1, 3, 4, "write", 2],
    ];
    expect(checkWritesFollowReads(versioned(rows, [5, 6])).ok).toBe(true);
    expect(checkWritesFollowReads(versioned(rows, [5, 5]))).toMatchObject({
      ok: false,
      problem: 'session 1, key "x": a write is ordered before what its session had read',
    });
  });

  it("say nothing about other sessions, other keys, or operations that overlap", () => {
    const other: Row = [2, 5, 6, "read", null, 1];
    expect(checkReadYourWrites(versioned([write, other], [5, 4])).ok).toBe("unknown");
    const [own] = versioned([write], [5]);
    const [foreign] = versioned([read], [4]).map((operation) => ({ ...operation, key: "y" }));
    expect(checkReadYourWrites([own!, foreign!]).ok).toBe("unknown");
    const overlapping: Row = [1, 2, 9, "read", null, 1];
    expect(checkReadYourWrites(versioned([[1, 1, 3, "write", 1], overlapping], [5, 4])).ok).toBe("unknown");
  });

  it("hold for a session that moves between processes", () => {
    const moved = versioned([write, [2, 5, 6, "read", null, 1]], [5, 4]).map((operation) => ({
      ...operation,
      session: "s",
    }));
    expect(checkReadYourWrites(moved).ok).toBe(false);
  });

  it("are unknown without versions, and pass over what has none", () => {
    expect(checkSessionGuarantees(drawn([write, read])).ok).toBe("unknown");
    expect(checkReadYourWrites(versioned([write, read, readAgain], [5, undefined, 5])).ok).toBe(true);
  });

  it("are refused together when one of them is broken", () => {
    const operations = versioned([write, read, readAgain], [5, 7, 6]);
    expect(checkSessionGuarantees(operations)).toMatchObject({
      ok: false,
      problem: expect.stringContaining("older"),
    });
  });
});
