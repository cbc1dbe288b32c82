/** What is measured of SWIM: when a crash is first noticed, who is wrongly declared dead, and what it costs. */
import { DEFAULT_SWIM_OPTIONS, PLAIN_SWIM } from "../../membership/options.ts";
import { sample } from "./statistics.ts";
import type { Sample } from "./statistics.ts";
import { SwimTrial } from "./swim-trial.ts";

const { period } = DEFAULT_SWIM_OPTIONS;
const LATENCY_MS = 1;
/** Lists are compared far less often than anything here lasts, except where that is what is counted. */
const NO_SYNC = 1e9;

/**
 * Periods until somebody suspects a member that has crashed, the period of the failing probe counted whole: the paper's
 * "expected time to first detection". A share of 1 - `healthy` crash at the same moment. One number for each crash.
 */
export function detectionTimes(
  seed: string,
  members: number,
  healthy: number,
  plain: boolean,
  crashes: number,
): Sample {
  const times: number[] = [];
  for (let trial = 0; times.length < crashes; trial++) {
    const crashed = Math.max(1, Math.round(members * (1 - healthy)));
    const first = new Map<number, number>();
    const swim = { ...(plain ? PLAIN_SWIM : {}), syncInterval: NO_SYNC };
    const options = { members, swim, inStep: true, latency: LATENCY_MS };
    const run = new SwimTrial(`${seed}/${trial}`, options, (_, event, at) => {
      if (event.kind !== "changed" || event.member.status !== "suspect") return;
      if (!first.has(event.member.id)) first.set(event.member.id, at);
    });
    // Some periods first, so that rounds stand anywhere in their passes; then just before all begin the next.
    const before = run.random.integer(1, 20);
    const crashAt = before * period;
    run.run(crashAt);
    const ids = run.random.shuffle(Array.from({ length: members }, (_, at) => at + 1)).slice(0, crashed);
    for (const id of ids) run.crash(id);
    for (let until = crashAt + period; first.size < crashed; until += period) run.run(until);
    for (const at of first.values()) times.push(Math.floor((at - crashAt) / period));
  }
  return sample(times.slice(0, crashes));
}

/** The published expectation: 1/(1 - e^-q), q the share of members that is well. */
export const expectedDetection = (healthy: number): number => 1 / (1 - Math.exp(-healthy));

/** The same for a group so small that e is not yet reached: each of the healthy others picks one of n - 1. */
export function expectedInGroup(members: number, healthy: number): number {
  const crashed = Math.max(1, Math.round(members * (1 - healthy)));
  return 1 / (1 - (1 - 1 / (members - 1)) ** (members - crashed));
}

export interface FalsePositives {
  /** How often a healthy member declared a member dead that was not: every one that was told so counts. */
  readonly total: number;
  /** Of these, about members that were never slow. */
  readonly aboutHealthy: number;
  /** Members that were never slow and were declared dead by anyone at all. */
  readonly victims: number;
}

const BLOCKED_MS = 16_384;
const RELEASED_MS = 4;
const ANOMALY_MS = 120_000;

/**
 * `slow` members are blocked for 16.4 s, run for 4 ms, are blocked again, and so on for two minutes, as in the Lifeguard paper's
 * interval experiment. Counted is what is said until a minute after.
 */
export function falsePositives(seed: string, members: number, slow: number, plain: boolean): FalsePositives {
  let total = 0;
  let aboutHealthy = 0;
  const victims = new Set<number>();
  const swim = plain ? PLAIN_SWIM : {};
  const run = new SwimTrial(seed, { members, swim, inStep: false, latency: LATENCY_MS }, (member, event) => {
    if (event.kind !== "changed" || event.member.status !== "dead") return;
    if (event.member.id > slow) victims.add(event.member.id);
    if (member <= slow) return;
    total++;
    if (event.member.id > slow) aboutHealthy++;
  });
  const start = 10 * period;
  run.run(start);
  for (let at = start; at < start + ANOMALY_MS; at += BLOCKED_MS + RELEASED_MS) {
    for (let id = 1; id <= slow; id++) run.block(id, at + BLOCKED_MS);
    run.run(at + BLOCKED_MS + RELEASED_MS);
  }
  run.run(start + ANOMALY_MS + 60_000);
  return { total, aboutHealthy, victims: victims.size };
}

/** Seconds from a crash until somebody has declared it dead, in a healthy group. */
export function declarationTimes(seed: string, members: number, plain: boolean, trials: number): Sample {
  const times: number[] = [];
  for (let trial = 0; trial < trials; trial++) {
    const declared: number[] = [];
    const swim = plain ? PLAIN_SWIM : {};
    const options = { members, swim, inStep: false, latency: LATENCY_MS };
    const run = new SwimTrial(`${seed}/${trial}`, options, (_, event, at) => {
      if (event.kind === "changed" && event.member.status === "dead") declared.push(at);
    });
    const crashAt = (10 + run.random.next()) * period;
    run.run(crashAt);
    run.crash(1);
    for (let until = crashAt + period; declared.length === 0; until += period) run.run(until);
    times.push((declared[0]! - crashAt) / 1000);
  }
  return sample(times);
}

export interface Load {
  readonly members: number;
  /** A member and period, on average, sent. */
  readonly messages: number;
  readonly bytes: number;
  /** The same in the minute that follows a crash. */
  readonly messagesAfterCrash: number;
  readonly bytesAfterCrash: number;
}

export function measureLoad(seed: string, members: number, periods: number): Load {
  const run = new SwimTrial(seed, { members, swim: {}, inStep: false, latency: LATENCY_MS }, () => undefined);
  // The news of everybody's arrival has to pass first.
  const settled = 40 * period;
  const count = (from: number, to: number, alive: number) => {
    run.run(from);
    const { messages, bytes } = run.traffic;
    run.run(to);
    const each = alive * ((to - from) / period);
    return {
      messages: (run.traffic.messages - messages) / each,
      bytes: (run.traffic.bytes - bytes) / each,
    };
  };
  const calm = count(settled, settled + periods * period, members);
  run.crash(1);
  const crashed = count(settled + periods * period, settled + 2 * periods * period, members - 1);
  return {
    members,
    ...calm,
    messagesAfterCrash: crashed.messages,
    bytesAfterCrash: crashed.bytes,
  };
}
