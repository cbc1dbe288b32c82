/** The set that only grows (RR-7506, specification 11). Elements are binary strings. */
import { texts } from "./encoding.ts";
import type { Lattice } from "./lattice.ts";
import { pointwise, unit } from "./pointwise.ts";

export type GSet = ReadonlyMap<string, null>;

export const gSets: Lattice<GSet> = pointwise("G-set", texts, unit);

export const gSetHas = (state: GSet, element: string): boolean => state.has(element);

export const gSetElements = (state: GSet): string[] => [...state.keys()];

/** The delta of an addition. */
export const gSetAdd = (element: string): GSet => new Map([[element, null]]);
