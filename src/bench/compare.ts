/** Two runs side by side: ratios, and whether they may be compared at all. */
import type { BenchSettings } from "./settings.ts";
import { type BenchSummary, PERCENTILES } from "./summary.ts";

export interface Ratio {
  readonly name: string;
  /** Of this run to the one before. */
  readonly ratio: number;
  /** More is better. */
  readonly isRate: boolean;
}

export interface Comparison {
  readonly ratios: readonly Ratio[];
  /** Settings in which the runs differ, such as `rate 1000, before 500`. */
  readonly differences: readonly string[];
}

/** The part of a summary that a comparison needs: what an older version wrote may have less than this one's. */
export type Baseline = Pick<BenchSummary, "throughput" | "latency" | "settings">;

/** Reads what `--json` printed. Null: it is something else. */
export function parseBaseline(text: string): Baseline | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
  if (typeof value !== "object" || value === null) return null;
  const { throughput, latency, settings } = value as Partial<Baseline>;
  if (typeof throughput !== "number" || typeof settings !== "object" || settings === null) return null;
  if (latency === undefined || (latency !== null && !Array.isArray(latency.percentiles))) return null;
  return { throughput, latency, settings };
}

export function compare(now: Baseline, before: Baseline): Comparison {
  const ratios: Ratio[] = [];
  const add = (name: string, mine: number | null, other: number | null, isRate: boolean): void => {
    if (mine !== null && other !== null && other > 0) ratios.push({ name, ratio: mine / other, isRate });
  };
  add("throughput", now.throughput, before.throughput, true);
  for (const percent of PERCENTILES)
    add(`p${percent}`, latencyAt(now, percent), latencyAt(before, percent), false);
  return { ratios, differences: differencesOf(now.settings, before.settings) };
}

const latencyAt = ({ latency }: Baseline, percent: number): number | null =>
  latency?.percentiles.find((one) => one.percent === percent)?.latency ?? null;

/** Those that make no other load. */
const HARMLESS: ReadonlySet<string> = new Set<keyof BenchSettings>(["keep", "prefix", "seed", "warmup"]);

function differencesOf(now: BenchSettings, before: BenchSettings): readonly string[] {
  const old: Readonly<Record<string, unknown>> = { ...before };
  return Object.entries(now)
    .filter(([name, value]) => !HARMLESS.has(name) && value !== old[name])
    .map(([name, value]) => `${name} ${String(value)}, before ${String(old[name])}`);
}
