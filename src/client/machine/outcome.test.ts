import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ERRORS, type ErrorCode } from "../../core/errors.ts";
import { Failure, OK, type Reply } from "../../core/reply.ts";
import { atAbort, atDeadline, judge, mayPass, type Repetition, type Verdict } from "./outcome.ts";

const REPETITIONS: readonly Repetition[] = ["read", "at-most-once", "at-least-once", "exactly-once"];

const ANSWERS = {
  done: OK,
  "refused by the command": new Failure("ERR value is not an integer or out of range"),
  "may pass": new Failure("", "not-leader"),
  "session expired": new Failure("", "session-expired"),
  "wrong shard": new Failure("", "wrong-shard"),
  stays: new Failure("", "too-large"),
  indefinite: new Failure("", "unknown"),
} satisfies Record<string, Reply>;

const RENEWED = { nothing: "again", session: "new session", route: "new route" } as const;

function word(verdict: Verdict): string {
  if (verdict.type === "again") return RENEWED[verdict.renew];
  const { outcome } = verdict;
  if (outcome.ok) return "done";
  return outcome.error.definite ? "failed" : "unknown";
}

describe("the outcome table", () => {
  test("with all other attempts resolved", () => {
    expect(table(false)).toEqual({
      done: "done done done done",
      "refused by the command": "failed failed failed failed",
      "may pass": "again again again again",
      "session expired": "new session, new session, new session, new session",
      "wrong shard": "new route, new route, new route, new route",
      stays: "failed failed failed failed",
      indefinite: "again unknown again again",
    });
  });

  test("while another attempt is unresolved", () => {
    expect(table(true)).toEqual({
      done: "done done done done",
      "refused by the command": "failed failed unknown failed",
      "may pass": "again again again again",
      "session expired": "new session, new session, new session, unknown",
      "wrong shard": "new route, new route, new route, unknown",
      stays: "failed unknown unknown unknown",
      indefinite: "again unknown again again",
    });
  });

  test("a write with an unresolved attempt never ends as failed, except with the one remembered reply", () => {
    const codes = Object.keys(ERRORS) as ErrorCode[];
    fc.assert(
      fc.property(
        fc.constantFrom(...REPETITIONS.slice(1)),
        fc.option(fc.constantFrom(...codes)),
        (repetition, code) => {
          const verdict = judge(repetition, new Failure("ERR", code), true);
          const isRemembered = code === null && repetition !== "at-least-once";
          expect(verdict.type === "settle" && !isRemembered && word(verdict) === "failed").toBe(false);
          expect(word(verdict)).not.toBe("done");
        },
      ),
    );
  });

  test("what may pass is definite", () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[]) {
      expect(mayPass(code) && !ERRORS[code].definite).toBe(false);
    }
  });

  test("deadline and abort ask whether an attempt is unresolved", () => {
    for (const repetition of REPETITIONS) {
      expect(atDeadline(repetition, true, null, "overloaded")).toMatchObject({ error: { code: "timeout" } });
      expect(atDeadline(repetition, false, null, "unreachable")).toMatchObject({
        error: { code: "unreachable", definite: true },
      });
      expect(atAbort(repetition, false, "enough")).toMatchObject({ error: { code: "aborted" } });
    }
    expect(atAbort("exactly-once", true, "enough")).toMatchObject({ error: { code: "unknown" } });
    expect(atAbort("read", true, "enough")).toMatchObject({ error: { code: "aborted" } });
  });
});

function table(othersUnresolved: boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(ANSWERS).map(([name, reply]) => {
      const words = REPETITIONS.map((repetition) => word(judge(repetition, reply, othersUnresolved)));
      return [name, words.join(words.some((each) => each.startsWith("new ")) ? ", " : " ")];
    }),
  );
}
