/** Errors as the HTTP door writes them: `{ error: { code, message, hint, definite } }`, and a status code for each. */
import { ERRORS, type ErrorCode } from "../../core/errors.ts";

export interface ErrorBody {
  readonly error: {
    readonly code: string;
    readonly message: string;
    readonly hint: string;
    /** True: it did not happen and never will. */
    readonly definite: boolean;
  };
}

const STATUS: Readonly<Record<ErrorCode, number>> = {
  "bad-request": 400,
  "wrong-type": 409,
  "too-large": 413,
  "cross-shard": 409,
  "unknown-keyspace": 404,
  contradiction: 409,
  exists: 409,
  unauthenticated: 401,
  forbidden: 403,
  throttled: 429,
  compacted: 410,
  behind: 503,
  "not-leader": 503,
  "no-leader": 503,
  "no-quorum": 503,
  "wrong-shard": 503,
  overwritten: 503,
  overloaded: 503,
  "disk-full": 507,
  "storage-failed": 500,
  "config-change-pending": 409,
  timeout: 504,
  unknown: 504,
  "session-expired": 409,
  acknowledged: 409,
  "reply-forgotten": 409,
  "idempotency-mismatch": 422,
  closing: 503,
  internal: 500,
  unreachable: 503,
  aborted: 499,
  "invalid-value": 422,
  "batch-partly-refused": 409,
};

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/** A code outside the table is a defect of whoever sent it, and says nothing about the outcome. */
export function errorAnswer(
  code: string,
  message: string,
): { readonly status: number; readonly body: ErrorBody } {
  const known = isErrorCode(code) ? code : "internal";
  const { definite, hint } = ERRORS[known];
  return { status: STATUS[known], body: { error: { code, message, hint, definite } } };
}

/** An error of HTTP itself (a wrong path, method, header or body). The request was not carried out. */
export function refusal(code: string, message: string, hint: string): ErrorBody {
  return { error: { code, message, hint, definite: true } };
}
