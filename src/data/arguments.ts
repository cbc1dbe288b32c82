/** Reading arguments the way Redis does, with its errors. */
import { binaryString } from "../core/bytes.ts";
import { Failure } from "../core/reply.ts";
import type { Args } from "./contract.ts";
import { NOT_AN_INTEGER, NOT_POSITIVE, outsideRange } from "./failures.ts";
import { clampToSafe, LONG_MAX, LONG_MIN, parseInteger, type Int } from "./numbers.ts";

/** Longer than any option's name. */
const LONGEST_OPTION = 16;

/** The argument as an option name, in lower case. */
export function optionName(arg: Uint8Array): string {
  return arg.length > LONGEST_OPTION ? "" : binaryString(arg).toLowerCase();
}

/** The argument as a key, member or field. */
export function keyArg(args: Args, index: number): string {
  return binaryString(args[index]!);
}

export function integerArg(arg: Uint8Array): Int | Failure {
  return parseInteger(arg) ?? NOT_AN_INTEGER;
}

/** An integer clamped to ±(2^53-1): for offsets and counts. */
export function offsetArg(arg: Uint8Array): number | Failure {
  const value = parseInteger(arg);
  return value === undefined ? NOT_AN_INTEGER : clampToSafe(value);
}

/** A count that may be negative; the smallest 64-bit integer, which has no opposite, is refused. */
export function signedCountArg(arg: Uint8Array): number | Failure {
  const value = parseInteger(arg);
  if (value === undefined) return NOT_AN_INTEGER;
  return value === LONG_MIN ? outsideRange(`-${LONG_MAX}`, `${LONG_MAX}`) : clampToSafe(value);
}

/** A count that may not be negative; `otherwise` is the answer to everything else. */
export function countArg(arg: Uint8Array, otherwise: Failure = NOT_POSITIVE): number | Failure {
  const value = parseInteger(arg);
  return value === undefined || value < 0 ? otherwise : clampToSafe(value);
}

/** For `validate`: the failure, if it is one. */
export function failureOrNull(parsed: unknown): Failure | null {
  return parsed instanceof Failure ? parsed : null;
}
