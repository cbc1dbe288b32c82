/** The members of the cluster as the clients of one door are told of them. */
import type { Address } from "../../../core/world.ts";
import type { NodeInfo } from "../../../node/api.ts";
import { parseAddress } from "../../notation.ts";
import type { Door, ServerContext } from "../session.ts";
import type { ClusterNode } from "./slot-map.ts";

/**
 * Where a client of this door finds another node's door of the same kind; null: it has none. Who comes by the port for cluster-aware clients
 * is sent to such ports only, who has asked for redirects on a plain port to plain ports only.
 */
export const addressFor = ({ resp, cluster = "" }: NodeInfo, door: Door): Address | null =>
  parseAddress(door.keyspace === null ? resp : cluster);

/** Those that clients of this door can be told of. */
export function clusterNodes({ node, door }: Pick<ServerContext, "node" | "door">): readonly ClusterNode[] {
  const self = node.status().id;
  return node.nodes().flatMap((info) => {
    const { id, peer, up } = info;
    const address = addressFor(info, door);
    if (address === null) return [];
    return [{ id, ...address, peerPort: parseAddress(peer)?.port ?? 0, up, self: id === self }];
  });
}
