/** One operation of a workload over a RESP connection, as an application would do it. */
import { Failure, NullArray, Status, type Reply } from "../core/reply.ts";
import type { CommandCall } from "../data/contract.ts";
import { textOf, type PlannedOperation } from "../sim/workloads/workload.ts";
import { meaningOf } from "./failures.ts";

/** The part of a connection that an operation needs. */
export interface Caller {
  /** Rejects when the connection is lost before the answer came. Error replies are replies. */
  call(args: readonly Uint8Array[]): Promise<Reply>;
}

export type Carried =
  /** Null: the guard did not hold. */
  | { readonly type: "ok"; readonly replies: readonly Reply[] | null }
  | { readonly type: "fail" | "info"; readonly error: string };

const NOTHING_SENT: Carried = { type: "fail", error: "connection-lost-before-the-write" };
const NO_ANSWER: Carried = { type: "info", error: "connection-lost" };

/** Never rejects: a lost connection is an outcome too, and a definite one as long as no write had been sent. */
export async function carryOut(connection: Caller, operation: PlannedOperation): Promise<Carried> {
  const { calls, guard } = operation;
  if (guard === undefined && calls.length === 1) {
    const reply = await connection.call(wordsOf(calls[0]!)).catch(() => undefined);
    return reply === undefined ? NO_ANSWER : outcomeOf([reply]);
  }
  const refusal = await prepare(connection, guard);
  if (refusal !== null) return refusal;
  const sent = [...calls.map(wordsOf), words("EXEC")].map((command) => connection.call(command));
  const answers = await Promise.all(sent).catch(() => undefined);
  return answers === undefined ? NO_ANSWER : outcomeOfExec(answers.at(-1)!);
}

/** WATCH, GET and MULTI; null when the transaction is open. MULTI is waited for: without it every call would be alone. */
async function prepare(connection: Caller, guard: PlannedOperation["guard"]): Promise<Carried | null> {
  try {
    if (guard !== undefined) {
      const watched = await connection.call(words("WATCH", guard.key));
      if (watched instanceof Failure) return notDone(watched);
      const value = await connection.call(words("GET", guard.key));
      if (value instanceof Failure) return notDone(value);
      if (textOf(value) !== guard.expected) {
        await connection.call(words("UNWATCH"));
        return { type: "ok", replies: null };
      }
    }
    const opened = await connection.call(words("MULTI"));
    return opened instanceof Status ? null : notDone(opened);
  } catch {
    return NOTHING_SENT;
  }
}

const notDone = (reply: Reply): Carried => ({
  type: "fail",
  error: reply instanceof Failure ? meaningOf(reply).error : "unexpected-reply",
});

export function outcomeOf(replies: readonly Reply[]): Carried {
  const failure = replies.find((reply) => reply instanceof Failure);
  if (failure === undefined) return { type: "ok", replies };
  const { definite, error } = meaningOf(failure);
  return { type: definite ? "fail" : "info", error };
}

/** RESP2 answers a failed WATCH with a null array, RESP3 with null. */
export function outcomeOfExec(reply: Reply): Carried {
  if (reply === null || reply instanceof NullArray) return { type: "ok", replies: null };
  if (!Array.isArray(reply)) return outcomeOf([reply]);
  const outcome = outcomeOf(reply as readonly Reply[]);
  // A command among others was refused while these were carried out.
  return outcome.type === "fail" ? { ...outcome, type: "info" } : outcome;
}

const encoder = new TextEncoder();

export const words = (...texts: readonly string[]): readonly Uint8Array[] =>
  texts.map((text) => encoder.encode(text));

const wordsOf = ({ spec, args }: CommandCall): readonly Uint8Array[] => [encoder.encode(spec.name), ...args];
