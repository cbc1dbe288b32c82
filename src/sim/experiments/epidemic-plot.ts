/** Residue (logarithmic) against traffic, measured beside published, as an SVG file without script or fonts of its own. */
import type { MeasuredEpidemic } from "./epidemic-page.ts";

const WIDTH = 820;
const HEIGHT = 460;
const PLOT = { left: 72, right: 560, top: 40, bottom: 400 };
const MAX_TRAFFIC = 8;
/** Powers of ten at the ends of the axis. */
const LOWEST = -6;
/** As in cumulative-plot.ts: colours of Okabe and Ito, light and dark, with dashes for print. */
const LIGHT = ["#b33c00", "#0072b2", "#00785a", "#8b3f8f"];
const DARK = ["#ff8f5a", "#63b8f5", "#35c9a0", "#e08be4"];
const DASHES = ["", "7 3", "2 3", "10 3 2 3"];

export function epidemicPlot(measured: readonly MeasuredEpidemic[]): string {
  const tables = [...new Set(measured.map(({ setting }) => setting.table))];
  const shades = (colours: readonly string[]) =>
    colours.map((colour, at) => `.c${at}{stroke:${colour};color:${colour}}`).join("");
  const dashes = DASHES.map((dash, at) => (dash === "" ? "" : `path.c${at}{stroke-dasharray:${dash}}`)).join(
    "",
  );
  const legend = PLOT.top + 14 + 20 * tables.length;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="Residue against traffic">
<title>Residue against traffic</title>
<style>
text{font:13px system-ui,sans-serif;fill:#1f2328}
.title{font-weight:600}.small{font-size:11px}
.paper{fill:#ffffff}.grid{stroke:#d8dee4}.axis{stroke:#59636e;fill:none}
.curve{fill:none;stroke-width:1.8}.point{fill:currentColor;stroke-width:0}.ring{fill:none;stroke-width:1.6}
${shades(LIGHT)}${dashes}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#0d1117}.grid{stroke:#30363d}.axis{stroke:#9198a1}
${shades(DARK)}}
</style>
<rect class="paper" width="${WIDTH}" height="${HEIGHT}"/>
<text class="title" x="${PLOT.left}" y="22">1,000 sites: who never hears the rumor, for what it costs</text>
${axes()}
${tables.map((table, at) => series(table, at, measured)).join("\n")}
<circle class="axis ring" cx="${PLOT.right + 33}" cy="${legend - 4}" r="6"/>
<text x="${PLOT.right + 56}" y="${legend}">published</text>
<path class="axis" d="M${PLOT.right + 18} ${legend + 16}h30"/>
<text x="${PLOT.right + 56}" y="${legend + 20}">e^-traffic</text>
</svg>
`;
}

function axes(): string {
  const { left, right, top, bottom } = PLOT;
  const parts: string[] = [];
  for (let power = 0; power >= LOWEST; power--) {
    const at = y(10 ** power);
    parts.push(`<path class="grid" d="M${left} ${at}H${right}"/>`);
    parts.push(
      `<text class="small" x="${left - 6}" y="${at + 4}" text-anchor="end">${power < -3 ? `1e${power}` : 10 ** power}</text>`,
    );
  }
  for (let traffic = 0; traffic <= MAX_TRAFFIC; traffic++) {
    parts.push(`<path class="grid" d="M${x(traffic)} ${top}V${bottom}"/>`);
    parts.push(
      `<text class="small" x="${x(traffic)}" y="${bottom + 16}" text-anchor="middle">${traffic}</text>`,
    );
  }
  parts.push(
    `<path class="axis" d="M${left} ${top}V${bottom}H${right}"/>`,
    `<path class="axis" d="M${x(0)} ${y(1)}L${x(MAX_TRAFFIC)} ${y(Math.exp(-MAX_TRAFFIC))}"/>`,
    `<text x="${(left + right) / 2}" y="${bottom + 38}" text-anchor="middle">traffic: copies sent for each site</text>`,
    `<text transform="translate(18 ${(top + bottom) / 2}) rotate(-90)" text-anchor="middle">residue (logarithmic)</text>`,
  );
  return parts.join("\n");
}

function series(table: string, at: number, measured: readonly MeasuredEpidemic[]): string {
  const of = measured.filter(({ setting }) => setting.table === table);
  // None missed has no place on a logarithmic axis.
  const points = of
    .filter(({ runs }) => runs.residue > 0)
    .map(({ runs }) => `${x(runs.traffic)} ${y(runs.residue)}`);
  const dots = points.map((point) => {
    const [cx, cy] = point.split(" ");
    return `<circle class="point c${at}" cx="${cx}" cy="${cy}" r="3.2"/>`;
  });
  const rings = of.flatMap(({ setting: { published } }) =>
    published === null
      ? []
      : [`<circle class="ring c${at}" cx="${x(published.traffic)}" cy="${y(published.residue)}" r="6"/>`],
  );
  const legend = PLOT.top + 14 + 20 * at;
  return [
    ...(points.length === 0 ? [] : [`<path class="curve c${at}" d="M${points.join("L")}"/>`]),
    ...dots,
    ...rings,
    `<path class="curve c${at}" d="M${PLOT.right + 18} ${legend - 4}h30"/>`,
    `<text x="${PLOT.right + 56}" y="${legend}">${table}</text>`,
  ].join("\n");
}

function x(traffic: number): number {
  return round(PLOT.left + ((PLOT.right - PLOT.left) * traffic) / MAX_TRAFFIC);
}

function y(residue: number): number {
  const share = Math.min(1, Math.log10(residue) / LOWEST);
  return round(PLOT.top + (PLOT.bottom - PLOT.top) * share);
}

const round = (value: number): number => Math.round(value * 10) / 10;
