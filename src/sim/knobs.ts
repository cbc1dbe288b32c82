/**
 * What is rare in production and common here: each knob is turned in a quarter of the simulations that ask for it, so that
 * their combinations come too (FoundationDB calls it buggify). None of them changes code: they are limits, timings and
 * manners of the world that a user could have as well.
 */
import { DEFAULT_PLACEMENT } from "../node/options.ts";
import type { ClusterOptions } from "./simulated-cluster.ts";
import type { SimulatedRandom } from "./simulated-random.ts";

type Turned = Pick<
  ClusterOptions,
  "network" | "disk" | "limits" | "raft" | "tcp" | "membership" | "placement" | "requestTimeout"
>;

interface Knob {
  readonly meaning: string;
  turn(random: SimulatedRandom): Turned;
}

export const KNOBS = {
  "tiny-logs": {
    meaning: "logs are compacted after a few entries: lagging replicas get snapshots all the time",
    turn: (random) => ({
      limits: { compactAtBytes: random.integer(300, 4000), compactForcedAtBytes: random.integer(4000, 9000) },
    }),
  },
  "tiny-snapshot-pieces": {
    meaning: "a snapshot takes many pieces, and much can happen between two of them",
    turn: (random) => ({ limits: { snapshotChunkBytes: random.integer(50, 600) } }),
  },
  "tiny-segments": {
    meaning: "the log changes its segment file every few entries",
    turn: (random) => ({
      limits: { logSegmentBytes: random.integer(4, 16) * 1024, logRetainBytes: 128 * 1024 },
    }),
  },
  "small-overlay": {
    meaning: "applied state that waits for the store is soon too much, and writes are refused",
    turn: (random) => ({ limits: { maxOverlayBytes: random.integer(2000, 20_000) } }),
  },
  "few-requests": {
    meaning: "a node refuses requests as overloaded while a few are under way",
    turn: (random) => ({ limits: { maxInFlight: random.integer(3, 5) } }),
  },
  "short-send-queues": {
    meaning: "frames are dropped because the queue to a peer is full",
    turn: (random) => ({ tcp: { maxQueueBytes: random.integer(2, 30) * 1024 } }),
  },
  "impatient-clients": {
    meaning: "requests time out while they are under way",
    turn: (random) => ({ requestTimeout: random.integer(20, 400) }),
  },
  "equal-election-timeouts": {
    meaning: "candidates start at the same moment and split the votes",
    turn: () => ({ raft: { electionTimeoutMin: 300, electionTimeoutMax: 310 } }),
  },
  "hasty-elections": {
    meaning: "leaders are deposed although they are alive",
    turn: () => ({ raft: { electionTimeoutMin: 100, electionTimeoutMax: 200, heartbeatInterval: 45 } }),
  },
  "hasty-suspicions": {
    meaning: "nodes probe each other all the time, and hold each other dead although they are alive",
    turn: (random) => ({
      membership: { period: random.integer(60, 200), directTimeout: 20, suspicionFactor: 1 },
    }),
  },
  "no-lease": {
    meaning: "every linearizable read is confirmed by a round of heartbeats",
    turn: () => ({ raft: { lease: false } }),
  },
  "slow-disks": {
    meaning: "a sync takes tens of milliseconds: what is not durable yet is much",
    turn: (random) => ({ disk: { syncLatency: { min: 5, max: random.between(20, 90) } } }),
  },
  "copy-on-write": {
    meaning: "file systems that write every change to a new place, and fail otherwise when they are full",
    turn: () => ({ disk: { copyOnWrite: true } }),
  },
  "lossy-network": {
    meaning: "frames are lost, repeated and overtaken all the time",
    turn: (random) => ({
      network: {
        dropProbability: random.between(0, 0.02),
        duplicateProbability: random.between(0, 0.02),
        reorderProbability: random.between(0, 0.05),
        resetProbability: random.between(0, 0.001),
      },
    }),
  },
  "far-apart": {
    meaning: "frames take tens of milliseconds",
    turn: (random) => ({ network: { delayMin: random.between(1, 10), delayMax: random.between(10, 45) } }),
  },
  "dead-links-stay": {
    meaning: "a connection on which nothing is heard is never given up",
    turn: () => ({ network: { silenceCloses: false } }),
  },
  "restless-leaders": {
    meaning: "leaderships follow requests from node to node several times a second",
    turn: (random) => ({
      placement: {
        rules: {
          ...DEFAULT_PLACEMENT.rules,
          halfLife: random.integer(100, 500),
          minimalRate: 0.2,
          clearlyLess: 0.95,
          sustained: 0,
          lingering: 500,
          coolDown: 100,
          longestCoolDown: 400,
          retryAfter: 300,
        },
      },
    }),
  },
} as const satisfies Record<string, Knob>;

type KnobName = keyof typeof KNOBS;

const PROBABILITY = 0.25;

/** The names of those that were turned, and what they amount to, on top of `base`. */
export function turnKnobs(
  random: SimulatedRandom,
  base: Turned,
): { readonly turned: readonly string[]; readonly options: Turned } {
  const turned: string[] = [];
  let options = base;
  for (const name of Object.keys(KNOBS) as KnobName[]) {
    // A stream of its own, so that a new knob does not change what the others do.
    const own = random.fork(name);
    if (!own.chance(PROBABILITY)) continue;
    turned.push(name);
    options = merge(options, KNOBS[name].turn(own));
  }
  return { turned, options };
}

function merge(one: Turned, other: Turned): Turned {
  return {
    ...one,
    ...other,
    network: { ...one.network, ...other.network },
    disk: { ...one.disk, ...other.disk },
    limits: { ...one.limits, ...other.limits },
    raft: { ...one.raft, ...other.raft },
    membership: { ...one.membership, ...other.membership },
    placement: { ...one.placement, ...other.placement },
    tcp: { ...one.tcp, ...other.tcp },
  };
}
