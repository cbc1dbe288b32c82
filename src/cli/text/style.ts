/** Colours, only where somebody sees them. */

export interface Style {
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** Colours on a terminal, unless NO_COLOR (https://no-color.org) or TERM=dumb; FORCE_COLOR overrides. */
export function wantsColour(isTTY: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  if ((env["NO_COLOR"] ?? "") !== "") return false;
  const force = env["FORCE_COLOR"] ?? "";
  if (force !== "") return force !== "0";
  return isTTY && env["TERM"] !== "dumb";
}

export function createStyle(colour: boolean): Style {
  const paint = (code: number) => (text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);
  return {
    bold: paint(CODES.bold),
    dim: paint(CODES.dim),
    red: paint(CODES.red),
    green: paint(CODES.green),
    yellow: paint(CODES.yellow),
    cyan: paint(CODES.cyan),
  };
}

/** Columns that a text takes on the screen, without its colours. */
export function width(text: string): number {
  return [...text.replaceAll(ESCAPES, "")].length;
}

// oxlint-disable-next-line no-control-regex -- colours are control characters
const ESCAPES = /\u001b\[[0-9;]*m/g;
