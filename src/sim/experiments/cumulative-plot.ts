/** Cumulative plots with a logarithmic time axis, one below the other, as one SVG file: no script, no fonts of its own. */
import { escape, round, stylesheet } from "../../plot/plot-style.ts";
import { quantile, shareUpTo } from "./statistics.ts";
import type { Sample } from "./statistics.ts";

export interface Curve {
  readonly name: string;
  readonly sample: Sample;
  /** Published points: a time in milliseconds and the share of the trials that were over by then. */
  readonly published: readonly { readonly time: number; readonly share: number }[];
}

export interface Panel {
  readonly title: string;
  /** Milliseconds at the two ends of the axis. */
  readonly from: number;
  readonly to: number;
  readonly curves: readonly Curve[];
}

const WIDTH = 820;
const PANEL_HEIGHT = 300;
const PLOT = { left: 62, right: 610, top: 34, bottom: 244 };
/** Enough for an eye, and few enough for a small file. */
const POINTS = 200;

export function cumulativePlots(label: string, panels: readonly Panel[]): string {
  const height = PANEL_HEIGHT * panels.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(label)}">
<title>${escape(label)}</title>
<style>
${stylesheet()}
</style>
<rect class="paper" width="${WIDTH}" height="${height}"/>
${panels.map((panel, at) => `<g transform="translate(0 ${at * PANEL_HEIGHT})">\n${drawPanel(panel)}\n</g>`).join("\n")}
</svg>
`;
}

function drawPanel(panel: Panel): string {
  const { left, right, top, bottom } = PLOT;
  const x = (time: number) => {
    const share = Math.log(time / panel.from) / Math.log(panel.to / panel.from);
    return left + (right - left) * Math.min(1, Math.max(0, share));
  };
  const y = (share: number) => bottom - (bottom - top) * share;
  const parts = [`<text class="title" x="${left}" y="20">${escape(panel.title)}</text>`];
  for (const percent of [0, 20, 40, 60, 80, 100]) {
    const at = round(y(percent / 100));
    parts.push(`<path class="grid" d="M${left} ${at}H${right}"/>`);
    parts.push(`<text class="small" x="${left - 6}" y="${at + 4}" text-anchor="end">${percent}%</text>`);
  }
  for (const time of ticks(panel)) {
    const at = round(x(time));
    parts.push(`<path class="grid" d="M${at} ${top}V${bottom}"/>`);
    if (isLabelled(time))
      parts.push(`<text class="small" x="${at}" y="${bottom + 16}" text-anchor="middle">${time}</text>`);
  }
  parts.push(`<path class="axis" d="M${left} ${top}V${bottom}H${right}"/>`);
  const middle = (left + right) / 2;
  parts.push(
    `<text x="${middle}" y="${bottom + 36}" text-anchor="middle">time without a leader (ms, logarithmic)</text>`,
    `<text transform="translate(16 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">share of the trials</text>`,
  );
  panel.curves.forEach((curve, at) => {
    const legend = top + 14 + 20 * at;
    parts.push(
      `<path class="curve c${at}" d="${steps(curve.sample, panel.to, x, y)}"/>`,
      `<path class="curve c${at}" d="M${right + 18} ${legend - 4}h30"/>`,
      `<text x="${right + 56}" y="${legend}">${escape(curve.name)}</text>`,
    );
    for (const { time, share } of curve.published)
      parts.push(`<circle class="point c${at}" cx="${round(x(time))}" cy="${round(y(share))}" r="4.5"/>`);
  });
  const below = top + 14 + 20 * panel.curves.length;
  if (panel.curves.some(({ published }) => published.length > 0)) {
    parts.push(
      `<circle class="axis" style="fill:currentColor" cx="${right + 33}" cy="${below - 4}" r="4.5"/>`,
      `<text x="${right + 56}" y="${below}">published</text>`,
    );
  }
  return parts.join("\n");
}

/** One, two, three … nine times every power of ten. */
function ticks({ from, to }: Panel): readonly number[] {
  const found: number[] = [];
  for (let power = 1; power <= to; power *= 10) {
    for (let digit = 1; digit < 10; digit++) {
      if (digit * power >= from && digit * power <= to) found.push(digit * power);
    }
  }
  return found;
}

function isLabelled(time: number): boolean {
  return ["1", "2", "5"].includes(String(time).replace(/0+$/, ""));
}

/** What lies beyond the axis is left out: the curve then ends below 100%. */
function steps(times: Sample, to: number, x: (time: number) => number, y: (share: number) => number): string {
  const end = shareUpTo(times, to);
  const start = times.sorted[0]!;
  if (end === 0) return `M${round(x(start))} ${round(y(0))}`;
  const points = Math.min(POINTS, times.sorted.length);
  let path = `M${round(x(start))} ${round(y(0))}`;
  for (let at = 1; at <= points; at++) {
    const share = (end * at) / points;
    path += `H${round(x(quantile(times, share)))}V${round(y(share))}`;
  }
  return path;
}
