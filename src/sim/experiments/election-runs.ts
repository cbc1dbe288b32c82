/** Many trials of one setting. Each trial has a stream of chance of its own: any of them can be repeated alone. */
import { unreachable } from "../../core/assert.ts";
import { SimulatedRandom } from "../simulated-random.ts";
import type { ElectionSetting, Statistic } from "./election-settings.ts";
import { runElectionTrial } from "./election-trial.ts";
import type { ElectionOptions } from "./election-trial.ts";
import { quantile, sample } from "./statistics.ts";
import type { Sample } from "./statistics.ts";

/** The thesis took the worst of so many. */
const BATCH = 1000;

export interface ElectionRuns {
  /** Milliseconds without a leader. */
  readonly downtime: Sample;
  /** The longest of each thousand trials, in order of length. */
  readonly worst: Sample;
}

export function runElections(
  seed: string,
  options: ElectionOptions,
  trials: number,
  figure: ElectionSetting["figure"],
): ElectionRuns {
  const random = new SimulatedRandom(seed);
  const downtimes: number[] = [];
  const worst: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    const { elected, followed } = runElectionTrial(options, random.fork(trial));
    // The thesis' servers stopped the clock when they heard the new leader, its simulator when there was one.
    const downtime = figure === "wide-area" ? elected : followed;
    downtimes.push(downtime);
    if (trial % BATCH === 0) worst.push(downtime);
    else worst.push(Math.max(worst.pop()!, downtime));
  }
  return { downtime: sample(downtimes), worst: sample(worst) };
}

export function statisticOf({ downtime, worst }: ElectionRuns, statistic: Statistic): number {
  switch (statistic) {
    case "mean":
      return downtime.mean;
    case "median":
      return quantile(downtime, 0.5);
    case "99%":
      return quantile(downtime, 0.99);
    case "99.9%":
      return quantile(downtime, 0.999);
    case "best":
      return quantile(downtime, 0);
    case "worst":
      return quantile(worst, 0.5);
    default:
      return unreachable(statistic);
  }
}
