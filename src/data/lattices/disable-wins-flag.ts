/**
 * The flag that goes off when it is switched on and off concurrently: the mirror of the enable-wins flag. Both ways of
 * switching leave a dot, since off must win over an enabling that it has not seen. Off at first.
 */
import type { ReplicaId } from "../../core/ids.ts";
import { causal, type Causal, type DotFun, dotFun, mutate, type Mutation } from "./dot-store.ts";
import { happened } from "./pointwise.ts";

export const switchStores = dotFun(happened);

export type DisableWinsFlag = Causal<DotFun<boolean>>;

export const disableWinsFlags = causal("disable-wins flag", switchStores);

export const disableWinsValue = (state: DisableWinsFlag): boolean => allOn(state.store);

export const allOn = (store: DotFun<boolean>): boolean =>
  store.length > 0 && store.every((written) => written.value);

/** The delta that switches it. */
export const disableWinsSet = (state: DisableWinsFlag, replica: ReplicaId, on: boolean): DisableWinsFlag =>
  mutate(switchStores, state, replica, switching(on));

/** Switching, for use in an OR-map. */
export function switching(on: boolean): Mutation<DotFun<boolean>> {
  return (store, dot) => ({ store: [{ dot, value: on }], replaced: switchStores.dots(store) });
}
