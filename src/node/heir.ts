import type { NodeId } from "../core/ids.ts";
import type { OrderedReplica } from "./ordered-replica.ts";

/** Who should lead when this node no longer does: the connected voter that is least behind. Null: nobody can. */
export function fittestHeir(replica: OrderedReplica, isUp: (node: NodeId) => boolean): NodeId | null {
  let best: NodeId | null = null;
  let bestLag = Number.POSITIVE_INFINITY;
  for (const [node, lag] of replica.machine.peersLag()) {
    if (lag >= bestLag || !isUp(node) || !replica.configuration.voters.includes(node)) continue;
    best = node;
    bestLag = lag;
  }
  return best;
}

/** A learner this close to the end of the log may become a voter, and a voter this close may take over the leadership. */
const CAUGHT_UP_ENTRIES = 64;

export function isCaughtUp(replica: OrderedReplica, node: NodeId): boolean {
  const lag = replica.machine.peersLag().get(node);
  return lag !== undefined && lag <= CAUGHT_UP_ENTRIES;
}
