/**
 * The lattices that others are made of (Baquero et al. 2015, "Composition in state-based
 * replicated data types"): one point, two points, the greater of two, pairs, and maps that join key by key.
 */
import { booleans, maps } from "./encoding.ts";
import { type Codec, lattice, type Lattice } from "./lattice.ts";

/** One state: nothing to know. The value of a set's elements. */
export const unit: Lattice<null> = lattice({
  name: "unit",
  bottom: null,
  join: () => null,
  leq: () => true,
  encode: () => undefined,
  decode: () => null,
});

/** False below true: what happened once has happened. */
export const happened: Lattice<boolean> = lattice({
  name: "happened",
  bottom: false,
  join: (left, right) => left || right,
  leq: (left, right) => !left || right,
  ...booleans,
});

/** A total order as a lattice: the join is the greater. */
export function chain<T>(
  name: string,
  bottom: T,
  compare: (left: T, right: T) => number,
  codec: Codec<T>,
): Lattice<T> {
  return lattice({
    name,
    bottom,
    join: (left, right) => (compare(left, right) >= 0 ? left : right),
    leq: (left, right) => compare(left, right) <= 0,
    encode: codec.encode,
    decode: codec.decode,
  });
}

/** A lattice, or an order with joins that lacks a bottom. */
export type Joinable<V> = Omit<Lattice<V>, "bottom" | "equals">;

/** Maps that join key by key. A key that is absent lies below every value of it, the values' bottom included. */
export function pointwise<K extends string | number, V>(
  name: string,
  keys: Codec<K>,
  values: Joinable<V>,
): Lattice<ReadonlyMap<K, V>> {
  return lattice({
    name,
    bottom: new Map<K, V>(),
    join(left, right) {
      const [larger, smaller] = left.size >= right.size ? [left, right] : [right, left];
      if (smaller.size === 0) return larger;
      const joined = new Map(larger);
      for (const [key, value] of smaller) {
        const other = joined.get(key);
        joined.set(key, other === undefined ? value : values.join(other, value));
      }
      return joined;
    },
    leq(left, right) {
      if (left.size > right.size) return false;
      for (const [key, value] of left) {
        const other = right.get(key);
        if (other === undefined || !values.leq(value, other)) return false;
      }
      return true;
    },
    ...maps(keys, values),
  });
}
