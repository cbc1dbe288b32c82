/**
 * The 80-bit floating-point arithmetic of INCRBYFLOAT and HINCRBYFLOAT, done with whole numbers so that it gives the same
 * digits on every replica and the digits of Redis on x86: a 64-bit significand, round half to even, printed as "%.17Lf"
 * without trailing zeros. Exponents reach as far as an x87 long double's; its denormals (below 1e-4932) keep full precision.
 */

import { binaryString } from "../core/bytes.ts";

/** significand × 2^exponent. */
export interface FiniteLongDouble {
  readonly significand: bigint;
  readonly exponent: number;
}

/** A finite number, or the sign of an infinite one. */
export type LongDouble = FiniteLongDouble | "+inf" | "-inf";

export const ZERO: LongDouble = { significand: 0n, exponent: 0 };

const PRECISION = 64;
/** The leading bit of the largest finite number stands for 2^16383. */
const MAX_EXPONENT = 16383;
const MIN_EXPONENT = -16445;
/** Redis' buffer for the text of a long double; longer input is not a number. */
const MAX_TEXT = 5 * 1024;
/** Decimal exponents beyond these are infinite or zero whatever the digits are. */
const MAX_DECIMAL_EXPONENT = 4933;
const MIN_DECIMAL_EXPONENT = -4952;

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:e([+-]?\d+))?$/i;
const HEXADECIMAL = /^([+-]?)0x([0-9a-f]*)(?:\.([0-9a-f]*))?(?:p([+-]?\d+))?$/i;
const INFINITE = /^([+-]?)inf(?:inity)?$/i;

/** What strtold makes of the whole text; undefined where Redis says "not a valid float". */
export function parseLongDouble(bytes: Uint8Array): LongDouble | undefined {
  if (bytes.length === 0 || bytes.length >= MAX_TEXT) return undefined;
  const text = binaryString(bytes);
  const infinite = INFINITE.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? "-inf" : "+inf";
  const hexadecimal = HEXADECIMAL.exec(text);
  return hexadecimal === null ? parseDecimal(text) : parseHexadecimal(hexadecimal);
}

function parseDecimal(text: string): LongDouble | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", power = "0"] = match;
  if (whole.length + fraction.length === 0) return undefined;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return ZERO;
  const exponent = Number(power) - fraction.length;
  const leading = exponent + digits.toString().length - 1;
  if (leading > MAX_DECIMAL_EXPONENT || leading < MIN_DECIMAL_EXPONENT) return undefined;
  const magnitude =
    exponent >= 0
      ? rounded(digits * 10n ** BigInt(exponent), 1n, 0)
      : rounded(digits, 10n ** BigInt(-exponent), 0);
  return inRange(sign === "-", magnitude);
}

function parseHexadecimal(match: RegExpExecArray): LongDouble | undefined {
  const [, sign, whole = "", fraction = "", power = "0"] = match;
  if (whole.length + fraction.length === 0) return undefined;
  const digits = BigInt(`0x${whole}${fraction}`);
  if (digits === 0n) return ZERO;
  const exponent = Number(power) - 4 * fraction.length;
  if (Math.abs(exponent) > 1e6) return undefined;
  return inRange(sign === "-", rounded(digits, 1n, exponent));
}

/** Too large or too small a literal is no number to Redis (ERANGE). */
function inRange(negative: boolean, magnitude: FiniteLongDouble): LongDouble | undefined {
  const leading = bitLength(magnitude.significand) + magnitude.exponent - 1;
  if (leading > MAX_EXPONENT || leading < MIN_EXPONENT) return undefined;
  return negative ? { ...magnitude, significand: -magnitude.significand } : magnitude;
}

/** The rounded sum; infinite beyond the largest long double, undefined for inf - inf. */
export function addLongDoubles(a: LongDouble, b: LongDouble): LongDouble | undefined {
  if (typeof a === "string" || typeof b === "string") {
    if (typeof a === "string" && typeof b === "string") return a === b ? a : undefined;
    return typeof a === "string" ? a : b;
  }
  const exponent = Math.min(a.exponent, b.exponent);
  const sum =
    (a.significand << BigInt(a.exponent - exponent)) + (b.significand << BigInt(b.exponent - exponent));
  if (sum === 0n) return ZERO;
  const negative = sum < 0n;
  const { significand, exponent: scale } = rounded(negative ? -sum : sum, 1n, exponent);
  if (bitLength(significand) + scale - 1 > MAX_EXPONENT) return negative ? "-inf" : "+inf";
  return { significand: negative ? -significand : significand, exponent: scale };
}

/** "%.17Lf" without trailing zeros, as ld2string(LD_STR_HUMAN) prints it. */
export function formatLongDouble({ significand, exponent }: FiniteLongDouble): string {
  const negative = significand < 0n;
  const scaled = (negative ? -significand : significand) * 10n ** 17n;
  const units = exponent >= 0 ? scaled << BigInt(exponent) : halfToEven(scaled, 1n << BigInt(-exponent));
  const digits = units.toString().padStart(18, "0");
  const fraction = digits.slice(-17).replace(/0+$/, "");
  const text = fraction === "" ? digits.slice(0, -17) : `${digits.slice(0, -17)}.${fraction}`;
  return negative && units !== 0n ? `-${text}` : text;
}

/** numerator / denominator × 2^exponent, to 64 significant bits. */
function rounded(numerator: bigint, denominator: bigint, exponent: number): FiniteLongDouble {
  let scale = bitLength(numerator) - bitLength(denominator) - PRECISION;
  let quotient = scaledQuotient(numerator, denominator, scale);
  // One bit too many when the numerator's leading digits are the larger ones, or when rounding carried.
  if (bitLength(quotient) > PRECISION) quotient = scaledQuotient(numerator, denominator, ++scale);
  return { significand: quotient, exponent: exponent + scale };
}

function scaledQuotient(numerator: bigint, denominator: bigint, scale: number): bigint {
  return scale >= 0
    ? halfToEven(numerator, denominator << BigInt(scale))
    : halfToEven(numerator << BigInt(-scale), denominator);
}

function halfToEven(numerator: bigint, denominator: bigint): bigint {
  const quotient = numerator / denominator;
  const twice = (numerator % denominator) * 2n;
  if (twice < denominator || (twice === denominator && quotient % 2n === 0n)) return quotient;
  return quotient + 1n;
}

function bitLength(value: bigint): number {
  const hex = (value < 0n ? -value : value).toString(16);
  return hex.length * 4 - Math.clz32(Number.parseInt(hex[0]!, 16)) + 28;
}
