/**
 * The observed-remove map (Almeida et al. 2018: ORMap): keys to stores of one kind, nested as deep as one likes. A
 * removal takes away what its replica has seen under the key, so that a **concurrent update wins** and the key stays with
 * what that update wrote. Values may be siblings, elements, flags or maps, whose removal is exact; any other lattice
 * through `held`, and counters through `resettable-counter.ts`.
 */
import type { ReplicaId } from "../../core/ids.ts";
import {
  causal,
  type Causal,
  type DotMap,
  dotMap,
  type DotStore,
  type Mutation,
  mutate,
} from "./dot-store.ts";
import type { Lattice } from "./lattice.ts";

export type OrMap<Inner> = Causal<DotMap<Inner>>;

export interface OrMaps<Inner> {
  readonly lattice: Lattice<OrMap<Inner>>;
  /** To nest the map in another one. */
  readonly stores: DotStore<DotMap<Inner>>;
  /** The delta of an operation on the key's value. */
  update(state: OrMap<Inner>, replica: ReplicaId, key: string, mutation: Mutation<Inner>): OrMap<Inner>;
  /** The delta that removes the key. */
  remove(state: OrMap<Inner>, replica: ReplicaId, key: string): OrMap<Inner>;
  /** What the key holds; the empty store if it is not there. */
  get(state: OrMap<Inner>, key: string): Inner;
  keys(state: OrMap<Inner>): string[];
}

export function orMaps<Inner>(name: string, inner: DotStore<Inner>): OrMaps<Inner> {
  const stores = dotMap(inner);
  return {
    lattice: causal(name, stores),
    stores,
    update: (state, replica, key, mutation) => mutate(stores, state, replica, updating(inner, key, mutation)),
    remove: (state, replica, key) => mutate(stores, state, replica, removingKey(inner, key)),
    get: (state, key) => state.store.get(key) ?? inner.empty,
    keys: (state) => [...state.store.keys()],
  };
}

/** An operation on a key's value, for use in a map of maps. */
export function updating<Inner>(
  inner: DotStore<Inner>,
  key: string,
  mutation: Mutation<Inner>,
): Mutation<DotMap<Inner>> {
  return (store, dot) => {
    const { store: part, replaced } = mutation(store.get(key) ?? inner.empty, dot);
    return { store: inner.isEmpty(part) ? new Map() : new Map([[key, part]]), replaced };
  };
}

/** A key's removal, for use in a map of maps. */
export function removingKey<Inner>(inner: DotStore<Inner>, key: string): Mutation<DotMap<Inner>> {
  return (store) => ({ store: new Map(), replaced: inner.dots(store.get(key) ?? inner.empty) });
}
