/** Registers that keep the greatest, or the least, number ever written. Null: nothing was written. 9 bytes at most. */
import { CodecError } from "../../core/bytes.ts";
import { KvorumError } from "../../core/errors.ts";
import { nullable } from "./encoding.ts";
import type { Codec, Lattice } from "./lattice.ts";
import { chain } from "./pointwise.ts";

export type Extremum = number | null;

/** One zero, and nothing that is not a number: these have no place in an order. */
const numbers: Codec<number> = {
  encode: (writer, value) => writer.f64(value),
  decode(reader) {
    const value = reader.f64();
    if (Number.isNaN(value) || Object.is(value, -0))
      throw new CodecError(`${value} has no place in an order`);
    return value;
  },
};

function ascending(left: Extremum, right: Extremum): number {
  if (left === null || right === null) return Number(left !== null) - Number(right !== null);
  return left < right ? -1 : left > right ? 1 : 0;
}

function descending(left: Extremum, right: Extremum): number {
  if (left === null || right === null) return ascending(left, right);
  return ascending(right, left);
}

export const maxRegisters: Lattice<Extremum> = chain("max register", null, ascending, nullable(numbers));
export const minRegisters: Lattice<Extremum> = chain("min register", null, descending, nullable(numbers));

/** The delta of a write, to a register of either kind. Throws `bad-request` for what is not a number. */
export function extremumWrite(value: number): Extremum {
  if (Number.isNaN(value)) throw new KvorumError("bad-request", "A monotonic register holds numbers.");
  return value === 0 ? 0 : value;
}
