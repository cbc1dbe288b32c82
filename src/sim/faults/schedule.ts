/** Which fault strikes when, drawn from the seed before anything happens; so that a part of it can be played again. */
import type { SimulatedRandom } from "../simulated-random.ts";
import { FAULTS, type FaultName, type Range } from "./table.ts";

export interface Strike {
  /** Milliseconds after the cluster has become ready. */
  readonly at: number;
  readonly fault: FaultName;
  /** In [0, 1): which machine, of those that are there when it strikes. */
  readonly target: number;
  /** Milliseconds. */
  readonly lasts: number;
  /** In the unit of the fault's row. */
  readonly amount: number;
}

export interface ScheduleOptions {
  readonly faults: readonly FaultName[];
  /** Milliseconds between two strikes on average; they come as a Poisson process does. */
  readonly interval: number;
  /** Milliseconds within which they strike. */
  readonly duration: number;
}

export function drawSchedule(random: SimulatedRandom, options: ScheduleOptions): readonly Strike[] {
  const { faults, interval, duration } = options;
  const strikes: Strike[] = [];
  if (faults.length === 0) return strikes;
  const within = ({ from, to }: Range): number => random.between(from, to);
  for (let at = 0; ;) {
    at += -Math.log(1 - random.next()) * interval;
    if (at >= duration) return strikes;
    const fault = random.pick(faults);
    const { lasts, amount } = FAULTS[fault];
    strikes.push({ at, fault, target: random.next(), lasts: within(lasts), amount: within(amount) });
  }
}

/** `#4 at 5120 ms: pause for 1300 ms`, as a person reads it. */
export function describeStrike(strike: Strike): string {
  const { fault, lasts, amount, at } = strike;
  const { unit } = FAULTS[fault].amount;
  const parts = [`${(at / 1000).toFixed(3)} s: ${fault}`];
  if (unit !== "") parts.push(`of ${Number(amount.toPrecision(3))} ${unit}`);
  if (lasts > 0) parts.push(`for ${Math.round(lasts)} ms`);
  return parts.join(" ");
}
