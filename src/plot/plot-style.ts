/** What all plots share: colours that differ for colour-blind readers too (Okabe and Ito), light and dark; dashes for print. */

const LIGHT = ["#b33c00", "#8a6d00", "#00785a", "#0072b2", "#8b3f8f", "#444444"];
const DARK = ["#ff8f5a", "#f0c93a", "#35c9a0", "#63b8f5", "#e08be4", "#c8c8c8"];
const DASHES = ["", "7 3", "2 3", "10 3 2 3", "5 2", "1 2"];

export function stylesheet(): string {
  const shades = (colours: readonly string[]) =>
    colours.map((colour, at) => `.c${at}{stroke:${colour};color:${colour}}`).join("");
  const dashes = DASHES.map((dash, at) => (dash === "" ? "" : `.c${at}{stroke-dasharray:${dash}}`)).join("");
  return `text{font:13px system-ui,sans-serif;fill:#1f2328}
.title{font-weight:600}.small{font-size:11px}
.paper{fill:#ffffff}.grid{stroke:#d8dee4}.axis{stroke:#59636e;fill:none}
.curve{fill:none;stroke-width:1.8;stroke-linejoin:round}.point{fill:currentColor;stroke-width:0}
${shades(LIGHT)}${dashes}
@media (prefers-color-scheme:dark){text{fill:#e6edf3}.paper{fill:#0d1117}.grid{stroke:#30363d}.axis{stroke:#9198a1}
${shades(DARK)}}`;
}

export const round = (value: number): number => Math.round(value * 10) / 10;

export const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
