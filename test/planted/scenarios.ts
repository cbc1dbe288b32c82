/**
 * Where planted bugs are caught: simulated histories as data. Each is made for a kind of bug: shorter than those of a
 * soak, with faults that come thick and fast.
 */
import { FuzzCluster } from "../../src/protocols/raft/fuzz.testkit.ts";
import { drawSchedule, type Strike } from "../../src/sim/faults/schedule.ts";
import type { FaultName } from "../../src/sim/faults/table.ts";
import { type MembershipTrial, TRIALS, tryMembership } from "../../src/sim/membership-trials.ts";
import {
  MERGING_STORIES,
  type MergingStory,
  tryMergingStory,
} from "../../src/sim/merging-stories.testkit.ts";
import type { MixName } from "../../src/sim/mixes.ts";
import { type SimulationOptions, simulate } from "../../src/sim/simulate.ts";
import { SimulatedRandom } from "../../src/sim/simulated-random.ts";
import type { WorkloadName } from "../../src/sim/workloads/workloads.ts";
import { runPipelines } from "./pipelines.ts";
import { runTwoLeaders, type TwoLeaders } from "./two-leaders.ts";

interface Scenario {
  readonly meaning: string;
  readonly nodes: number;
  readonly workload: WorkloadName;
  readonly clients: number;
  readonly shards: number;
  /** Milliseconds under faults. */
  readonly duration: number;
  readonly faults: readonly FaultName[];
  /** Milliseconds between two faults on average. */
  readonly interval: number;
  /** How long they last, as a part of what is usual. */
  readonly lasts: number;
  readonly cluster?: NonNullable<SimulationOptions["cluster"]>;
  /** Default: raft. */
  readonly replication?: SimulationOptions["replication"];
  readonly quorum?: NonNullable<SimulationOptions["quorum"]>;
}

/** What the world is like stands in the scenarios. */
const MIX: MixName = "calm";

const SHORT_LOGS = { compactAtBytes: 800, compactForcedAtBytes: 1500, snapshotChunkBytes: 200 };
const SLOW_DISKS = { syncLatency: { min: 5, max: 60 } };
const PARTITIONS = ["isolate", "halves", "one-way", "bridge", "ring"] as const satisfies FaultName[];
const CRASHES = ["crash", "power-off", "blackout", "crash-at-boundary"] as const satisfies FaultName[];
/** A leader that has lost its followers learns it late, and others are elected soon: there are two for a while. */
const OVERLAP = { electionTimeoutMin: 150, electionTimeoutMax: 1000, heartbeatInterval: 50 };
const USUAL = {
  nodes: 3,
  workload: "registers",
  clients: 6,
  shards: 2,
  duration: 5000,
  interval: 500,
  lasts: 0.4,
} as const;

const MERGING = { ...USUAL, workload: "merging-counters", lasts: 0.4 } as const;
const UNEVEN_LINKS = {
  network: { delayMin: 1, delayMax: 60, dropProbability: 0.01, reorderProbability: 0.05 },
};
const READS_SEE_ALL = { replication: "quorum", quorum: { r: 2, w: 2, sloppy: false } } as const;

