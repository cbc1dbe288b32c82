/**
 * How Bailis et al. found the times of their table: for t = 0, one step, two steps … a fresh lot of trials is drawn, and the first t
 * whose lot has few enough stale reads is the answer (`SWEEP` of their simulator and the script that printed the table:
 * github.com/pbailis/pbs-vldb-historical-paper-material, nrw_solver/src/Simulator.java and sim-graphs/graphsmallps.py).
 *
 * Every lot is a chance to end early, so the answer is shorter than the time at which the share is reached: the more so the finer
 * the steps, the smaller the lots and the heavier the tail. Nothing is drawn here: the distribution of the answer is calculated.
 */
import type { Millis } from "../../core/machine.ts";
import type { StalenessEstimate } from "../../protocols/quorum/staleness.ts";

export interface Sweep {
  /** Between t and the next t, milliseconds. */
  readonly step: Millis;
  readonly trials: number;
  /** A lot with fewer stale reads ends the sweep. */
  readonly fewer: number;
}

/** The answer that these shares of all sweeps do not exceed; shares ascending, below 1. */
export function sweepTimes(
  estimate: StalenessEstimate,
  { step, trials, fewer }: Sweep,
  shares: readonly number[],
): readonly Millis[] {
  const times: Millis[] = [];
  let going = 1;
  for (let at = 0; times.length < shares.length; at++) {
    const stale = 1 - estimate.consistent(at * step);
    going *= 1 - fewerThan(fewer, trials, stale);
    while (times.length < shares.length && 1 - going >= shares[times.length]!) times.push(at * step);
  }
  return times;
}

/** The probability that fewer than `limit` of `trials` come true, each with this probability. */
export function fewerThan(limit: number, trials: number, probability: number): number {
  if (probability === 0) return 1;
  if (probability === 1) return trials < limit ? 1 : 0;
  const odds = Math.log(probability) - Math.log1p(-probability);
  let sum = 0;
  // Of exactly `count`, as a logarithm: none at all is less than a number can hold.
  let exactly = trials * Math.log1p(-probability);
  for (let count = 0; count < Math.min(limit, trials + 1); count++) {
    sum += Math.exp(exactly);
    exactly += Math.log((trials - count) / (count + 1)) + odds;
  }
  return Math.min(1, sum);
}
