/** What an error reply says about the operation, when all there is of it is a line of text. */
import { ERRORS, type ErrorCode } from "../core/errors.ts";
import type { Failure } from "../core/reply.ts";
import { failureReply } from "../node/failures.ts";

export interface FailureMeaning {
  /** It did not happen and never will. In doubt false. */
  readonly definite: boolean;
  /** For the history: the error's code, or its prefix when several share that. */
  readonly error: string;
}

/** Redis' own errors, about the request itself: nothing was carried out. */
const REDIS_PREFIXES = ["EXECABORT", "NOPROTO", "WRONGTYPE"];

/** Prefix → the rows of the error table that look like that. */
const CODES = new Map<string, ErrorCode[]>();
for (const code of Object.keys(ERRORS) as ErrorCode[]) {
  const prefix = prefixOf(failureReply(code).message);
  CODES.set(prefix, [...(CODES.get(prefix) ?? []), code]);
}

export function meaningOf(failure: Failure): FailureMeaning {
  const prefix = prefixOf(failure.message);
  const codes = CODES.get(prefix) ?? [];
  const isKnown = codes.length > 0 || REDIS_PREFIXES.includes(prefix);
  return {
    definite: isKnown && codes.every((code) => ERRORS[code].definite),
    error: codes.length === 1 ? codes[0]! : prefix.toLowerCase(),
  };
}

function prefixOf(message: string): string {
  return message.split(" ", 1)[0]!;
}
