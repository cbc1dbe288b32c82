/** Several values as arguments. */
import { KvorumError } from "../../core/errors.ts";
import type { Args } from "../calls/operation.ts";

/** A promise only where one of the values needs one. Throws a definite `bad-request` without any value. */
export function encodedAll<T>(
  values: readonly T[],
  encode: (value: T) => Uint8Array | Promise<Uint8Array>,
): Args | Promise<Args> {
  if (values.length === 0) throw new KvorumError("bad-request", "At least one has to be given.");
  const encoded = values.map(encode);
  return encoded.every((bytes) => bytes instanceof Uint8Array) ? encoded : Promise.all(encoded);
}
