/**
 * Exponential backoff with full jitter: uniform in [0, base × 2^n], capped. Spreads clients that failed at the same moment
 * better than any fixed fraction (M. Brooker, "Exponential Backoff And Jitter", 2015).
 */
import type { Millis } from "../../core/machine.ts";

export interface Backoff {
  /** Milliseconds; upper bound of the first pause. */
  readonly base: Millis;
  /** Milliseconds; upper bound of every pause. */
  readonly cap: Millis;
}

/** `failures` counts from 1; `random` is uniform in [0, 1). */
export function pauseAfter(failures: number, { base, cap }: Backoff, random: number): Millis {
  return random * Math.min(cap, base * 2 ** Math.min(failures - 1, 30));
}
