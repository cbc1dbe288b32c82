/**
 * Which nodes have far more to do than this one. A node whose event loop has been late for a while says so to the others, once a second, and
 * gets no more leaderships than it has; a node that keeps up says nothing.
 */
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";

/** From then on a node tells how late its event loop runs. A single pause, for the garbage or for a disk, is no overload. */
const LATE_MS = 100;
const REPORTS_OF_OVERLOAD = 3;
/** So many times later than here: where all nodes share a busy machine, none is worse than the others. */
const FAR_ABOVE = 4;
/** Without a report for so long it is no longer late. */
const FORGOTTEN_MS = 2500;

interface Heard {
  readonly at: Millis;
  readonly lag: Millis;
  /** In a row. */
  readonly reports: number;
}

export class Loads {
  readonly #heard = new Map<NodeId, Heard>();
  readonly #lag: () => Millis;

  /** `lag`: how late the event loop of this node runs. */
  constructor(lag: () => Millis) {
    this.#lag = lag;
  }

  /** What the others should hear from this node; null: nothing. */
  report(): Millis | null {
    const lag = this.#lag();
    return lag < LATE_MS ? null : Math.round(lag);
  }

  onReport(now: Millis, from: NodeId, lag: Millis): void {
    this.#heard.set(from, { at: now, lag, reports: (this.#current(now, from)?.reports ?? 0) + 1 });
  }

  isBusy(now: Millis, node: NodeId): boolean {
    const heard = this.#current(now, node);
    return heard !== null && heard.reports >= REPORTS_OF_OVERLOAD && heard.lag >= FAR_ABOVE * this.#lag();
  }

  #current(now: Millis, node: NodeId): Heard | null {
    const heard = this.#heard.get(node);
    return heard === undefined || now - heard.at > FORGOTTEN_MS ? null : heard;
  }
}