const SCENARIOS = {
  partitions: {
    ...USUAL,
    meaning: "partitions of every kind",
    clients: 8,
    faults: PARTITIONS,
    interval: 700,
    lasts: 0.6,
  },
  elections: {
    ...USUAL,
    meaning: "five nodes, slow links and disks, partitions and crashes: leaders that do not last",
    nodes: 5,
    shards: 8,
    faults: [...PARTITIONS, "power-off", "crash", "blackout"],
    interval: 250,
    lasts: 0.25,
    cluster: { network: { delayMin: 1, delayMax: 40 }, disk: { syncLatency: { min: 2, max: 60 } } },
  },
  "power-failures": {
    ...USUAL,
    meaning:
      "power failures of all machines, which then come back at different times; slow disks that lose almost all that was not synced",
    clients: 8,
    duration: 7000,
    faults: ["blackout", "blackout", "power-off"],
    interval: 800,
    lasts: 0.5,
    cluster: { disk: { syncLatency: { min: 10, max: 100 }, survival: { whole: 0.05, torn: 0.15 } } },
  },
  "torn-writes": {
    ...USUAL,
    meaning: "power failures that tear what was not synced, slow disks",
    clients: 8,
    faults: CRASHES,
    interval: 400,
    lasts: 0.2,
    cluster: { disk: { ...SLOW_DISKS, sectorBytes: 32, survival: { whole: 0.1, torn: 0.8 } } },
  },
  restarts: {
    ...USUAL,
    meaning: "restarts, short logs in small segments that are freed soon",
    clients: 5,
    duration: 6000,
    faults: CRASHES,
    lasts: 0.2,
    cluster: { limits: { ...SHORT_LOGS, logSegmentBytes: 4096, logRetainBytes: 12_000 } },
  },
  snapshots: {
    ...USUAL,
    meaning: "nodes that are away for so long that they need a snapshot, of many pieces",
    clients: 10,
    duration: 10_000,
    faults: ["power-off", "isolate", "crash"],
    interval: 800,
    lasts: 0.9,
    cluster: { limits: SHORT_LOGS },
  },
  lossy: {
    ...USUAL,
    meaning: "a network that loses, repeats and reorders, crashes, short logs",
    duration: 7000,
    faults: ["lossy", "slow", ...CRASHES],
    cluster: {
      network: { dropProbability: 0.01, duplicateProbability: 0.05, reorderProbability: 0.05 },
      limits: SHORT_LOGS,
    },
  },
  wipes: {
    ...USUAL,
    meaning: "machines that lose their disks, and others that are cut off",
    duration: 6000,
    faults: ["wipe", "isolate", "power-off"],
    lasts: 0.3,
  },
  counters: {
    ...USUAL,
    meaning: "counters, with crashes and partitions",
    workload: "counters",
    faults: [...CRASHES, "isolate", "halves"],
    lasts: 0.2,
  },
  transactions: {
    ...USUAL,
    meaning: "transactions, with crashes and partitions",
    workload: "transactions",
    faults: [...CRASHES, "isolate"],
    lasts: 0.2,
  },
  retries: {
    ...USUAL,
    meaning: "the typed client over a bad network; crashes, partitions, short logs",
    workload: "retries",
    faults: [...CRASHES, "isolate", "halves", "slow"],
    lasts: 0.3,
    cluster: { limits: SHORT_LOGS, network: { delayMin: 1, delayMax: 30 } },
  },
  "stale-reads": {
    ...USUAL,
    meaning: "the typed client reads any replica; crashes, partitions, slow links",
    workload: "stale-reads",
    faults: [...CRASHES, "isolate", "halves", "slow"],
    lasts: 0.3,
    cluster: { network: { delayMin: 1, delayMax: 30 } },
  },
  watching: {
    ...USUAL,
    meaning: "watchers that wander from node to node; crashes, partitions, short logs and histories",
    workload: "watching",
    faults: [...CRASHES, "isolate", "halves"],
    lasts: 0.3,
    cluster: { limits: { ...SHORT_LOGS, watchHistoryChanges: 12 } },
  },
  expiry: {
    ...USUAL,
    meaning: "values that expire, clocks that jump, restarts",
    workload: "expiry",
    faults: ["clock-jump", "crash", "isolate"],
    lasts: 0.3,
  },
  "gossip-counters": {
    ...MERGING,
    meaning: "counters that merge by gossip; uneven links, partitions, crashes",
    replication: "gossip",
    faults: [...PARTITIONS, ...CRASHES],
    cluster: UNEVEN_LINKS,
  },
  "gossip-sets": {
    ...MERGING,
    meaning: "sets that merge by gossip; uneven links, partitions",
    workload: "merging-sets",
    replication: "gossip",
    faults: PARTITIONS,
    cluster: UNEVEN_LINKS,
  },
  "strict-quorums": {
    ...MERGING,
    ...READS_SEE_ALL,
    meaning: "R + W > N without stand-ins; slow disks, partitions, crashes",
    faults: [...PARTITIONS, ...CRASHES],
    cluster: { disk: SLOW_DISKS, network: { delayMin: 1, delayMax: 30 } },
  },
} as const satisfies Record<string, Scenario>;

