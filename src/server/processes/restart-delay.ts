/** When a process that died is started again: soon after the first time, later and later while it keeps dying. Pure. */
import type { Millis } from "../../core/machine.ts";

const FIRST_MS = 250;
const LONGEST_MS = 30_000;
/** A process that served for so long is taken to be well. */
const WELL_AFTER_MS = 60_000;

export class RestartDelay {
  #next: Millis = FIRST_MS;

  /** `servedFor`: how long the process that died had been ready; 0 when it never was. */
  after(servedFor: Millis): Millis {
    if (servedFor >= WELL_AFTER_MS) this.#next = FIRST_MS;
    const delay = this.#next;
    this.#next = Math.min(LONGEST_MS, delay * 2);
    return delay;
  }
}
