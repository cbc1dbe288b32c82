/** Real-time order between operations whose order is otherwise known. */
import type { Operation } from "../history/event.ts";

/** An operation and where it must stand: lower ranks come first, operations of one rank may come in any order. */
export interface Ranked {
  readonly operation: Operation;
  readonly rank: number;
}

/**
 * Whether the order of the ranks agrees with real time: no operation returned before one of a lower rank was invoked.
 * Operations of one rank never contradict each other, as real time alone is a partial order.
 */
export function agreesWithRealTime(ranked: readonly Ranked[]): boolean {
  const ordered = [...ranked].sort((a, b) => b.rank - a.rank);
  let earliestReturn = Infinity;
  let pending = Infinity;
  let rank = Infinity;
  for (const entry of ordered) {
    if (entry.rank !== rank) {
      earliestReturn = Math.min(earliestReturn, pending);
      pending = Infinity;
      rank = entry.rank;
    }
    if (earliestReturn < entry.operation.call) return false;
    pending = Math.min(pending, entry.operation.return);
  }
  return true;
}

/** An order of the operations by rank, and within a rank by their invocation. */
export function inOrder(ranked: readonly Ranked[]): readonly Operation[] {
  return [...ranked]
    .sort((a, b) => a.rank - b.rank || a.operation.call - b.operation.call)
    .map((entry) => entry.operation);
}
