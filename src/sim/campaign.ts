/** Many simulations, one seed after the other: what each seed stands for, and what a run of one tells. */
import { isMerging, type QuorumSpec, type Replication } from "../node/api.ts";
import type { Strike } from "./faults/schedule.ts";
import type { FaultName } from "./faults/table.ts";
import type { CrashMoment } from "./simulated-host.ts";
import { type MixName, MIX_NAMES } from "./mixes.ts";
import { type SimulationOptions, type SimulationResult, trySimulation } from "./simulate.ts";
import { SimulatedRandom } from "./simulated-random.ts";
import { type WorkloadName, workloadsFor } from "./workloads/workloads.ts";

export interface Chosen {
  readonly workload?: WorkloadName;
  readonly mix?: MixName;
  readonly nodes?: number;
  readonly clients?: number;
  /** Milliseconds. */
  readonly duration?: number;
  readonly replication?: Replication;
  readonly quorum?: Partial<QuorumSpec>;
  readonly shards?: number;
  readonly keep?: readonly number[];
  readonly faults?: readonly FaultName[];
  readonly schedule?: readonly Strike[];
}

/** What a seed stands for, as far as it is not chosen. */
export function optionsOfSeed(seed: number, chosen: Chosen): SimulationOptions {
  const random = new SimulatedRandom(seed).fork("campaign");
  const drawn = {
    workload: random.pick(workloadsFor(isMerging(chosen.replication ?? "raft"))),
    mix: random.pick(MIX_NAMES),
    nodes: random.pick([3, 3, 3, 4, 5]),
    clients: random.integer(2, 8),
    duration: random.pick([5000, 10_000, 20_000]),
    replication: "raft" as const,
    shards: random.pick([1, 2, 8]),
  };
  return { seed, ...drawn, ...chosen };
}

/** One machine loses its power at the n-th such moment, and comes back a little later. */
export function crashSchedule(moment: CrashMoment, n: number): readonly Strike[] {
  return [{ at: 0, fault: `crash-at-${moment}`, target: 0, lasts: 300, amount: n }];
}

/** What a run is like in which every moment is to be tried in turn, as far as it is not chosen: short. */
export function optionsOfMoment(
  seed: number,
  moment: CrashMoment,
  n: number,
  chosen: Chosen,
): SimulationOptions {
  const short = {
    workload: "registers",
    mix: "calm",
    nodes: 3,
    clients: 3,
    duration: 1200,
    shards: 1,
  } as const;
  return optionsOfSeed(seed, { ...short, ...chosen, schedule: crashSchedule(moment, n) });
}

/** Whether the n-th moment came: when it did not, no later one would. */
export const momentCame = (report: Report): boolean => report.strikes > 1;

/** This part of all runs is done twice, and must give the same history. */
export const REPEATED = 1 / 20;

export interface Report {
  readonly options: SimulationOptions;
  readonly problems: readonly string[];
  readonly repeated: boolean;
  readonly acknowledged: number;
  readonly strikes: number;
  readonly events: number;
  readonly virtualMilliseconds: number;
}

/** Runs a seed, and some of them twice. */
export function runSeed(options: SimulationOptions): { report: Report; result: SimulationResult } {
  const result = trySimulation(options);
  const repeated = new SimulatedRandom(options.seed).fork("repeat").chance(REPEATED);
  const again = repeated ? trySimulation(options) : result;
  const problems = [...result.problems];
  if (again.hash !== result.hash)
    problems.push(`not deterministic: one seed gave the event hashes ${result.hash} and ${again.hash}`);
  const times = repeated ? 2 : 1;
  const report = {
    options,
    problems,
    repeated,
    acknowledged: result.acknowledged,
    strikes: result.strikes.length,
    events: result.schedulerEvents * times,
    virtualMilliseconds: result.virtualMilliseconds * times,
  };
  return { report, result };
}
