/**
 * Decides whether a durable write is done in place, keeping the event loop waiting, or by libuv's thread pool.
 *
 * On a disk that syncs in a tenth of a millisecond, going through the pool and back costs more than the write itself: two
 * thread switches, on a machine whose processors are busy several times that. On a slow disk waiting in place would hold
 * up everything else the node does. So writes are done in place as long as they prove quick; one slow write sends all
 * writes to the pool for a while, and so does a disk that is slow on average.
 */
import type { Millis } from "../../core/machine.ts";

/** Writes that take this long on average are not waited for. */
const QUICK_MS: Millis = 0.5;
/** One write that takes this long is enough. */
const STALL_MS: Millis = 5;
/** For this long after a stall the pool does all writes. */
const CALM_MS: Millis = 10_000;
/** Larger writes are never waited for. */
const SMALL_BYTES = 64 * 1024;
/** Share of the newest write in the average. */
const WEIGHT = 0.05;

export class WritePace {
  /** Starts as slow: the first writes show what the disk is like. */
  #average: Millis = QUICK_MS;
  #poolUntil: Millis = 0;

  inPlace(bytes: number, now: Millis): boolean {
    return bytes <= SMALL_BYTES && this.#average < QUICK_MS && now >= this.#poolUntil;
  }

  /** A write took this long, in whatever way it was done. */
  note(took: Millis, now: Millis): void {
    this.#average += (Math.min(took, STALL_MS) - this.#average) * WEIGHT;
    if (took >= STALL_MS) this.#poolUntil = now + CALM_MS;
  }
}
