/** Quorum arithmetic, also for joint configurations (section 6): pure, and independent of everything else in Raft. */
import type { NodeId } from "../../core/ids.ts";
import type { Configuration } from "./configuration.ts";

export type VoteOutcome = "won" | "lost" | "pending";

export function majority(count: number): number {
  return Math.floor(count / 2) + 1;
}

/** Reused between calls: the functions here are on the hot path and never re-entered. It keeps its length, as to shrink and grow costs more than to sort. */
const sorted: number[] = [];

/** The highest value that a majority of `ids` has reached. Nobody contradicts in an empty set: Infinity. */
export function majorityValue(ids: readonly NodeId[], valueOf: (id: NodeId) => number): number {
  if (ids.length === 0) return Number.POSITIVE_INFINITY;
  let count = 0;
  for (const id of ids) {
    const value = valueOf(id);
    let at = count++;
    // Insertion sort, descending: groups have three to seven voters.
    for (; at > 0 && sorted[at - 1]! < value; at--) sorted[at] = sorted[at - 1]!;
    sorted[at] = value;
  }
  return sorted[majority(ids.length) - 1]!;
}

/** The highest value that a majority of each half of the configuration has reached. */
export function quorumValue(configuration: Configuration, valueOf: (id: NodeId) => number): number {
  const incoming = majorityValue(configuration.voters, valueOf);
  if (configuration.outgoing.length === 0) return incoming;
  return Math.min(incoming, majorityValue(configuration.outgoing, valueOf));
}

function majorityOutcome(ids: readonly NodeId[], votes: ReadonlyMap<NodeId, boolean>): VoteOutcome {
  let granted = 0;
  let open = 0;
  for (const id of ids) {
    const vote = votes.get(id);
    if (vote === undefined) open++;
    else if (vote) granted++;
  }
  if (granted >= majority(ids.length)) return "won";
  return granted + open >= majority(ids.length) ? "pending" : "lost";
}

/** Won when both halves are won, lost as soon as one half cannot be won any more. */
export function voteOutcome(configuration: Configuration, votes: ReadonlyMap<NodeId, boolean>): VoteOutcome {
  const incoming = majorityOutcome(configuration.voters, votes);
  if (configuration.outgoing.length === 0) return incoming;
  const outgoing = majorityOutcome(configuration.outgoing, votes);
  if (incoming === "lost" || outgoing === "lost") return "lost";
  return incoming === "won" && outgoing === "won" ? "won" : "pending";
}
