/** Plots of block characters. */
import type { CurvePoint } from "../../bench/summary.ts";
import { latencyText } from "./figures.ts";

const EIGHTHS = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"] as const;
const ROWS = 8;
const LABELS = [0, 50, 90, 99, 99.9, 99.99, 99.999];

/** Latency by percentile, the axis of percentiles stretched towards 100% as in HdrHistogram's plots. No line ends in blanks. */
export function latencyPlot(curve: readonly CurvePoint[], columns: number): readonly string[] {
  const last = curve.at(-1);
  if (last === undefined || curve.length < 2) return [];
  const margin = 10;
  const width = Math.max(20, Math.min(72, columns - margin - 4));
  // In halvings of the distance to 100%.
  const length = depth(last.percent);
  const levels = Array.from({ length: width }, (_, column) => {
    const at = (length * column) / (width - 1);
    const point = curve.find(({ percent }) => depth(percent) >= at - 1e-9) ?? last;
    return Math.max(1, Math.round((ROWS * 8 * point.latency) / last.latency));
  });
  const rows = Array.from({ length: ROWS }, (_, index) => {
    const bottom = (ROWS - 1 - index) * 8;
    const label = index % 4 === 0 ? latencyText((last.latency * (ROWS - index)) / ROWS) : "";
    const bar = levels.map((level) => EIGHTHS[Math.min(8, Math.max(0, level - bottom))]!).join("");
    return `${label.padStart(margin)} ${index % 4 === 0 ? "┤" : "│"}${bar}`.trimEnd();
  });
  return [...rows, `${" ".repeat(margin + 1)}└${"─".repeat(width)}`, axis(length, width, margin)];
}

const depth = (percent: number): number => -Math.log2(1 - percent / 100);

function axis(length: number, width: number, margin: number): string {
  let line = " ".repeat(margin + 2);
  for (const percent of LABELS) {
    const column = Math.round(((width - 1) * depth(percent)) / length);
    const text = percent === 0 ? "0%" : `${percent}%`;
    const start = Math.max(margin + 2, margin + 2 + column - Math.floor(text.length / 2));
    if (column > width - 1 || start <= line.length - (percent === 0 ? 1 : 0)) continue;
    line = line.padEnd(start) + text;
  }
  return percentZero(line, margin);
}

/** The origin always has its label. */
function percentZero(line: string, margin: number): string {
  const at = margin + 2;
  return line.slice(at, at + 3).trim() === "" ? `${line.slice(0, at)}0%${line.slice(at + 2)}` : line;
}

/** One character for each value, from 0 to the largest; a dot where there is nothing. Longer rows are thinned out. */
export function sparkline(values: readonly number[], columns: number): string {
  const most = Math.max(...values);
  const step = Math.max(1, Math.ceil(values.length / columns));
  let line = "";
  for (let at = 0; at < values.length; at += step) {
    const some = values.slice(at, at + step);
    const mean = some.reduce((sum, value) => sum + value, 0) / some.length;
    line += mean === 0 ? "·" : EIGHTHS[Math.max(1, Math.round((8 * mean) / most))]!;
  }
  return line;
}
