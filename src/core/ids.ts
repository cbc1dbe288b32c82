/** Branded identifiers. A brand costs nothing at run time and keeps a node's id from being passed as a group's. */

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

export const nodeId = (value: number): NodeId => value as NodeId;
export const groupId = (value: number): GroupId => value as GroupId;
export const requestId = (value: number): RequestId => value as RequestId;
export const writeId = (value: number): WriteId => value as WriteId;

export const SYSTEM_GROUP: GroupId = groupId(0);
