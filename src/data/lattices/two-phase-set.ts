/**
 * The two-phase set (RR-7506, specification 12): what was removed never comes back. The removed stay, as tombstones;
 * use the observed-remove set where elements come and go.
 */
import { texts } from "./encoding.ts";
import type { Lattice } from "./lattice.ts";
import { happened, pointwise } from "./pointwise.ts";

/** Of each element ever added, whether it was removed. */
export type TwoPhaseSet = ReadonlyMap<string, boolean>;

export const twoPhaseSets: Lattice<TwoPhaseSet> = pointwise("two-phase set", texts, happened);

export const twoPhaseHas = (state: TwoPhaseSet, element: string): boolean => state.get(element) === false;

export function twoPhaseElements(state: TwoPhaseSet): string[] {
  return [...state.keys()].filter((element) => twoPhaseHas(state, element));
}

/** The delta of an addition; no effect once the element was removed. */
export const twoPhaseAdd = (element: string): TwoPhaseSet => new Map([[element, false]]);

/** The delta of a removal; no effect unless this replica sees the element, as the paper's precondition has it. */
export function twoPhaseRemove(state: TwoPhaseSet, element: string): TwoPhaseSet {
  return twoPhaseHas(state, element) ? new Map([[element, true]]) : twoPhaseSets.bottom;
}
