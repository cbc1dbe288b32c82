/** The end of a run, for a terminal. */
import type { Comparison } from "../../bench/compare.ts";
import { wholeIntervals } from "../../bench/recorder.ts";
import { type BenchSettings, WORKLOADS } from "../../bench/settings.ts";
import { type BenchSummary, type LatencySummary, PERCENTILES } from "../../bench/summary.ts";
import type { Style } from "../text/style.ts";
import { table } from "../text/table.ts";
import { bytes, duration, plural } from "../text/units.ts";
import { wrap } from "../text/wrap.ts";
import { countText, latencyText } from "./figures.ts";
import { latencyPlot, sparkline } from "./terminal-plot.ts";

export function summaryText(summary: BenchSummary, style: Style, columns: number): string {
  const { ok, seconds, throughput, settings, intervals, curves } = summary;
  const parts: string[] = [
    `${style.bold("throughput")}  ${style.bold(`${countText(throughput)}/s`)}, ${countText(ok)} requests in ${duration(seconds * 1_000)}${settings.rate === null ? "" : `, ${countText(settings.rate)}/s asked for`}\n`,
  ];
  const measured = wholeIntervals(intervals).filter(({ from }) => from >= 0);
  const rates = measured.map(({ from, to, ok: done }) => (1_000 * done) / (to - from));
  if (rates.length > 2) {
    const least = Math.min(...rates);
    const most = Math.max(...rates);
    parts.push(
      `            ${style.cyan(sparkline(rates, Math.max(20, columns - 40)))}  ${countText(least)} to ${countText(most)}/s\n`,
    );
  }
  parts.push("\n", latencyTable(summary, style));
  const plot = latencyPlot(curves[0]?.points ?? [], columns);
  if (plot.length > 0) parts.push("\n", ...plot.map((line) => `${line}\n`));
  if (summary.failures.length > 0) parts.push("\n", failureTable(summary, style));
  parts.push("\n", `${style.dim(generatorText(summary))}\n`);
  for (const warning of summary.warnings) {
    const [first, ...more] = wrap(warning, Math.max(40, Math.min(columns, 110) - 10));
    parts.push(`${style.yellow("warning:")} ${first!}\n`, ...more.map((line) => `         ${line}\n`));
  }
  return parts.join("");
}

/** Ratios to an earlier run, better ones green. */
export function comparisonText({ ratios, differences }: Comparison, file: string, style: Style): string {
  const shown = ratios.map(({ name, ratio, isRate }) => {
    const text = `${name} ×${ratio.toFixed(2)}`;
    if (Math.abs(ratio - 1) < NOTHING) return text;
    return ratio > 1 === isRate ? style.green(text) : style.red(text);
  });
  const apart =
    differences.length === 0
      ? ""
      : `${style.yellow("warning:")} that was another load: ${differences.join("; ")}\n`;
  return `\nagainst ${file}: ${shown.join("  ")}\n${apart}`;
}

/** Less than that is seen between two runs of the same. */
const NOTHING = 0.05;

/** What is done, in one line. */
export function headline(settings: BenchSettings, where: string): string {
  const { workload, readRatio, clients, connections, pipeline, rate, keyspace, protocol } = settings;
  const reads = workload === "mixed" ? ` (${Math.round(100 * readRatio)}% reads)` : "";
  const at = settings.consistency === null ? "" : `, ${settings.consistency}`;
  const shared = connections === clients ? "" : ` over ${connections}`;
  const over =
    protocol === "typed"
      ? `${shared} typed ${connections === 1 ? "client" : "clients"}`
      : `${shared === "" ? "" : `${shared} connections`}, RESP`;
  const loop = rate === null ? "closed loop" : `open loop, ${countText(rate)}/s ${settings.arrivals}`;
  const deep = pipeline === 1 ? "" : `, ${pipeline} requests each`;
  return `${workload}${reads} on ${keyspace}${at} at ${where}: ${plural(clients, "caller")}${over}${deep}, ${loop}, ${bytes(settings.valueSize)} values, ${countText(settings.keys)} keys ${settings.distribution}`;
}

export const workloadList = (): string =>
  Object.entries(WORKLOADS)
    .map(([name, meaning]) => `  ${name.padEnd(6)} ${meaning}`)
    .join("\n");

function latencyTable({ latency, byKind, service, failing }: BenchSummary, style: Style): string {
  const kinds = Object.entries(byKind);
  const rows: (readonly [string, LatencySummary | null])[] = [
    ["latency", latency],
    ...(kinds.length > 1 ? kinds : []),
    ...(service === null ? [] : ([["  once sent", service]] as const)),
    ...(failing === null ? [] : ([["  failures", failing]] as const)),
  ];
  const columns = [
    { title: "" },
    ...["count", "mean", ...PERCENTILES.map((percent) => `p${percent}`), "max"].map((title) => ({
      title: title.toUpperCase(),
      align: "right" as const,
    })),
  ];
  return table(
    columns,
    rows.map(([name, of]) =>
      of === null
        ? [name, "0"]
        : [
            name,
            countText(of.count),
            latencyText(of.mean),
            ...of.percentiles.map(({ latency: found }) => latencyText(found)),
            latencyText(of.max),
          ],
    ),
    style,
  );
}

function failureTable({ failures }: BenchSummary, style: Style): string {
  return table(
    [{ title: "ERROR" }, { title: "COUNT", align: "right" }, { title: "EFFECT" }, { title: "FIRST" }],
    failures.map(({ code, count, definite, detail }) => [
      style.red(code),
      countText(count),
      definite ? "surely none" : "unknown",
      detail.length > 70 ? `${detail.slice(0, 69)}…` : detail,
    ]),
    style,
  );
}

function generatorText({ generator, settings }: BenchSummary): string {
  const { utilisation, lateness } = generator;
  const busy = `load generator busy ${Math.round(100 * utilisation)}% of the time`;
  if (lateness === null) return busy;
  const [median, , ninetyNine] = lateness.percentiles;
  const what = settings.rate === null ? "its alarms" : "requests sent";
  const most = ninetyNine!.latency === null ? "" : `, ${latencyText(ninetyNine!.latency)} at p99`;
  return `${busy}, ${what} ${latencyText(median!.latency)} late at p50${most}`;
}
