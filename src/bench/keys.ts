/** Which key the next request is for: a number from 0. */
import { below, type Chance } from "./chance.ts";
import type { Distribution } from "./settings.ts";
import { Zipf } from "./zipf.ts";

export type KeyChooser = () => number;

/** That of YCSB (Cooper et al., "Benchmarking cloud serving systems with YCSB", 2010). */
const ZIPFIAN_EXPONENT = 0.99;

/** The products of `scrambled` have to be whole numbers that JavaScript holds exactly. */
export const MOST_KEYS = 50_000_000;

export function keyChooser(distribution: Distribution, keys: number, chance: Chance): KeyChooser {
  if (distribution === "uniform") return () => below(chance, keys);
  const ranks = new Zipf(keys, ZIPFIAN_EXPONENT, chance);
  const scramble = scrambled(keys);
  return () => scramble(ranks.next());
}

/**
 * Puts the popular keys anywhere among the others, as YCSB does. YCSB hashes ranks, so that several can fall on one key; here each rank has a key
 * of its own, and popularity follows the law exactly.
 */
export function scrambled(keys: number): (rank: number) => number {
  let step = Math.max(1, Math.floor(keys * 0.618_033_988_749_894_9));
  while (divisor(step, keys) !== 1) step++;
  const offset = Math.floor(keys * 0.366);
  return (rank) => (rank * step + offset) % keys;
}

function divisor(a: number, b: number): number {
  return b === 0 ? a : divisor(b, a % b);
}
