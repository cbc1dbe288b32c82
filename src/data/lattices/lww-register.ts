/**
 * The register whose last writer wins (RR-7506, specification 8), by the stamps of hybrid logical clocks: a write wins
 * over all that its writer had seen, and of concurrent writes one is lost. A deletion is a write of null and stays, as a
 * stamp, for as long as an older write may still arrive.
 */
import { compareKeys, nullable, texts } from "./encoding.ts";
import { compareStamps, type Stamp, stamps } from "./hybrid-logical-clock.ts";
import type { Lattice } from "./lattice.ts";
import { chain } from "./pointwise.ts";

export interface LwwWrite {
  readonly stamp: Stamp;
  /** A binary string; null: deleted. */
  readonly value: string | null;
}

/** Null: never written. */
export type LwwRegister = LwwWrite | null;

const values = nullable(texts);

/** A stamp is unique; were it not, replicas would still agree: a value wins over a deletion, and the greater value. */
function compareWrites(left: LwwRegister, right: LwwRegister): number {
  if (left === null || right === null) return Number(left !== null) - Number(right !== null);
  const order = compareStamps(left.stamp, right.stamp);
  if (order !== 0) return order;
  if (left.value === null || right.value === null)
    return Number(left.value !== null) - Number(right.value !== null);
  return compareKeys(left.value, right.value);
}

export const lwwRegisters: Lattice<LwwRegister> = chain<LwwRegister>(
  "LWW register",
  null,
  compareWrites,
  nullable<LwwWrite>({
    encode(writer, write) {
      stamps.encode(writer, write.stamp);
      values.encode(writer, write.value);
    },
    decode(reader) {
      const stamp = stamps.decode(reader);
      return { stamp, value: values.decode(reader) };
    },
  }),
);

export function lwwValue(state: LwwRegister): string | null {
  return state?.value ?? null;
}

/** The delta of a write. `stamp`: what `tick` made of a clock that has observed the register's present stamp. */
export function lwwWrite(stamp: Stamp, value: string | null): LwwRegister {
  return { stamp, value };
}