const QUICK_LINKS = { delayMin: 0.5, delayMax: 8 };

/** Of one shard that has two leaders for a moment, in two-leaders.ts. */
const TWO_LEADERS = {
  "cut-off-leader": {
    meaning: "the leader is cut off while others elect another",
    trouble: "isolate",
    cluster: { network: QUICK_LINKS, raft: OVERLAP },
  },
  "cut-off-leader-without-lease": {
    meaning: "the leader is cut off while others elect another; there are no leases",
    trouble: "isolate",
    cluster: { network: QUICK_LINKS, raft: { ...OVERLAP, lease: false } },
  },
  "cut-off-leader-far-away": {
    meaning: "links as slow as half a lease; the leader is cut off",
    trouble: "isolate",
    cluster: { network: { delayMin: 50, delayMax: 65 }, raft: OVERLAP },
  },
  "paused-leader": {
    meaning: "the leader stands still and is cut off while others elect another",
    trouble: "pause",
    cluster: { network: QUICK_LINKS, raft: OVERLAP, requestTimeout: 2000 },
  },
} as const satisfies Record<string, TwoLeaders & { readonly meaning: string }>;

type TwoLeadersName = keyof typeof TWO_LEADERS;

const isTwoLeaders = (name: ScenarioName): name is TwoLeadersName => Object.hasOwn(TWO_LEADERS, name);

/** `raft`: the fuzzer of the protocol, whose invariants are those of the paper. */
export type ScenarioName =
  | keyof typeof SCENARIOS
  | TwoLeadersName
  | `story: ${MergingStory}`
  | "members"
  | "pipelines"
  | "raft";

const STORY = "story: ";

const storyOf = (name: ScenarioName): MergingStory | null =>
  name.startsWith(STORY) ? (name.slice(STORY.length) as MergingStory) : null;

export function describeScenario(name: ScenarioName): string {
  if (name === "raft") return "the fuzzer of the protocol alone, with the invariants of the paper";
  if (name === "members")
    return "five nodes without clients, looked at while one dies, a link is cut one way, and one stands still";
  if (name === "pipelines")
    return "clients that pipeline through the RESP door of simulated nodes, on uneven links";
  const story = storyOf(name);
  if (story !== null) return MERGING_STORIES[story].meaning;
  return isTwoLeaders(name) ? TWO_LEADERS[name].meaning : SCENARIOS[name as keyof typeof SCENARIOS].meaning;
}

/** Runs one history. What is wrong with it, in sentences. */
export function runScenario(name: ScenarioName, seed: number): readonly string[] {
  if (name === "raft") return runFuzzer(seed);
  if (name === "members") return runMembers(seed);
  if (name === "pipelines") return runPipelines(seed);
  if (isTwoLeaders(name)) return runTwoLeaders(TWO_LEADERS[name], seed);
  const story = storyOf(name);
  if (story !== null) return tryMergingStory(story, seed);
  const scenario: Scenario = SCENARIOS[name as keyof typeof SCENARIOS];
  const { nodes, workload, clients, shards, duration, cluster, quorum, replication = "raft" } = scenario;
  return simulate({
    seed,
    nodes,
    workload,
    mix: MIX,
    replication,
    ...(quorum === undefined ? {} : { quorum }),
    shards,
    clients,
    duration,
    schedule: scheduleOf(scenario, seed),
    ...(cluster === undefined ? {} : { cluster }),
  }).problems;
}

function scheduleOf({ lasts, ...options }: Scenario, seed: number): readonly Strike[] {
  const drawn = drawSchedule(new SimulatedRandom(seed).fork("planted"), options);
  return drawn.map((strike) => ({ ...strike, lasts: strike.lasts * lasts }));
}

function runMembers(seed: number): readonly string[] {
  return (Object.keys(TRIALS) as MembershipTrial[]).flatMap((name) => tryMembership(name, seed));
}

function runFuzzer(seed: number): readonly string[] {
  try {
    new FuzzCluster(seed).run();
    return [];
  } catch (error) {
    return [`the fuzzer: ${error instanceof Error ? error.message.split("\n")[0]! : String(error)}`];
  }
}
