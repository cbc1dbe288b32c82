/** Lines with their measured points, and published numbers as rings, on linear or logarithmic axes; panels one below the other. */
import { escape, round, stylesheet } from "./plot-style.ts";

type Point = readonly [x: number, y: number];

export interface Line {
  readonly name: string;
  /** Ascending in x. */
  readonly points: readonly Point[];
  /** Published numbers, drawn as rings of the line's colour. */
  readonly published?: readonly Point[];
  /** Draw no dots: a formula, or more points than an eye can tell apart. */
  readonly bare?: boolean;
}

export interface Axis {
  /** With the unit. */
  readonly label: string;
  /** The ends of the axis; above 0 if it is logarithmic. */
  readonly from: number;
  readonly to: number;
  /** Where a line of the grid stands, and what is written there; by itself the number. */
  readonly ticks: readonly (number | readonly [number, string])[];
  readonly logarithmic?: boolean;
}

export interface LinePanel {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly lines: readonly Line[];
}

const WIDTH = 820;
const PANEL_HEIGHT = 330;
const PLOT = { left: 78, right: 590, top: 38, bottom: 270 };

export function linePlots(label: string, panels: readonly LinePanel[]): string {
  const height = PANEL_HEIGHT * panels.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escape(label)}">
<title>${escape(label)}</title>
<style>
${stylesheet()}
.ring{fill:none;stroke-width:1.6;stroke-dasharray:none}
</style>
<rect class="paper" width="${WIDTH}" height="${height}"/>
${panels.map((panel, at) => `<g transform="translate(0 ${at * PANEL_HEIGHT})">\n${drawPanel(panel)}\n</g>`).join("\n")}
</svg>
`;
}

function drawPanel({ title, x: across, y: up, lines }: LinePanel): string {
  const { left, right, top, bottom } = PLOT;
  const x = (value: number) => round(left + (right - left) * shareOf(across, value));
  const y = (value: number) => round(bottom - (bottom - top) * shareOf(up, value));
  const parts = [`<text class="title" x="${left}" y="22">${escape(title)}</text>`];
  for (const [value, text] of up.ticks.map(labelled)) {
    parts.push(`<path class="grid" d="M${left} ${y(value)}H${right}"/>`);
    parts.push(
      `<text class="small" x="${left - 6}" y="${round(y(value) + 4)}" text-anchor="end">${escape(text)}</text>`,
    );
  }
  for (const [value, text] of across.ticks.map(labelled)) {
    parts.push(`<path class="grid" d="M${x(value)} ${top}V${bottom}"/>`);
    parts.push(
      `<text class="small" x="${x(value)}" y="${bottom + 16}" text-anchor="middle">${escape(text)}</text>`,
    );
  }
  parts.push(
    `<path class="axis" d="M${left} ${top}V${bottom}H${right}"/>`,
    `<text x="${(left + right) / 2}" y="${bottom + 38}" text-anchor="middle">${escape(across.label)}</text>`,
    `<text transform="translate(18 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">${escape(up.label)}</text>`,
  );
  lines.forEach((line, at) => {
    const place = ([px, py]: Point) => `${x(px)} ${y(py)}`;
    const circles = (points: readonly Point[], look: string, radius: number) =>
      points.map(([px, py]) => `<circle class="${look} c${at}" cx="${x(px)}" cy="${y(py)}" r="${radius}"/>`);
    const legend = top + 14 + 20 * at;
    parts.push(
      `<path class="curve c${at}" d="M${line.points.map(place).join("L")}"/>`,
      ...(line.bare === true ? [] : circles(line.points, "point", 3)),
      ...circles(line.published ?? [], "ring", 6),
      `<path class="curve c${at}" d="M${right + 18} ${legend - 4}h30"/>`,
      `<text x="${right + 56}" y="${legend}">${escape(line.name)}</text>`,
    );
  });
  if (lines.some(({ published }) => published !== undefined)) {
    const legend = top + 14 + 20 * lines.length;
    parts.push(
      `<circle class="axis ring" cx="${right + 33}" cy="${legend - 4}" r="6"/>`,
      `<text x="${right + 56}" y="${legend}">published</text>`,
    );
  }
  return parts.join("\n");
}

function labelled(tick: number | readonly [number, string]): readonly [number, string] {
  return typeof tick === "number" ? [tick, tick.toLocaleString("en")] : tick;
}

/** What lies beyond the axis is put at its end. */
function shareOf({ from, to, logarithmic }: Axis, value: number): number {
  const share =
    logarithmic === true ? Math.log(value / from) / Math.log(to / from) : (value - from) / (to - from);
  return Math.min(1, Math.max(0, share));
}
