import { invariant } from "../../core/assert.ts";
import type { Chance } from "./messages.ts";

/** `count` different whole numbers below `size`, every choice equally likely (Floyd). All of them if there are no more. */
export function sampleBelow(size: number, count: number, chance: Chance): readonly number[] {
  const wanted = Math.min(size, count);
  const chosen: number[] = [];
  for (let end = size - wanted; end < size; end++) {
    const drawn = chance();
    invariant(drawn >= 0 && drawn < 1, `chance gave ${drawn}`);
    const candidate = Math.floor(drawn * (end + 1));
    chosen.push(chosen.includes(candidate) ? end : candidate);
  }
  return chosen;
}
