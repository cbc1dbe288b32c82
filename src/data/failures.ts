/** Error replies with Redis 7.0's own texts. Those that never vary are shared. */
import { Failure } from "../core/reply.ts";

export const WRONG_TYPE = new Failure("WRONGTYPE Operation against a key holding the wrong kind of value");
export const SYNTAX_ERROR = new Failure("ERR syntax error");
export const NOT_AN_INTEGER = new Failure("ERR value is not an integer or out of range");
export const NOT_A_FLOAT = new Failure("ERR value is not a valid float");
export const OUT_OF_RANGE = new Failure("ERR value is out of range");
export const NOT_POSITIVE = new Failure("ERR value is out of range, must be positive");
export const WOULD_OVERFLOW = new Failure("ERR increment or decrement would overflow");
export const WOULD_BE_NAN = new Failure("ERR increment would produce NaN or Infinity");
export const NO_SUCH_KEY = new Failure("ERR no such key");
export const VALUE_TOO_LARGE = new Failure("ERR string exceeds maximum allowed size (proto-max-bulk-len)");
export const COLLECTION_TOO_LARGE = new Failure(
  "ERR the collection is too large to be read at once; use SSCAN or HSCAN",
);
export const COUNT_TOO_LARGE = new Failure("ERR the reply would have too many elements; ask for fewer");

export function wrongArity(command: string): Failure {
  return new Failure(`ERR wrong number of arguments for '${command}' command`);
}

export function invalidExpireTime(command: string): Failure {
  return new Failure(`ERR invalid expire time in '${command}' command`);
}

export function outsideRange(min: string, max: string): Failure {
  return new Failure(`ERR value is out of range, value must between ${min} and ${max}`);
}

/** A client's own word inside an error text, as Redis prints it: up to the first NUL, without line breaks. */
export function quoted(word: string): string {
  return untilNul(word).replace(/[\r\n]/g, " ");
}

/** The same where the word ends the error: Redis trims line breaks there. */
export function quotedAtEnd(word: string): string {
  return quoted(untilNul(word).replace(/[\r\n]+$/, ""));
}

function untilNul(word: string): string {
  const end = word.indexOf("\0");
  return end < 0 ? word : word.slice(0, end);
}
