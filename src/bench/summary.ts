/** What a run came to, as plain data: what `--json` prints and reports are drawn from. Latencies in milliseconds. */
import type { Millis } from "../core/machine.ts";
import type { LoadEnd } from "./generator.ts";
import { Latencies } from "./latencies.ts";
import type { OperationKind } from "./plan.ts";
import type { FailureCount, Interval, Recorder } from "./recorder.ts";
import type { BenchSettings } from "./settings.ts";

export const PERCENTILES = [50, 90, 99, 99.9, 99.99] as const;

export interface LatencySummary {
  readonly count: number;
  readonly min: Millis;
  readonly mean: Millis;
  /** By percentile; null where fewer than one sample lies beyond it, so that it would only repeat the maximum. */
  readonly percentiles: readonly { readonly percent: number; readonly latency: Millis | null }[];
  readonly max: Millis;
}

export interface Curve {
  readonly name: string;
  readonly points: readonly CurvePoint[];
}

export interface CurvePoint {
  readonly percent: number;
  readonly latency: Millis;
}

export interface NodeVersion {
  readonly name: string;
  readonly address: string;
  /** Null: it did not say. */
  readonly version: string | null;
}

export interface GeneratorSummary {
  /** Share of the time in which its event loop was busy, from 0 to 1. */
  readonly utilisation: number;
  /**
   * Open loop: by how much requests left late although a slot was free. Closed loop: by how much an alarm rang late, which is how long answers
   * lie there before they are looked at. Null: the run was too short to tell.
   */
  readonly lateness: LatencySummary | null;
  /** Open loop: requests that were due at the end and had not been sent, and for how long the first of them was due. */
  readonly backlog: number;
  readonly backlogAge: Millis;
}

export interface BenchSummary {
  readonly version: string;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly command: string;
  readonly settings: BenchSettings;
  readonly nodes: readonly NodeVersion[];
  /** From the end of the warm-up to the last answer. */
  readonly seconds: number;
  readonly interrupted: boolean;
  readonly ok: number;
  readonly failed: number;
  /** Successful requests a second. */
  readonly throughput: number;
  /** Of successful requests, from when they were due. Null: there were none. */
  readonly latency: LatencySummary | null;
  readonly byKind: Readonly<Partial<Record<OperationKind, LatencySummary>>>;
  /** Open loop: the same from when they were sent. Comparing the two shows what waiting adds. */
  readonly service: LatencySummary | null;
  readonly failures: readonly FailureCount[];
  /** How long failed requests took. */
  readonly failing: LatencySummary | null;
  /** For the plot on a logarithmic axis: all requests first, then their kinds if there are several, and in an open loop `once sent`. */
  readonly curves: readonly Curve[];
  readonly intervals: readonly Interval[];
  readonly generator: GeneratorSummary;
  readonly warnings: readonly string[];
}

export interface RunFacts {
  readonly version: string;
  readonly startedAt: string;
  readonly command: string;
  readonly settings: BenchSettings;
  readonly nodes: readonly NodeVersion[];
  readonly utilisation: number;
}

export function summarise(recorder: Recorder, end: LoadEnd, facts: RunFacts): BenchSummary {
  const { utilisation, ...rest } = facts;
  const all = new Latencies();
  for (const latencies of recorder.latencies.values()) all.addAll(latencies);
  const isOpen = facts.settings.rate !== null;
  const seconds = Math.max(end.stopped, recorder.lastAnswer) - end.measuredFrom;
  const lasted = Math.max(seconds, 0) / 1_000;
  const byKind = [...recorder.latencies].map(
    ([kind, latencies]) => [kind, latencySummary(latencies)] as const,
  );
  const summary: Omit<BenchSummary, "warnings"> = {
    ...rest,
    seconds: lasted,
    interrupted: end.interrupted,
    ok: recorder.ok,
    failed: recorder.failed,
    throughput: lasted > 0 ? recorder.ok / lasted : 0,
    latency: latencySummary(all),
    byKind: Object.fromEntries(byKind.filter(([, latency]) => latency !== null)),
    service: isOpen ? latencySummary(recorder.service) : null,
    failures: recorder.failures,
    failing: latencySummary(recorder.failing),
    curves: curvesOf(all, recorder, isOpen),
    intervals: recorder.intervals,
    generator: {
      utilisation,
      lateness: latencySummary(recorder.lateness),
      backlog: end.backlog,
      backlogAge: end.backlogAge,
    },
  };
  return { ...summary, warnings: warningsOf(summary) };
}

