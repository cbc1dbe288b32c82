/** What a typed client is told about the cluster: where its nodes are, and which shard of which keyspace lives where. */
import type { KvorumNode } from "../../node/api.ts";
import type { WireTopology } from "../../wire/messages.ts";

export function topologyOf(node: KvorumNode): WireTopology {
  const { id, nodes } = node.status();
  return {
    self: id,
    nodes: nodes.map(({ id, name, resp }) => ({ id, name, resp })),
    keyspaces: node.keyspaces(),
  };
}
