/** Named mixes of faults: what strikes, how often, in what kind of world. */
import { FAULT_NAMES, type FaultName, faultsOf } from "./faults/table.ts";
import type { ClusterOptions } from "./simulated-cluster.ts";

interface Mix {
  readonly meaning: string;
  readonly faults: readonly FaultName[];
  /** Milliseconds between two strikes, on average. */
  readonly interval: number;
  /** Whether knobs are turned (knobs.ts). */
  readonly knobs: boolean;
  /** What the world is like all the time. */
  readonly world?: Pick<ClusterOptions, "network" | "disk" | "limits">;
}

const CRASHES: readonly FaultName[] = [
  "crash",
  "crash-at-effect",
  "crash-at-callback",
  "crash-at-boundary",
  "power-off",
  "blackout",
  "pause",
];

export const MIXES = {
  calm: { meaning: "no faults at all", faults: [], interval: 1000, knobs: false },
  crashes: {
    meaning: "processes and machines die at any moment and come back",
    faults: CRASHES,
    interval: 900,
    knobs: false,
  },
  blackouts: {
    meaning: "power failures on slow disks: what was acknowledged before it was synced is lost",
    faults: ["blackout", "power-off", "crash-at-boundary"],
    interval: 1500,
    knobs: false,
    world: { disk: { syncLatency: { min: 5, max: 60 } } },
  },
  partitions: {
    meaning: "every kind of partition, slow and lossy times",
    faults: faultsOf("network"),
    interval: 1200,
    knobs: false,
  },
  lossy: {
    meaning: "a network that loses, repeats and reorders, with logs so short that snapshots are the rule",
    faults: [...CRASHES, ...faultsOf("network"), "wipe"],
    interval: 1500,
    knobs: false,
    world: {
      network: {
        dropProbability: 0.01,
        duplicateProbability: 0.01,
        reorderProbability: 0.03,
        resetProbability: 0.0005,
      },
      limits: { compactAtBytes: 2000, compactForcedAtBytes: 6000, snapshotChunkBytes: 300 },
    },
  },
  disks: {
    meaning: "disks that fill up, fail, stall, lie and are lost",
    faults: faultsOf("disk"),
    interval: 1500,
    knobs: false,
  },
  clocks: {
    meaning: "clocks that jump and drift, processes that stand still",
    faults: [...faultsOf("clock"), "pause", "isolate"],
    interval: 800,
    knobs: false,
  },
  membership: {
    meaning:
      "nodes join and leave, disks are lost, leaders move, keyspaces come and go, and machines crash meanwhile",
    faults: [
      ...faultsOf("cluster"),
      ...faultsOf("cluster"),
      "wipe",
      "crash",
      "power-off",
      "isolate",
      "pause",
    ],
    interval: 1000,
    knobs: false,
  },
  everything: {
    meaning: "every fault of the table, and knobs turned",
    faults: FAULT_NAMES,
    interval: 1000,
    knobs: true,
  },
} as const satisfies Record<string, Mix>;

export type MixName = keyof typeof MIXES;

export const MIX_NAMES = Object.keys(MIXES) as readonly MixName[];

export const isMixName = (name: string): name is MixName => Object.hasOwn(MIXES, name);

export const mixOf = (name: MixName): Mix => MIXES[name];
