/** How errors of Kvorum look to a Redis client: an upper-case prefix, the sentence, whether it is definite, and what to do. */
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import { Failure } from "../core/reply.ts";

/** Where Redis has a prefix for the same thing, clients know it already. */
const PREFIXES: Partial<Record<ErrorCode, string>> = {
  "bad-request": "ERR",
  "wrong-type": "WRONGTYPE",
  "cross-shard": "CROSSSLOT",
  "no-leader": "CLUSTERDOWN",
  "unknown-keyspace": "ERR",
  unauthenticated: "NOAUTH",
  forbidden: "NOPERM",
  "too-large": "ERR",
};

export function failureReply(code: ErrorCode, detail = ""): Failure {
  const row = ERRORS[code];
  const prefix = PREFIXES[code] ?? code.toUpperCase().replaceAll("-", "");
  const certainty = row.definite ? "It was not done." : "It may have been done.";
  return new Failure(`${prefix} ${detail === "" ? row.sentence : detail} ${certainty} ${row.hint}`, code);
}
