/** Branded identifiers. A brand costs nothing at run time and keeps a node's id from being passed as a group's. */

import { invariant } from "./assert.ts";

declare const brand: unique symbol;
type Branded<T, B extends string> = T & { readonly [brand]: B };

/**
 * The identity of one data directory, a positive integer below 2^32. It is never reused: a node whose directory was lost
 * comes back under the same name and a new id, because its votes and its log are gone (Raft assumes stable storage).
 */
export type NodeId = Branded<number, "NodeId">;

/** A replicated group: 0 is the system group, every shard has one of its own. Never reused. Below 2^32. */
export type GroupId = Branded<number, "GroupId">;

/** Tells apart the requests in flight at one replica. Local to the process; never sent, never stored. */
export type RequestId = Branded<number, "RequestId">;

/** Numbers the `persist` effects of one replica, from 1, without gaps. Local to the process. */
export type WriteId = Branded<number, "WriteId">;

/**
 * One life of one replica of a merging shard: names its events (dots) and stamps. Unlike a `NodeId` it is also new when a node gets a shard
 * again that it had lost or given away, since that replica counts its events from 1 again. Below 2^53.
 */
export type ReplicaId = Branded<number, "ReplicaId">;

export const nodeId = (value: number): NodeId => value as NodeId;
export const groupId = (value: number): GroupId => value as GroupId;
export const requestId = (value: number): RequestId => value as RequestId;
export const writeId = (value: number): WriteId => value as WriteId;

export const replicaId = (value: number): ReplicaId => value as ReplicaId;

/** `life`: a whole number below 2^31, drawn by chance when the replica is created. */
export function replicaOf(node: NodeId, life: number): ReplicaId {
  invariant(node < NODES_IN_REPLICA_IDS && life >= 0 && life < LIVES, `no replica ${life} of node ${node}`);
  return replicaId(life * NODES_IN_REPLICA_IDS + node);
}

const NODES_IN_REPLICA_IDS = 2 ** 22;
const LIVES = 2 ** 31;

export const SYSTEM_GROUP: GroupId = groupId(0);
