/** Counts through which nodes the requests for one shard come, at its leader. On the path of every write: two arrays and nothing else. */
import type { NodeId } from "../core/ids.ts";

/**
 * What a linearizable read counts, next to a write. A follower asks its leader once for all reads of a turn, so they are counted by turns
 * here as well, wherever they come from.
 */
const READ_WEIGHT = 0.5;

export class Demand {
  /** By the node through which they came. */
  #counts: number[] = [];
  #readIn: number[] = [];

  write(origin: NodeId): void {
    this.#counts[origin] = (this.#counts[origin] ?? 0) + 1;
  }

  /** `turn`: grows with each turn of the event loop. */
  read(origin: NodeId, turn: number): void {
    if (this.#readIn[origin] === turn) return;
    this.#readIn[origin] = turn;
    this.question(origin);
  }

  /** A follower asks where it may read, for all reads of one of its turns. */
  question(origin: NodeId): void {
    this.#counts[origin] = (this.#counts[origin] ?? 0) + READ_WEIGHT;
  }

  /** Weighted counts since the last call. */
  take(): ReadonlyMap<NodeId, number> {
    const counts = new Map<NodeId, number>();
    this.#counts.forEach((count, node) => counts.set(node as NodeId, count));
    this.#counts = [];
    return counts;
  }

  clear(): void {
    if (this.#counts.length > 0) this.#counts = [];
  }
}
