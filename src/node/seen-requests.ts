/**
 * Forwarded requests are done at most once, also if the network brings a frame twice: a second `SET` after somebody else's
 * would bring an old value back. Remembers the numbers of each sender's latest requests; what is older than all of them is
 * taken for a repetition.
 */
import type { NodeId } from "../core/ids.ts";

/** Requests of one sender that are remembered; further apart than these, frames do not overtake each other. */
const WINDOW = 16_384;

interface Seen {
  /** The sender's life: its numbers start anew with each. */
  readonly epoch: number;
  highest: number;
  readonly ids: Set<number>;
}

export class SeenRequests {
  readonly #peers = new Map<NodeId, Seen>();
  /** Lives that ended: whatever of them still comes is late. One per peer is enough, as a newer one has been heard of. */
  readonly #ended = new Map<NodeId, number>();

  /** True the first time. */
  isNew(from: NodeId, epoch: number, id: number): boolean {
    if (this.#ended.get(from) === epoch) return false;
    let seen = this.#peers.get(from);
    if (seen === undefined || seen.epoch !== epoch) {
      if (seen !== undefined) this.#ended.set(from, seen.epoch);
      seen = { epoch, highest: id, ids: new Set() };
      this.#peers.set(from, seen);
    }
    const { ids } = seen;
    if (id <= seen.highest - WINDOW || ids.has(id)) return false;
    ids.add(id);
    seen.highest = Math.max(seen.highest, id);
    if (ids.size > 2 * WINDOW) {
      for (const old of ids) if (old <= seen.highest - WINDOW) ids.delete(old);
    }
    return true;
  }
}
