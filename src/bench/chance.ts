/** Chance from a seed: the same run asks for the same keys in the same order. */
import type { Random } from "../core/world.ts";
import { Sfc32 } from "../world/sfc32.ts";

export type Chance = Pick<Random, "next">;

/** A stream of its own for each purpose, so that a draw more for one does not change another. */
export const PURPOSES = ["arrivals", "keys", "mix", "values", "members"] as const;

export function chanceFor(seed: number, purpose: (typeof PURPOSES)[number]): Chance {
  return new Sfc32(seed, Math.floor(seed / 2 ** 32), PURPOSES.indexOf(purpose) + 1);
}

/** Uniform in [0, below), a whole number. */
export const below = (chance: Chance, limit: number): number => Math.floor(chance.next() * limit);
