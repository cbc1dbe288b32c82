/**
 * A counter that can be removed from an OR-map, and starts again at zero (the causal counter of the authors' library
 * delta-enabled-crdts; the embedded counter of Riak's maps). Each replica replaces its own subtotal under a new dot. A removal takes
 * away the subtotals that it has seen. An addition concurrent with the removal wins, and brings its replica's own
 * subtotal with it: nothing is ever counted twice, but what that replica had added before comes back too.
 */
import { addAmounts, greatestAmount } from "./g-counter.ts";
import { type DotFun, dotFun, type Mutation } from "./dot-store.ts";
import { lattice } from "./lattice.ts";

export interface Subtotal {
  readonly added: bigint;
  readonly taken: bigint;
}

const subtotals = lattice<Subtotal>({
  name: "subtotal",
  bottom: { added: 0n, taken: 0n },
  join: (left, right) => ({
    added: greatestAmount.join(left.added, right.added),
    taken: greatestAmount.join(left.taken, right.taken),
  }),
  leq: (left, right) => left.added <= right.added && left.taken <= right.taken,
  encode(writer, subtotal) {
    greatestAmount.encode(writer, subtotal.added);
    greatestAmount.encode(writer, subtotal.taken);
  },
  decode(reader) {
    const added = greatestAmount.decode(reader);
    return { added, taken: greatestAmount.decode(reader) };
  },
});

export const counterStores = dotFun(subtotals);

export function counterValue(store: DotFun<Subtotal>): bigint {
  return store.reduce((sum, { value }) => sum + value.added - value.taken, 0n);
}

/** Adds `by`, which may be negative. Throws `too-large` as `gCounterAdd`. */
export function counting(by: bigint): Mutation<DotFun<Subtotal>> {
  return (store, dot) => {
    const own = store.filter((written) => written.dot.replica === dot.replica);
    let { added, taken } = subtotals.bottom;
    for (const { value } of own) {
      added = addAmounts(added, value.added);
      taken = addAmounts(taken, value.taken);
    }
    const value =
      by >= 0n ? { added: addAmounts(added, by), taken } : { added, taken: addAmounts(taken, -by) };
    return { store: [{ dot, value }], replaced: own.map((written) => written.dot) };
  };
}
