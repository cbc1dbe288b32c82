/** The plots of a report: latency by percentile, throughput and latencies over time. */
import { type Axis, type Line, linePlots, type LinePanel } from "../plot/line-plot.ts";
import { linearTicks } from "../plot/ticks.ts";
import { wholeIntervals } from "./recorder.ts";
import type { BenchSummary } from "./summary.ts";

const PERCENT_TICKS = [0, 50, 75, 90, 99, 99.9, 99.99, 99.999, 99.9999];

/** A whole SVG file, without script or fonts of its own. */
export function reportSvg(summary: BenchSummary): string {
  return linePlots(
    `kvorum bench ${summary.settings.workload}`,
    [percentilePanel(summary), ...timePanels(summary)].filter((panel) => panel !== null),
  );
}

/** As HdrHistogram plots them: 1 / (1 - percentile), logarithmic, so that each nine takes as much room as the one before. */
function percentilePanel({ curves }: BenchSummary): LinePanel | null {
  const drawn = curves.filter(({ points }) => points.length > 1);
  const last = drawn[0]?.points.at(-1);
  if (last === undefined) return null;
  const place = (percent: number): number => 1 / (1 - percent / 100);
  const to = place(last.percent);
  const x: Axis = {
    label: "percentile",
    from: 1,
    to,
    ticks: PERCENT_TICKS.filter((percent) => place(percent) <= to * 1.001).map(
      (percent) => [place(percent), `${percent}%`] as const,
    ),
    logarithmic: true,
  };
  const lines = drawn.map(
    ({ name, points }): Line => ({
      name,
      points: points.map(({ percent, latency }) => [place(percent), latency] as const),
      bare: true,
    }),
  );
  return {
    title: "Latency by percentile",
    x,
    y: fromZero("latency (ms)", highest(lines)),
    lines,
  };
}

function timePanels({ intervals, settings }: BenchSummary): readonly (LinePanel | null)[] {
  const whole = wholeIntervals(intervals);
  if (whole.length < 2) return [];
  const start = Math.min(0, whole[0]!.from);
  const end = whole.at(-1)!.to;
  const x: Axis = {
    label: "seconds since the measured part began",
    from: start / 1_000,
    to: end / 1_000,
    ticks: [
      ...(start < 0 ? [[start / 1_000, "warm-up"] as const] : []),
      ...linearTicks(end / 1_000, 8).filter((tick) => tick <= end / 1_000),
    ],
  };
  const middle = (from: number, to: number) => (from + to) / 2_000;
  const rates = whole.map(({ from, to, ok }) => [middle(from, to), (1_000 * ok) / (to - from)] as const);
  const lines: Line[] = [{ name: "done", points: rates, bare: true }];
  if (settings.rate !== null)
    lines.push({
      name: "asked for",
      points: [
        [x.from, settings.rate],
        [x.to, settings.rate],
      ],
      bare: true,
    });
  if (whole.some(({ failed }) => failed > 0))
    lines.push({
      name: "failed",
      points: whole.map(
        ({ from, to, failed }) => [middle(from, to), (1_000 * failed) / (to - from)] as const,
      ),
      bare: true,
    });
  const latencies = (name: string, of: "p50" | "p99" | "max"): Line => ({
    name,
    points: whole.flatMap(({ from, to, [of]: latency }) =>
      latency === null ? [] : [[middle(from, to), latency] as const],
    ),
    bare: true,
  });
  const found = [latencies("p50", "p50"), latencies("p99", "p99"), latencies("maximum", "max")].filter(
    ({ points }) => points.length > 0,
  );
  return [
    {
      title: "Throughput",
      x,
      y: fromZero("requests a second", highest(lines)),
      lines,
    },
    found.length === 0
      ? null
      : {
          title: "Latency over time, logarithmic",
          x,
          y: powersOfTen("latency (ms)", found),
          lines: found,
        },
  ];
}

const highest = (lines: readonly Line[]): number =>
  Math.max(...lines.flatMap(({ points }) => points.map(([, y]) => y)));

function fromZero(label: string, most: number): Axis {
  const ticks = linearTicks(most);
  return { label, from: 0, to: ticks.at(-1)!, ticks };
}

function powersOfTen(label: string, lines: readonly Line[]): Axis {
  const values = lines.flatMap(({ points }) => points.map(([, y]) => y));
  const from = Math.floor(Math.log10(Math.min(...values)));
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...values))));
  const ticks = Array.from({ length: to - from + 1 }, (_, at) => 10 ** (from + at));
  return { label, from: 10 ** from, to: 10 ** to, ticks, logarithmic: true };
}
