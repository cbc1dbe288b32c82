/** From "EX 10" and its like to the moment at which a key expires. */
import type { Failure } from "../core/reply.ts";
import { invalidExpireTime, NOT_AN_INTEGER } from "./failures.ts";
import { clampToSafe, LONG_MAX, LONG_MIN, parseInteger } from "./numbers.ts";

export interface ExpiryUnit {
  readonly seconds: boolean;
  /** Since 1970, rather than from now on. */
  readonly absolute: boolean;
}

export const EXPIRY_UNITS = {
  ex: { seconds: true, absolute: false },
  px: { seconds: false, absolute: false },
  exat: { seconds: true, absolute: true },
  pxat: { seconds: false, absolute: true },
} as const satisfies Record<string, ExpiryUnit>;

/** Up to this, a number of seconds from now on is a safe number of milliseconds. */
const EASY = 8e12;

/**
 * The expiry time in milliseconds that EXPIRE and its like mean, possibly in the past; times beyond 2^53-1 become that.
 * `now` is the log time. The failure names `command`, as Redis does.
 */
export function expireMoment(
  arg: Uint8Array,
  { seconds, absolute }: ExpiryUnit,
  now: number,
  command: string,
): number | Failure {
  const value = parseInteger(arg);
  if (value === undefined) return NOT_AN_INTEGER;
  if (typeof value === "number" && Math.abs(value) <= EASY) {
    return (seconds ? value * 1000 : value) + (absolute ? 0 : now);
  }
  const milliseconds = BigInt(value) * (seconds ? 1000n : 1n);
  const moment = milliseconds + (absolute ? 0n : BigInt(now));
  if (milliseconds < LONG_MIN || moment > LONG_MAX) return invalidExpireTime(command);
  return clampToSafe(moment);
}

/** The same for the options of SET and GETEX, which admit no time before 1970 and no negative duration. */
export function positiveExpireMoment(
  arg: Uint8Array,
  unit: ExpiryUnit,
  now: number,
  command: string,
): number | Failure {
  const value = parseInteger(arg);
  if (value === undefined) return NOT_AN_INTEGER;
  return value <= 0 ? invalidExpireTime(command) : expireMoment(arg, unit, now, command);
}
