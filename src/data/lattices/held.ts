/**
 * Any lattice as a value of an OR-map. Each update carries the whole value that its replica then knew, under one dot, and
 * replaces the dots that it saw; the value is the join of what is left, at most one a replica.
 *
 * An update concurrent with the key's removal brings back all that its replica knew of the value, not the update
 * alone. For registers and scores this is the same; for counters see `resettable-counter.ts`.
 */
import { type DotFun, dotFun, type DotStore, type Mutation } from "./dot-store.ts";
import { joinAll, type Lattice } from "./lattice.ts";

export function heldStores<V>(values: Lattice<V>): DotStore<DotFun<V>> {
  return dotFun(values);
}

export function heldValue<V>(values: Lattice<V>, store: DotFun<V>): V {
  return joinAll(
    values,
    store.map((written) => written.value),
  );
}

/** An operation by a delta mutator of the values' own: gets the present value, returns a delta of it. */
export function changing<V>(values: Lattice<V>, mutator: (value: V) => V): Mutation<DotFun<V>> {
  return (store, dot) => {
    const value = heldValue(values, store);
    return {
      store: [{ dot, value: values.join(value, mutator(value)) }],
      replaced: store.map((written) => written.dot),
    };
  };
}
