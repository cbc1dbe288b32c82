/**
 * Decides whether a durable write is done in place, keeping the event loop waiting, or by libuv's thread pool.
 *
 * On a disk that syncs in a tenth of a millisecond, going through the pool and back costs more than the write itself: two
 * thread switches, on a machine whose processors are busy several times that. On a slow disk waiting in place would hold
 * up everything else the node does. So writes are done in place as long as they prove quick. Only writes in place tell
 * how quick the disk is: what comes back from the pool has also waited for a busy event loop, and would look slow just
 * when the pool is what makes it busy. For the same reason it is not the average that counts: where processors are short,
 * a quick write may wait for one as long as a slow disk takes. A slow disk is never quick, a quick one often is.
 */
import type { Millis } from "../../core/machine.ts";

/** A disk that syncs within this is quick. */
const QUICK_MS: Millis = 0.5;
/** While at least this share of the latest writes was quick, writes are waited for. */
const QUICK_SHARE = 0.2;
/** One write that takes this long is enough to leave the next ones to the pool for a while. */
const STALL_MS: Millis = 50;
/** For this long after a stall the pool does all writes. */
const CALM_MS: Millis = 2000;
/** A disk that was slow is tried again this often. */
const PROBE_MS: Millis = 500;
/** Larger writes are never waited for: they come from many clients at once, and others of those have work for the event loop meanwhile. */
const SMALL_BYTES = 2 * 1024;
/** Share of the newest write in the running share. */
const WEIGHT = 0.1;

export class WritePace {
  #quickShare = 1;
  #poolUntil: Millis = 0;

  /** Should this write be done in place? If so, `note` is told how long it took. */
  inPlace(bytes: number, now: Millis): boolean {
    return bytes <= SMALL_BYTES && now >= this.#poolUntil;
  }

  /** A write in place took this long. */
  note(took: Millis, now: Millis): void {
    this.#quickShare += ((took <= QUICK_MS ? 1 : 0) - this.#quickShare) * WEIGHT;
    if (took >= STALL_MS) this.#poolUntil = now + CALM_MS;
    else if (this.#quickShare < QUICK_SHARE) this.#poolUntil = now + PROBE_MS;
  }
}
