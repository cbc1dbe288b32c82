/**
 * What Redis Cluster calls the slot map: for every slot the one node that a client should ask. Here it is that of one keyspace,
 * since each keyspace has shards and leaders of its own.
 */
import type { NodeId } from "../../../core/ids.ts";
import { isMerging, type KeyspaceInfo, type ShardInfo } from "../../../node/api.ts";
import { slotsOfShard } from "../../../placement/hash-slot.ts";

/** A node as cluster-aware clients reach it: by its port for them, at the door that tells. */
export interface ClusterNode {
  readonly id: NodeId;
  readonly host: string;
  readonly port: number;
  readonly peerPort: number;
  readonly up: boolean;
  /** It is the node that tells. */
  readonly self: boolean;
}

export interface SlotRange {
  readonly first: number;
  readonly last: number;
  readonly node: ClusterNode;
}

/**
 * In the order of the slots, neighbours with one node joined. A slot belongs to the leader of its shard; while nobody knows one that can be
 * reached, to a replica that can, else to the node that tells: each of them forwards. Where replicas merge, all take part alike.
 * `nodes`: those that can be told. A slot is left out only when not even the node itself can be.
 */
export function slotMap(
  { replication, shards, shardList }: KeyspaceInfo,
  nodes: readonly ClusterNode[],
): readonly SlotRange[] {
  const usable = new Map(nodes.filter(({ up }) => up).map((node) => [node.id, node]));
  const self = nodes.filter((node) => node.self);
  const ranges: SlotRange[] = [];
  for (const info of shardList) {
    const { first, last } = slotsOfShard(info.shard, shards);
    const replicas = usableReplicas(info, usable);
    const leader = info.leader === null ? undefined : usable.get(info.leader);
    const owners = isMerging(replication) ? replicas : leader !== undefined ? [leader] : replicas.slice(0, 1);
    share(first, last, owners.length > 0 ? owners : self, ranges);
  }
  return ranges;
}

/** The preferred leader comes first. */
const usableReplicas = (
  { replicas }: ShardInfo,
  usable: ReadonlyMap<NodeId, ClusterNode>,
): readonly ClusterNode[] => replicas.flatMap((id) => usable.get(id) ?? []);

/** Gives each owner a part of the range, as even as they come. */
function share(first: number, last: number, owners: readonly ClusterNode[], ranges: SlotRange[]): void {
  const slots = last - first + 1;
  owners.forEach((node, i) => {
    const from = first + Math.floor((slots * i) / owners.length);
    const to = first + Math.floor((slots * (i + 1)) / owners.length) - 1;
    if (to < from) return;
    const before = ranges.at(-1);
    if (before !== undefined && before.node === node && before.last === from - 1)
      ranges[ranges.length - 1] = { ...before, last: to };
    else ranges.push({ first: from, last: to, node });
  });
}
