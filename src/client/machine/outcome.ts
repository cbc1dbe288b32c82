/**
 * The outcome table: what an answer to one attempt says about the call. The rule behind every cell: **a call that may have
 * happened, or may still happen, is never reported as failed, and never as done.**
 *
 * An attempt is *resolved* once its node has answered done, refused, or a definite error. An attempt that was sent and not
 * answered (yet), or answered with an indefinite error, is *unresolved*. "Others" are the other attempts of the same call.
 *
 * ```
 * an attempt's answer      read      at-most-once   at-least-once         exactly-once (session, idempotency key)
 * ───────────────────────  ────────  ─────────────  ────────────────────  ───────────────────────────────────────
 * done                     done      done           done                  done: it is the one reply, remembered
 * refused by the command   failed    failed         failed ¹              failed: it is the one reply, remembered
 * definite, may pass       again     again          again                 again, same sequence
 * session-expired          again     again          again                 again in a new session ²
 * wrong-shard              again     again          again ³               again where the key is now ²
 * definite, stays          failed    failed         failed ¹              failed ¹
 * indefinite               again     unknown        again                 again, same sequence
 *
 * the deadline passes      timeout   if an attempt is unresolved: timeout; else the last definite error
 * the caller aborts        aborted   if an attempt is unresolved: unknown; else aborted
 * ```
 *
 * ¹ `unknown` while others are unresolved: this attempt changed nothing, another one may have.
 * ² `unknown` while others are unresolved: under a new session the shard would not recognise the repetition.
 *
 * ³ The keyspace is another one of that name: what earlier attempts may have done was done to the old one.
 *
 * "May pass": not-leader, no-leader, overwritten, overloaded, disk-full, closing, unreachable. A read changes nothing, so its
 * failure is a failure whatever became of its attempts.
 */
import { ERRORS, type ErrorCode, KvorumError } from "../../core/errors.ts";
import { Failure, type Reply } from "../../core/reply.ts";

export type Delivery = "at-most-once" | "at-least-once" | "exactly-once";

/** How often a call may be done: a read any number of times. */
export type Repetition = "read" | Delivery;

export type Outcome =
  | { readonly ok: true; readonly reply: Reply }
  | { readonly ok: false; readonly error: KvorumError };

export type Verdict =
  | { readonly type: "settle"; readonly outcome: Outcome }
  /** `error` is what the call ends with if its deadline comes first. */
  | {
      readonly type: "again";
      readonly error: KvorumError;
      /** What it was sent with does not hold any more. */
      readonly renew: "nothing" | "session" | "route";
    };

const MAY_PASS: ReadonlySet<ErrorCode> = new Set([
  "not-leader",
  "no-leader",
  "overwritten",
  "overloaded",
  "disk-full",
  "closing",
  "unreachable",
]);

/** A definite error that another attempt, a little later or elsewhere, may not meet. */
export const mayPass = (code: ErrorCode): boolean => MAY_PASS.has(code);

/** `othersUnresolved`: another attempt of this call has been sent, and nobody knows what became of it. */
export function judge(repetition: Repetition, reply: Reply, othersUnresolved: boolean): Verdict {
  if (!(reply instanceof Failure)) return settle({ ok: true, reply });
  const { code, message } = reply;
  if (code === null) {
    return repetition === "at-least-once" && othersUnresolved
      ? unknown(`an earlier attempt may have been done; a repetition was refused: ${message}`)
      : failed(refusalCode(message), message);
  }
  const error = new KvorumError(code, message);
  if (code === "session-expired" || code === "wrong-shard") {
    if (repetition === "exactly-once" && othersUnresolved) {
      return unknown("the session ended while the outcome of an earlier attempt was open");
    }
    return { type: "again", error, renew: code === "wrong-shard" ? "route" : "session" };
  }
  if (mayPass(code)) return { type: "again", error, renew: "nothing" };
  if (ERRORS[code].definite) {
    return repetition !== "read" && othersUnresolved
      ? unknown(`an earlier attempt may have been done; a repetition was refused: ${message}`)
      : settle({ ok: false, error });
  }
  if (repetition === "at-most-once") return settle({ ok: false, error });
  return { type: "again", error, renew: "nothing" };
}

/** The deadline has passed. `last`: the newest definite error, null when nothing was ever tried. */
export function atDeadline(
  repetition: Repetition,
  unresolved: boolean,
  last: KvorumError | null,
  waitedFor: ErrorCode,
): Outcome {
  if (unresolved) return { ok: false, error: new KvorumError("timeout") };
  if (last !== null && (last.definite || repetition === "read")) return { ok: false, error: last };
  return { ok: false, error: new KvorumError(waitedFor) };
}

/** The caller no longer wants it. `why` is the caller's word. */
export function atAbort(repetition: Repetition, unresolved: boolean, why: string): Outcome {
  if (repetition === "read" || !unresolved) return { ok: false, error: new KvorumError("aborted", why) };
  return { ok: false, error: new KvorumError("unknown", `${why}; it had been sent by then`) };
}

/** A command refused its arguments or its key; the first word of its reply says why, as in Redis. */
function refusalCode(message: string): ErrorCode {
  if (message.startsWith("WRONGTYPE")) return "wrong-type";
  return TOO_LARGE.test(message) ? "too-large" : "bad-request";
}

const TOO_LARGE = /^ERR (string exceeds maximum|the collection is too large|the reply would have too many)/;

/** The error that a command's own refusal stands for, inside a transaction's replies. */
export const refusalError = (refusal: Failure): KvorumError =>
  new KvorumError(refusal.code ?? refusalCode(refusal.message), refusal.message);

const settle = (outcome: Outcome): Verdict => ({ type: "settle", outcome });
const failed = (code: ErrorCode, detail: string): Verdict =>
  settle({ ok: false, error: new KvorumError(code, detail) });
const unknown = (detail: string): Verdict => failed("unknown", detail);
