/**
 * The observed-remove set without tombstones (Bieniusa, Zawirski, Preguiça, Shapiro, Baquero, Balegas, Duarte 2012, "An
 * optimized conflict-free replicated set"; as deltas in Almeida et al. 2018). A removal takes away the additions
 * that its replica has seen, so that a **concurrent addition wins**. Size: per present element one dot for each concurrent
 * addition, at most one a replica, and one number a replica for all that was ever added and removed.
 */
import type { ReplicaId } from "../../core/ids.ts";
import {
  causal,
  type Causal,
  dotFun,
  type DotFun,
  type DotMap,
  dotMap,
  type Mutation,
  mutate,
} from "./dot-store.ts";
import { unit } from "./pointwise.ts";

/** Which events have happened, as values of a store: the papers' DotSet. */
export const dotSets = dotFun(unit);
export const elementStores = dotMap(dotSets);

export type Elements = DotMap<DotFun<null>>;
export type OrSet = Causal<Elements>;

export const orSets = causal("OR-set", elementStores);

export const orSetHas = (state: OrSet, element: string): boolean => state.store.has(element);

export const orSetElements = (state: OrSet): string[] => [...state.store.keys()];

/** The delta of an addition. */
export const orSetAdd = (state: OrSet, replica: ReplicaId, element: string): OrSet =>
  mutate(elementStores, state, replica, adding(element));

/** The delta of a removal; names nothing, and so has no effect, where the element is not seen. */
export const orSetRemove = (state: OrSet, replica: ReplicaId, element: string): OrSet =>
  mutate(elementStores, state, replica, removing(element));

/** The delta that removes all that is seen. */
export const orSetClear = (state: OrSet, replica: ReplicaId): OrSet =>
  mutate(elementStores, state, replica, (store) => ({
    store: elementStores.empty,
    replaced: elementStores.dots(store),
  }));

/** An addition, for use in an OR-map. */
export function adding(element: string): Mutation<Elements> {
  return (store, dot) => ({
    store: new Map([[element, [{ dot, value: null }]]]),
    replaced: dotSets.dots(store.get(element) ?? []),
  });
}

/** A removal, for use in an OR-map. */
export function removing(element: string): Mutation<Elements> {
  return (store) => ({ store: new Map(), replaced: dotSets.dots(store.get(element) ?? []) });
}
