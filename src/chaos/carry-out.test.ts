import { describe, expect, test } from "vitest";
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import { Failure, NULL_ARRAY, OK, QUEUED, SetReply, type Reply } from "../core/reply.ts";
import { failureReply } from "../node/failures.ts";
import { commandCall, type PlannedOperation } from "../sim/workloads/workload.ts";
import { carryOut, outcomeOf, outcomeOfExec } from "./carry-out.ts";
import { meaningOf } from "./failures.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** As it arrives: the text alone. */
const onTheWire = (code: ErrorCode): Failure => new Failure(failureReply(code).message);

/** Answers by the command's name; what is not there never comes, as the connection is lost. */
function connectionWith(answers: Readonly<Record<string, Reply>>) {
  const sent: string[] = [];
  return {
    sent,
    async call(args: readonly Uint8Array[]): Promise<Reply> {
      const [name] = args.map((arg) => new TextDecoder().decode(arg));
      sent.push(name!.toUpperCase());
      const answer = answers[name!.toUpperCase()];
      if (answer === undefined) throw new Error("connection lost");
      return answer;
    },
  };
}

const write: PlannedOperation = {
  f: "write",
  key: "k",
  value: "v",
  calls: [commandCall("set", "k", "v")],
  output: () => null,
};
const cas: PlannedOperation = { ...write, f: "cas", guard: { key: "k", expected: "old" } };

describe("an error reply", () => {
  test("is definite exactly where the error table says so", () => {
    for (const code of Object.keys(ERRORS) as ErrorCode[])
      expect([code, meaningOf(onTheWire(code)).definite]).toEqual([code, ERRORS[code].definite]);
  });

  test("tells its code where no other looks like it", () => {
    expect(meaningOf(onTheWire("timeout")).error).toBe("timeout");
    expect(meaningOf(onTheWire("no-leader")).error).toBe("no-leader");
    expect(meaningOf(onTheWire("too-large")).error).toBe("err");
  });

  test("that nobody knows is not definite", () => {
    expect(meaningOf(new Failure("NEWERROR something")).definite).toBe(false);
  });
});

describe("an outcome", () => {
  test("keeps replies as they are: bulk strings are bytes, sets are sets", () => {
    const replies = [bytes("a"), new SetReply([bytes("b")]), 3, null];
    expect(outcomeOf(replies)).toEqual({ type: "ok", replies });
  });

  test("of EXEC is no replies when the guard did not hold, in RESP2 and in RESP3", () => {
    expect(outcomeOfExec(NULL_ARRAY)).toEqual({ type: "ok", replies: null });
    expect(outcomeOfExec(null)).toEqual({ type: "ok", replies: null });
  });

  test("of EXEC is unclear when only a part of it failed", () => {
    expect(outcomeOfExec([OK, onTheWire("wrong-type")])).toMatchObject({ type: "info" });
    expect(outcomeOfExec(new Failure("EXECABORT discarded"))).toMatchObject({ type: "fail" });
    expect(outcomeOfExec(onTheWire("timeout"))).toMatchObject({ type: "info" });
  });
});

describe("an operation over a connection", () => {
  test("that is lost with a write on its way is unclear", async () => {
    expect(await carryOut(connectionWith({}), write)).toMatchObject({ type: "info" });
  });

  test("that is lost while the guard is read did surely not happen", async () => {
    const lost = connectionWith({ WATCH: OK });
    expect(await carryOut(lost, cas)).toMatchObject({ type: "fail" });
    expect(lost.sent).toEqual(["WATCH", "GET"]);
  });

  test("writes nothing when the guard does not hold", async () => {
    const connection = connectionWith({ WATCH: OK, GET: bytes("other"), UNWATCH: OK });
    expect(await carryOut(connection, cas)).toEqual({ type: "ok", replies: null });
    expect(connection.sent).toEqual(["WATCH", "GET", "UNWATCH"]);
  });

  test("sends no call alone when MULTI is refused", async () => {
    const connection = connectionWith({ WATCH: OK, GET: bytes("old"), MULTI: onTheWire("overloaded") });
    expect(await carryOut(connection, cas)).toEqual({ type: "fail", error: "overloaded" });
    expect(connection.sent).toEqual(["WATCH", "GET", "MULTI"]);
  });

  test("with a guard that holds is done between MULTI and EXEC", async () => {
    const connection = connectionWith({
      WATCH: OK,
      GET: bytes("old"),
      MULTI: OK,
      SET: QUEUED,
      EXEC: [OK],
    });
    expect(await carryOut(connection, cas)).toEqual({ type: "ok", replies: [OK] });
    expect(connection.sent).toEqual(["WATCH", "GET", "MULTI", "SET", "EXEC"]);
  });
});
