import type { Millis } from "../core/machine.ts";
import type { NodeId } from "../core/ids.ts";
import type { SwimOptions } from "./options.ts";

type SuspicionOptions = Pick<
  SwimOptions,
  "period" | "suspicionFactor" | "suspicionMaxFactor" | "confirmations"
>;

/** One suspicion under way, and who has uttered it independently. */
export interface Suspicion {
  readonly since: Millis;
  readonly suspectors: Set<NodeId>;
}

/** How many confirmations a group of `members` can give: all but the suspected one and the first to suspect it. */
export function confirmationsWanted(options: SuspicionOptions, members: number): number {
  return Math.max(0, Math.min(options.confirmations, members - 2));
}

/**
 * How long a suspicion lasts in all, with `confirmed` independent confirmations (Lifeguard, section IV.B):
 * max(min, max - (max - min) log(C + 1) / log(K + 1)). Where nobody could confirm, the least.
 */
export function suspicionTimeout(options: SuspicionOptions, members: number, confirmed: number): Millis {
  const least = options.suspicionFactor * Math.max(1, Math.log10(Math.max(1, members))) * options.period;
  const wanted = confirmationsWanted(options, members);
  if (wanted === 0) return least;
  const most = least * options.suspicionMaxFactor;
  return Math.max(least, most - ((most - least) * Math.log(confirmed + 1)) / Math.log(wanted + 1));
}
