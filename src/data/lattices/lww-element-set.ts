/**
 * The set whose elements have timestamps (RR-7506, section 3.3.3): of each element the last operation counts, addition or
 * removal, in whatever order they arrive and however often. This repairs the lecture's likes, where f(x) = S ∪ {x} and
 * g(x) = S \ {x} are idempotent but do not commute. Of two operations with one stamp the addition wins.
 *
 * A removed element stays, as a stamp; use the observed-remove set where that matters.
 */
import { booleans, texts } from "./encoding.ts";
import { compareStamps, type Stamp, stamps } from "./hybrid-logical-clock.ts";
import type { Lattice } from "./lattice.ts";
import { type Joinable, pointwise } from "./pointwise.ts";

/** The last operation on an element. */
export interface StampedPresence {
  readonly stamp: Stamp;
  readonly present: boolean;
}

function compareOperations(left: StampedPresence, right: StampedPresence): number {
  return compareStamps(left.stamp, right.stamp) || Number(left.present) - Number(right.present);
}

export type LwwElementSet = ReadonlyMap<string, StampedPresence>;

/** An order without a least element of its own: in the map, absence lies below. */
const lastOperation: Joinable<StampedPresence> = {
  name: "last operation",
  join: (left, right) => (compareOperations(left, right) >= 0 ? left : right),
  leq: (left, right) => compareOperations(left, right) <= 0,
  encode(writer, operation) {
    stamps.encode(writer, operation.stamp);
    booleans.encode(writer, operation.present);
  },
  decode(reader) {
    const stamp = stamps.decode(reader);
    return { stamp, present: booleans.decode(reader) };
  },
};

export const lwwElementSets: Lattice<LwwElementSet> = pointwise("LWW-element-set", texts, lastOperation);

export const lwwHas = (state: LwwElementSet, element: string): boolean =>
  state.get(element)?.present ?? false;

export function lwwElements(state: LwwElementSet): string[] {
  return [...state.keys()].filter((element) => lwwHas(state, element));
}

/** The delta of an addition. `stamp`: from a clock that has observed the element's present stamp. */
export const lwwAdd = (stamp: Stamp, element: string): LwwElementSet =>
  new Map([[element, { stamp, present: true }]]);

/** The delta of a removal, which also wins over earlier additions that have not arrived yet. */
export const lwwRemove = (stamp: Stamp, element: string): LwwElementSet =>
  new Map([[element, { stamp, present: false }]]);
