/** What goes wrong in a fuzzed history, as data. */
import type { Millis } from "../../core/machine.ts";
import type { RaftOptions } from "./options.ts";

/** Faults of one history; chances are per event of their kind. */
export interface FuzzMix {
  readonly nodes: number;
  readonly founders: number;
  readonly duration: Millis;
  readonly drop: number;
  readonly duplicate: number;
  /** A message takes up to this long, now and then ten times as long. */
  readonly maxDelay: Millis;
  readonly maxSync: Millis;
  /** Mean time between faults of each kind, of the whole cluster; 0: never. */
  readonly crashEvery: Millis;
  /** Chance of a crash between a write and its sync. */
  readonly crashOnWrite: number;
  readonly partitionEvery: Millis;
  readonly pauseEvery: Millis;
  readonly changeEvery: Millis;
  readonly transferEvery: Millis;
  readonly compactEvery: Millis;
  readonly writeEvery: Millis;
  readonly readEvery: Millis;
  /** Rates of clocks differ from true time by up to this fraction. */
  readonly drift: number;
  readonly options: Partial<RaftOptions>;
}

/** Small, seeded, good enough for tests (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Few entries in each append, leaders that do not last, messages that take as long as a timeout: what figure 8 of the paper
 * and votes of lost writes need, and a fair mix makes rarely.
 */
function churn(random: () => number): FuzzMix {
  return {
    nodes: 5,
    founders: random() < 0.7 ? 5 : 3,
    duration: 5000,
    drop: 0.1 * random(),
    duplicate: 0.1 * random(),
    maxDelay: 5 + random() * (random() < 0.3 ? 200 : 40),
    maxSync: 1 + random() * 60,
    crashEvery: 150 + random() * 300,
    crashOnWrite: 0.08 * random(),
    partitionEvery: 200 + random() * 600,
    pauseEvery: 0,
    changeEvery: random() < 0.3 ? 400 : 0,
    transferEvery: random() < 0.3 ? 300 : 0,
    compactEvery: 0,
    writeEvery: 8 + random() * 20,
    readEvery: 60,
    drift: 0,
    options: {
      preVote: random() < 0.3,
      maxMessageBytes: 1,
      maxInflightMessages: 1 + Math.floor(random() * 3),
    },
  };
}

/** Deals every kind of trouble in proportions that the seed decides. */
export function mixOf(seed: number): FuzzMix {
  const random = seededRandom(seed ^ 0x5bd1e995);
  if (seed % 4 === 0) return churn(random);
  const often = (chance: number, value: number): number => (random() < chance ? value * (0.3 + random()) : 0);
  const nodes = 3 + Math.floor(random() * 4);
  return {
    nodes,
    founders: Math.min(nodes, [1, 2, 3, 3, 3, 5][Math.floor(random() * 6)]!),
    duration: 6000,
    drop: often(0.6, 0.15),
    duplicate: often(0.5, 0.15),
    maxDelay: 1 + random() * (random() < 0.3 ? 60 : 10),
    maxSync: 0.5 + random() * (random() < 0.3 ? 80 : 10),
    crashEvery: often(0.7, 900),
    crashOnWrite: often(0.3, 0.02),
    partitionEvery: often(0.5, 1200),
    pauseEvery: often(0.5, 1200),
    changeEvery: often(0.5, 600),
    transferEvery: often(0.4, 700),
    compactEvery: often(0.7, 250),
    writeEvery: 5 + random() * 60,
    readEvery: 10 + random() * 60,
    drift: random() < 0.5 ? 0.045 : 0,
    options: {
      lease: random() < 0.8,
      preVote: random() < 0.8,
      checkQuorum: random() < 0.9,
      maxMessageBytes: random() < 0.5 ? 100 : 10_000,
      maxInflightMessages: 1 + Math.floor(random() * 6),
    },
  };
}
