/**
 * Which fault strikes which node when, drawn from the seed before anything happens. A seed repeats the plan; what the
 * processes make of it differs from run to run.
 */
import { SimulatedRandom } from "../sim/simulated-random.ts";
import { CHAOS_FAULTS, type ChaosFault } from "./faults.ts";

export interface ChaosStrike {
  /** Milliseconds after clients have begun. */
  readonly at: number;
  readonly fault: ChaosFault;
  /** Which node, from 1. */
  readonly node: number;
  /** Milliseconds. */
  readonly lasts: number;
  /** In [0, 1): which kind of partition, how much delay. */
  readonly variant: number;
}

export interface ChaosScheduleOptions {
  readonly faults: readonly ChaosFault[];
  readonly nodes: number;
  /** Milliseconds within which faults strike. */
  readonly duration: number;
}

const FIRST_MS = 1000;
const LEAST_BETWEEN_MS = 300;
const MEAN_BETWEEN_MS = 1500;
/** A short run has short faults, so that several have room in it. */
const LONGEST_SHARE = 1 / 10;
/** A node that lost everything has to be whole again before another one loses everything. */
export const BETWEEN_WIPES_MS = 20_000;

/** How many nodes may be hurt at a time, so that a majority works. */
export const minorityOf = (nodes: number): number => Math.floor((nodes - 1) / 2);

interface Hurt {
  readonly node: number;
  readonly until: number;
  readonly fault: ChaosFault;
}

/**
 * At most a minority is hurt at any time, recovery included; a wipe strikes only when nobody is hurt, and 20 s after the
 * last one. Every fault strikes once before one strikes twice, as far as there is room.
 */
export function drawChaosSchedule(
  seed: number,
  { faults, nodes, duration }: ChaosScheduleOptions,
): readonly ChaosStrike[] {
  const random = new SimulatedRandom(seed).fork("chaos");
  const strikes: ChaosStrike[] = [];
  let hurt: readonly Hurt[] = [];
  let round: ChaosFault[] = [];
  let lastWipe = -Infinity;
  if (faults.length === 0 || minorityOf(nodes) === 0) return strikes;

  for (let at = FIRST_MS; at < duration;) {
    hurt = hurt.filter(({ until }) => until > at);
    if (hurt.length >= minorityOf(nodes) || hurt.some(({ fault }) => fault === "wipe")) {
      at = Math.min(...hurt.map(({ until }) => until));
      continue;
    }
    if (round.length === 0) round = random.shuffle(faults);
    const index = round.findIndex(
      (fault) => fault !== "wipe" || (hurt.length === 0 && at >= lastWipe + BETWEEN_WIPES_MS),
    );
    if (index < 0) {
      // Only a wipe is left of this round: if there are other faults they go first.
      const others = faults.filter((fault) => fault !== "wipe");
      if (others.length > 0 && at < lastWipe + BETWEEN_WIPES_MS) round.push(...random.shuffle(others));
      else at = Math.max(lastWipe + BETWEEN_WIPES_MS, ...hurt.map(({ until }) => until));
      continue;
    }
    const [fault] = round.splice(index, 1) as [ChaosFault];
    const whole = Array.from({ length: nodes }, (_, i) => i + 1).filter(
      (node) => !hurt.some((one) => one.node === node),
    );
    const { lasts: range, recovery } = CHAOS_FAULTS[fault];
    const node = random.pick(whole);
    const longest = Math.max(range.from, Math.min(range.to, duration * LONGEST_SHARE));
    const lasts = random.between(range.from, longest);
    strikes.push({ at, fault, node, lasts, variant: random.next() });
    if (fault === "wipe") lastWipe = at;
    hurt = [...hurt, { node, until: at + lasts + recovery, fault }];
    at += LEAST_BETWEEN_MS - Math.log(1 - random.next()) * (MEAN_BETWEEN_MS - LEAST_BETWEEN_MS);
  }
  return strikes;
}
