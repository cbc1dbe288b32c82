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
