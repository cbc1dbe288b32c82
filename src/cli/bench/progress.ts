/** How the run is doing: on a terminal one line that is written again and again, elsewhere a line now and then. */
import type { Interval } from "../../bench/recorder.ts";
import type { Output } from "../context.ts";
import type { Style } from "../text/style.ts";
import { duration } from "../text/units.ts";
import { countText, latencyText } from "./figures.ts";

/** Between two lines in a file. */
const LINE_MS = 1_000;

export interface ProgressState {
  /** Since the run began. */
  readonly elapsed: number;
  readonly warming: boolean;
  /** The latest that is over. */
  readonly interval: Interval | null;
  readonly errors: number;
}

export class ProgressLine {
  readonly #output: Output;
  readonly #style: Style;
  #shown = false;
  #lastLine = 0;

  constructor(output: Output, style: Style) {
    this.#output = output;
    this.#style = style;
  }

  show(state: ProgressState): void {
    this.#write(progressText(state), state.elapsed);
  }

  /** Of the parts that are not measured. */
  note(text: string, elapsed: number): void {
    this.#write(text, elapsed);
  }

  /** Removes the line from a terminal. */
  clear(): void {
    if (this.#shown) this.#output.write("\r\u001b[K");
    this.#shown = false;
    this.#lastLine = 0;
  }

  #write(text: string, elapsed: number): void {
    if (this.#output.isTTY) {
      this.#output.write(`\r${this.#style.dim(text.slice(0, this.#output.columns - 1))}\u001b[K`);
      this.#shown = true;
    } else if (elapsed - this.#lastLine >= LINE_MS) {
      this.#output.write(`${text}\n`);
      this.#lastLine = elapsed;
    }
  }
}

export function progressText({ elapsed, warming, interval, errors }: ProgressState): string {
  const parts = [duration(elapsed).padStart(7)];
  if (interval !== null) {
    const rate = (1_000 * interval.ok) / (interval.to - interval.from);
    parts.push(
      `${countText(rate).padStart(8)}/s`,
      `p50 ${latencyText(interval.p50)}`,
      `p99 ${latencyText(interval.p99)}`,
    );
  }
  parts.push(`${countText(errors)} errors`);
  if (warming) parts.push("(warming up)");
  return parts.join("  ");
}
