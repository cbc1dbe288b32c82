/**
 * The flag that stays on when it is switched on and off concurrently (Almeida et al. 2018: EWFlag). One dot for each
 * concurrent enabling, and nothing while it is off. Off at first.
 */
import type { ReplicaId } from "../../core/ids.ts";
import { causal, type Causal, type DotFun, mutate, type Mutation } from "./dot-store.ts";
import { dotSets } from "./or-set.ts";

export type EnableWinsFlag = Causal<DotFun<null>>;

export const enableWinsFlags = causal("enable-wins flag", dotSets);

export const enableWinsValue = (state: EnableWinsFlag): boolean => state.store.length > 0;

/** The delta that switches it. */
export const enableWinsSet = (state: EnableWinsFlag, replica: ReplicaId, on: boolean): EnableWinsFlag =>
  mutate(dotSets, state, replica, on ? enabling : disabling);

/** Switching on, for use in an OR-map. */
export const enabling: Mutation<DotFun<null>> = (store, dot) => ({
  store: [{ dot, value: null }],
  replaced: dotSets.dots(store),
});

/** Switching off, for use in an OR-map. */
export const disabling: Mutation<DotFun<null>> = (store) => ({
  store: [],
  replaced: dotSets.dots(store),
});