export function latencySummary(latencies: Latencies): LatencySummary | null {
  const { count } = latencies;
  if (count === 0) return null;
  return {
    count,
    min: latencies.min,
    mean: latencies.mean,
    percentiles: PERCENTILES.map((percent) => ({
      percent,
      latency: isSupported(count, percent) ? latencies.at(percent) : null,
    })),
    max: latencies.max,
  };
}

/** Whether at least one sample lies beyond the percentile. The small number stands against rounding. */
const isSupported = (count: number, percent: number): boolean => count * (1 - percent / 100) >= 1 - 1e-9;

function curvesOf(all: Latencies, recorder: Recorder, isOpen: boolean): readonly Curve[] {
  const kinds = [...recorder.latencies];
  const wanted: readonly (readonly [string, Latencies])[] = [
    ["all", all],
    ...(kinds.length > 1 ? kinds : []),
    ...(isOpen ? ([["once sent", recorder.service]] as const) : []),
  ];
  return wanted.map(([name, latencies]) => ({ name, points: curveOf(latencies) }));
}

const CURVE_POINTS_PER_HALVING = 4;

/** Percentiles that halve the distance to 100% in equal steps, as far as there are samples. */
function curveOf(latencies: Latencies): readonly CurvePoint[] {
  const points: CurvePoint[] = [];
  for (let step = 0; ; step++) {
    const percent = 100 * (1 - 0.5 ** (step / CURVE_POINTS_PER_HALVING));
    if (latencies.count === 0 || !isSupported(latencies.count, percent)) return points;
    points.push({ percent, latency: step === 0 ? latencies.min : latencies.at(percent) });
  }
}

const BUSY = 0.9;
const LATE = 0.2;
const KEPT_UP = 0.99;

/** The first percentile at which the generator's lateness is a good part of what it measured. */
function ownShare(
  lateness: LatencySummary | null,
  latency: LatencySummary | null,
): { readonly percent: number; readonly lateness: Millis; readonly latency: Millis } | null {
  for (const [at, { percent, latency: late }] of (lateness?.percentiles ?? []).entries()) {
    const whole = latency?.percentiles[at]?.latency ?? null;
    if (percent <= 99 && late !== null && whole !== null && late > LATE * whole)
      return { percent, lateness: late, latency: whole };
  }
  return null;
}

/** What a reader has to know before believing the figures. */
function warningsOf(summary: Omit<BenchSummary, "warnings">): readonly string[] {
  const { generator, settings, latency, ok, failed, throughput, interrupted } = summary;
  const warnings: string[] = [];
  const percent = (share: number) => `${(100 * share).toFixed(share < 0.1 ? 1 : 0)}%`;
  if (generator.utilisation > BUSY)
    warnings.push(
      `The load generator was busy for ${percent(generator.utilisation)} of the time: it was itself a limit. The cluster may be faster, and its latencies lower; run several generators, from other machines.`,
    );
  const own = ownShare(generator.lateness, latency);
  if (own !== null)
    warnings.push(
      `The load generator itself was late, by ${own.lateness.toFixed(2)} ms at p${own.percent}, where requests took ${own.latency.toFixed(2)} ms: so much of that may be its own. Give it a processor of its own, or less to do.`,
    );
  if (settings.rate !== null && !interrupted && generator.backlog > 0 && throughput < KEPT_UP * settings.rate)
    warnings.push(
      `The rate was not kept up: ${generator.backlog.toLocaleString("en")} requests were due and not sent at the end, the first of them since ${(generator.backlogAge / 1_000).toFixed(1)} s. Latencies then say how long the run was, not how fast the cluster is: lower --rate.`,
    );
  if (failed > 0)
    warnings.push(
      `${percent(failed / (ok + failed))} of the requests failed. Latencies are those of the others.`,
    );
  return warnings;
}
