/**
 * 64-bit signed integers. A `number` while it is safe (the rule), a `bigint` beyond 2^53: counting never allocates one
 * before it has to.
 */
export type Int = number | bigint;

export const LONG_MAX = 0x7fff_ffff_ffff_ffffn;
export const LONG_MIN = -0x8000_0000_0000_0000n;

/** Up to this many digits a decimal number is a safe `number`. */
const SAFE_DIGITS = 15;
/** Digits of 2^63. */
const MOST_DIGITS = 19;

const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;

/**
 * The integer written in `bytes[start..end)`, or undefined. As strict as Redis' string2ll: no plus sign, no spaces, no
 * leading zeros, no minus zero, nothing outside 64 bits.
 */
export function parseInteger(bytes: Uint8Array, start = 0, end = bytes.length): Int | undefined {
  const negative = bytes[start] === MINUS;
  const first = negative ? start + 1 : start;
  const digits = end - first;
  if (digits < 1 || digits > MOST_DIGITS) return undefined;
  if (bytes[first] === ZERO) return digits === 1 && !negative ? 0 : undefined;
  for (let i = first; i < end; i++) if (bytes[i]! < ZERO || bytes[i]! > NINE) return undefined;
  if (digits > SAFE_DIGITS) return parseLong(bytes, first, end, negative);
  let value = 0;
  for (let i = first; i < end; i++) value = value * 10 + (bytes[i]! - ZERO);
  return negative ? -value : value;
}

function parseLong(bytes: Uint8Array, first: number, end: number, negative: boolean): Int | undefined {
  const magnitude = BigInt(String.fromCharCode(...bytes.subarray(first, end)));
  return fitting(negative ? -magnitude : magnitude);
}

/** The sum, or undefined when it leaves 64 bits. */
export function addIntegers(a: Int, b: Int): Int | undefined {
  if (typeof a === "number" && typeof b === "number") {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return fitting(BigInt(a) + BigInt(b));
}

/** The shortest representation, or undefined outside 64 bits. */
export function fitting(value: bigint): Int | undefined {
  if (value > LONG_MAX || value < LONG_MIN) return undefined;
  const small = Number(value);
  return Number.isSafeInteger(small) ? small : value;
}

/** For counts and offsets: exact within ±(2^53-1), and at that bound beyond it, where every such number is "too many". */
export function clampToSafe(value: Int): number {
  return Math.min(Math.max(Number(value), -Number.MAX_SAFE_INTEGER), Number.MAX_SAFE_INTEGER);
}
