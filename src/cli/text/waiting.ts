/**
 * "waiting for … (3 s)": never silence. On a terminal the line is redrawn in place; elsewhere it is printed when the
 * reason changes, and again every few seconds.
 */
import type { Output } from "../context.ts";
import type { Style } from "./style.ts";
import { width } from "./style.ts";
import { duration } from "./units.ts";

const QUIET_MS = 400;
/** In a file: a new reason at most this often, the same one again after five seconds. */
const CHANGE_MS = 1_000;
const REPEAT_MS = 5_000;

export interface WaitingLine {
  /** What is waited for now. To be called often; most calls print nothing. */
  update(reason: string): void;
  /** Removes the line from a terminal. */
  clear(): void;
}

/** `start` and `now` in monotonic milliseconds. Short waits stay silent. */
export function waitingLine(
  output: Output,
  style: Style,
  now: () => number = () => performance.now(),
): WaitingLine {
  const start = now();
  let shown = "";
  let printed: { reason: string; at: number } | null = null;

  return {
    update(reason) {
      const waited = now() - start;
      if (waited < QUIET_MS) return;
      if (!output.isTTY) {
        const quiet = printed === null ? 0 : printed.reason === reason ? REPEAT_MS : CHANGE_MS;
        if (printed !== null && now() - printed.at < quiet) return;
        printed = { reason, at: now() };
        output.write(`waiting for ${reason} (${duration(waited)})\n`);
        return;
      }
      const time = ` (${duration(waited)})`;
      const room = Math.max(output.columns - time.length - "waiting for ".length - 1, 20);
      const short = width(reason) > room ? `${reason.slice(0, room - 1)}…` : reason;
      const line = style.dim(`waiting for ${short}${time}`);
      if (line === shown) return;
      shown = line;
      output.write(`\r${line}\u001b[K`);
    },
    clear() {
      if (shown !== "") output.write("\r\u001b[K");
      shown = "";
    },
  };
}
