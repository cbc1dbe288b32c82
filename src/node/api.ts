/** What a node offers to its doors (RESP, HTTP, the command line) and to the simulator's clients. */
import type { ErrorCode } from "../core/errors.ts";
import type { GroupId, NodeId } from "../core/ids.ts";
import type { Millis, PlainData } from "../core/machine.ts";
import type { Failure, Reply } from "../core/reply.ts";
import type { Seen } from "../core/seen.ts";
import type { CommandCall, WatchedKey } from "../data/contract.ts";
import type { Envelope } from "../data/delivery.ts";
import type { SeatReason } from "../placement/leader-seat.ts";
import type { MeasuredLegs } from "./explain.ts";
import type { CatalogUser, UserDelete, UserSet } from "./catalog/users.ts";

export type Consistency = "linearizable" | "sequential" | "stale";

export interface CallOptions {
  /** Milliseconds until the caller gets `timeout`. Default: the node's `requestTimeout`. */
  readonly timeout?: Millis;
  /** For reads. Default: linearizable in ordered keyspaces; merging ones have a way of their own, and refuse to be asked for that. */
  readonly consistency?: Consistency;
  /** For other reads than linearizable ones: what the caller has seen in replies, to read its own writes and never go back. */
  readonly atLeast?: Seen;
  /** For stale reads: milliseconds. They see everything that was acknowledged so long before the node took them. */
  readonly maxStaleness?: Millis;
  /**
   * On a quorum keyspace: how many replicas a write has to be on before it is acknowledged (its W), or how many a read asks (its R), from
   * 1 to the number of its replicas. Default: what the keyspace says.
   */
  readonly quorum?: number;
  /**
   * For writes: not to be done more than once, however often it is sent, and so tried again here until the deadline also
   * where an attempt may have been done. A session's operations lie in one shard: that of its token.
   */
  readonly envelope?: Envelope;
}

/** `seen`: the reply shows all of that of its shard; null where it is not known, as in failures. */
export type ReplyCallback = (reply: Reply, seen: Seen | null) => void;

/**
 * The protocols that a keyspace can choose from. **Ordered** (raft): all replicas apply the same commands in one order.
 * **Merging** (gossip, quorum): every replica takes writes on its own, and what they hold is joined.
 */
export const REPLICATIONS = ["raft", "gossip", "quorum"] as const;

export type Replication = (typeof REPLICATIONS)[number];

export const isReplication = (name: string): name is Replication =>
  (REPLICATIONS as readonly string[]).includes(name);

/** The keyspace's replicas merge; otherwise they follow one order. */
export const isMerging = (replication: Replication): boolean => replication !== "raft";

/** What concurrent SETs of one key become: the one with the latest stamp, or all of them until a later SET has seen them. */
export const CONFLICTS = ["latest", "siblings"] as const;

export type Conflicts = (typeof CONFLICTS)[number];

/**
 * Which nodes hold a shard. `spread`: those that hold least when it is made, and it stays there. `ring` (consistent hashing) and
 * `rendezvous`: what hashes say of the nodes there are, so that one that joins takes over about its share by itself.
 */
export const PLACEMENTS = ["spread", "ring", "rendezvous"] as const;

export type Placement = (typeof PLACEMENTS)[number];

/** How many of the N replicas (`replicas`) take part in an operation. */
export interface QuorumSpec {
  /** A read asks so many. */
  readonly r: number;
  /** A write is acknowledged when so many have it on disk. */
  readonly w: number;
  /** Other nodes stand in for replicas that cannot be reached, and hand over what they took. False: `strict`. */
  readonly sloppy: boolean;
}

export interface KeyspaceLimits {
  readonly maxKeyBytes: number;
  readonly maxValueBytes: number;
}

export interface KeyspaceSpec {
  readonly name: string;
  readonly replication: Replication;
  /** Of each shard; the N of a quorum. */
  readonly replicas: number;
  readonly shards: number;
  readonly limits: KeyspaceLimits;
  /** Null unless `replication` is quorum. */
  readonly quorum: QuorumSpec | null;
  /** Null where there are no concurrent writes: in an ordered keyspace. */
  readonly conflicts: Conflicts | null;
  readonly placement: Placement;
}

/** A keyspace that is to be created: the catalog has defaults for what is left out, and refuses what contradicts itself. */
export interface KeyspaceDeclaration extends Partial<
  Pick<KeyspaceSpec, "replication" | "replicas" | "shards" | "conflicts" | "placement">
> {
  readonly name: string;
  readonly limits?: Partial<KeyspaceLimits>;
  readonly quorum?: Partial<QuorumSpec> | null;
}

export interface ShardInfo {
  readonly group: GroupId;
  readonly keyspace: string;
  readonly shard: number;
  readonly replicas: readonly NodeId[];
  readonly leader: NodeId | null;
}

export interface KeyspaceInfo extends KeyspaceSpec {
  readonly shardList: readonly ShardInfo[];
}

export interface NodeInfo {
  readonly id: NodeId;
  readonly name: string;
  readonly resp: string;
  readonly http: string;
  readonly peer: string;
  /** Where cluster-aware Redis clients connect; absent: it has no port for them. */
  readonly cluster?: string;
  /** Whether the node that says so has a connection to it. */
  readonly up: boolean;
  /** What the node that says so holds of it by peer-to-peer membership; null: that is switched off, or says nothing yet. */
  readonly membership: MemberState | null;
}

/** `left` is a member's own word: it has been stopped. `dead` is the others' judgement, `suspect` what comes before it. */
export type MemberState = "alive" | "suspect" | "dead" | "left";

/** What one member holds of another, or of itself. */
export interface MemberInfo {
  readonly id: NodeId;
  readonly name: string;
  readonly peer: string;
  readonly state: MemberState;
  /** Raised by the member alone, when it answers what is wrongly said of it. */
  readonly incarnation: number;
  /** How long the node that says so has held it to be in this state. */
  readonly milliseconds: number;
  /** Of a suspected member: who suspected it first, as far as is known. */
  readonly suspectedBy: NodeId | null;
}

/** What one node holds of all members of the cluster; others may hold something else for a moment. */
export interface MembershipInfo {
  /** False: peer-to-peer membership is switched off, or this node belongs to no cluster yet. Then there are no members. */
  readonly enabled: boolean;
  /** The node that says so. */
  readonly name: string;
  /** Lifeguard's local health multiplier: by how much this node stretches its own timeouts, as it distrusts itself. 1: well. */
  readonly localHealth: number;
  /** Since this node's start. */
  readonly counters: MembershipCounters;
  /** Those of the catalog, by id. */
  readonly members: readonly MemberInfo[];
}

export interface MembershipCounters {
  /** Members probed, once each period. */
  readonly probes: number;
  /** Those probes that were not answered in time, so that others were asked to probe as well. */
  readonly indirectProbes: number;
  /** Probes made for others. */
  readonly relayedProbes: number;
  /** Suspicions of others that they refuted. */
  readonly falseSuspicions: number;
  /** False words about this node that it refuted under a higher incarnation. */
  readonly refutations: number;
  readonly messages: number;
  readonly bytes: number;
}

export interface MergingStatus {
  /** The root of its Merkle tree, in hexadecimal: replicas with the same root have the same, unless more was written in between. */
  readonly root: string;
  /** With which holder it last completed anti-entropy on its own account, and how long ago. */
  readonly exchanges: readonly { readonly node: NodeId; readonly milliseconds: Millis }[];
}

/** One replica on this node. Role of those that merge: `holder`, `catching up`, `stand-in` or `failed`. */
export interface ReplicaStatus {
  readonly group: GroupId;
  readonly keyspace: string;
  readonly shard: number;
  readonly role: string;
  readonly term: number;
  readonly leader: NodeId | null;
  readonly lastIndex: number;
  readonly commitIndex: number;
  readonly appliedIndex: number;
  readonly voters: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** At the leader: how many entries each other replica is behind. */
  readonly lag: Readonly<Record<string, number>>;
  /** What else its protocol tells. */
  readonly detail: PlainData;
  /** Only where the keyspace merges: there is no leader then, and no term. */
  readonly merging?: MergingStatus;
  /** Set when the replica stopped itself, and why. */
  readonly failed: string | null;
}

export interface NodeStatus {
  readonly version: string;
  readonly cluster: string | null;
  readonly id: NodeId | null;
  readonly name: string;
  /** What a start is waiting for, and since how many milliseconds; null once ready. */
  readonly waiting: { readonly reason: string; readonly milliseconds: number } | null;
  readonly ready: boolean;
  readonly uptimeMilliseconds: number;
  readonly nodes: readonly NodeInfo[];
  readonly keyspaces: readonly KeyspaceInfo[];
  readonly replicas: readonly ReplicaStatus[];
  readonly storage: {
    readonly healthy: boolean;
    readonly problem: string | null;
    readonly logBytes: number;
    readonly overlayBytes: number;
  };
  readonly loopLagMilliseconds: number;
}

/** Why the leader of a shard sits where it sits, as it sees that itself. Rates are requests a second, a read counting half. */
export interface LeadershipInfo {
  readonly group: GroupId;
  /** Who says so. */
  readonly leader: NodeId;
  /** False: `placement.leadersFollowWrites` is off there, and only the preference counts. */
  readonly follows: boolean;
  /** Who leads where requests do not matter; null: nobody in particular. */
  readonly preferred: NodeId | null;
  /** Who should lead as things are: the leader itself, unless the leadership is about to move. */
  readonly wanted: NodeId;
  readonly reason: SeatReason;
  /** Who would be wanted if it were not busy or unfit. */
  readonly ideal: NodeId;
  readonly rate: number;
  /** Through which nodes the requests come, the most first. Shares add up to 1. */
  readonly origins: readonly { readonly node: NodeId; readonly rate: number; readonly share: number }[];
  /** What a request would cost on average, by who leads; empty where there are too few requests. */
  readonly costs: readonly { readonly node: NodeId; readonly cost: number }[];
  readonly leadsForMilliseconds: Millis;
  /** So long the decision has been the same. */
  readonly decidedForMilliseconds: Millis;
  /** So long the leadership will not follow requests elsewhere, or, while it lingers, not move at all. */
  readonly restsForMilliseconds: Millis;
  /** Until it moves, if nothing changes; null: it stays. */
  readonly movesInMilliseconds: Millis | null;
}

export type AdminRequest =
  | { readonly type: "keyspace-create"; readonly spec: KeyspaceDeclaration }
  | { readonly type: "keyspace-alter"; readonly name: string; readonly limits: Partial<KeyspaceLimits> }
  | { readonly type: "keyspace-drop"; readonly name: string }
  /** Spreads its shards evenly over the nodes that there are now. */
  | { readonly type: "keyspace-spread"; readonly name: string }
  /** A user with a verifier in place of the password: see `src/server/security`. */
  | UserSet
  | UserDelete
  /** Nodes add themselves when they join; this removes one: its replicas move to other nodes. */
  | { readonly type: "node-remove"; readonly node: string }
  /** Moves the leadership of one shard (or of all that `from` leads) to the node named `to`. */
  | { readonly type: "transfer-leader"; readonly group: GroupId; readonly to: string };

export type AdminResult =
  | { readonly ok: true; readonly detail: string }
  | { readonly ok: false; readonly code: string; readonly message: string };

/** Counters and gauges for /metrics; names without the `kvorum_` prefix. */
export interface NodeMetrics {
  readonly counters: Readonly<Record<string, number>>;
  readonly gauges: Readonly<Record<string, number>>;
}

/** Keys as they are inside: those of a keyspace other than the default one begin with its name and a colon. */
export type WatchedChange =
  | {
      readonly kind: "set";
      readonly key: Uint8Array;
      /** Of a register or counter, while it has at most 64 KiB; null: to be read, if it is wanted. Not to be changed. */
      readonly value: Uint8Array | null;
    }
  | { readonly kind: "delete" | "expire"; readonly key: Uint8Array }
  | { readonly kind: "flush" };

/** What one operation changed, each key once. */
export interface WatchEvent {
  /** The same on every replica, and growing; with gaps. A key's version is twice the revision of its last command. */
  readonly revision: number;
  readonly changes: readonly WatchedChange[];
}

export interface WatchOptions {
  /** Everything up to this revision is known: events begin after it. Default: the present one. */
  readonly from?: number;
  /** Only keys that begin with it, as they are inside. A flush concerns them all. */
  readonly prefix?: Uint8Array;
}

export interface WatchListener {
  /** Once, before all events: they begin after this revision. */
  onStart(revision: number): void;
  /** In order, without a gap or a duplicate. Everything up to `upTo` is told then, also where nothing matched. */
  onEvents(events: readonly WatchEvent[], upTo: number): void;
  /**
   * The last call. `compacted`: events were missed, because the listener was away or paused for too long; read the present
   * state and go on from `resumeFrom`. After every other error, `resumeFrom` is what was told last; null: nothing was.
   */
  onEnd(error: ErrorCode, detail: string, resumeFrom: number | null): void;
}

/** None of these calls the listener back in the same turn. */
export interface WatchHandle {
  /** Nothing is told, and nothing buffered, until `resume`; what is forgotten in between ends the watch as `compacted`. */
  pause(): void;
  resume(): void;
  /** The listener is not called any more. */
  close(): void;
}

/** Hears messages. None of these calls may throw. */
export interface ChannelListener {
  /** `pattern`: what it was heard by; null: by the channel's name. Not to be changed. */
  onMessage(channel: Uint8Array, message: Uint8Array, pattern: Uint8Array | null): void;
  /** Messages of this guarantee, a reliable one, may have been missed: this node was cut off from the others. */
  onInterrupted(guarantee: string): void;
}

/** How many listeners at this node will hear it (as far as is known now), or why nobody ever will. */
export type PublishOutcome = number | Failure;

export interface ChannelsInfo {
  /** Of the view that this node knows; 0: nobody has used channels yet. */
  readonly epoch: number;
  /** `reliable`: it is in the group of the reliable guarantees. */
  readonly members: readonly { readonly node: NodeId; readonly reliable: boolean }[];
  /** Channels and patterns that somebody listens to at this node. */
  readonly channels: number;
  readonly patterns: number;
  /** Of this node, since its start. */
  readonly counters: {
    readonly published: number;
    readonly delivered: number;
    /** Will not be delivered at this node: best effort gave up, or nobody has them any more. */
    readonly lost: number;
    readonly refused: number;
    /** How often this node was out of a reliable group. */
    readonly interruptions: number;
  };
  readonly groups: readonly {
    readonly guarantee: string;
    readonly order: string;
    readonly reliability: string;
    /** This node publishes and hears. */
    readonly joined: boolean;
    /** Messages in the hold-back queue. */
    readonly heldBack: number;
    /** What else the machine tells, the queue included. */
    readonly detail: PlainData;
  }[];
}

/** Publish/subscribe. The channel's name chooses the guarantee: docs/CHANNELS.md. */
export interface Channels {
  /** `done` once it is on its way to all nodes, also in this turn. The bytes must stay unchanged until then. */
  publish(channel: Uint8Array, message: Uint8Array, done: (outcome: PublishOutcome) => void): void;
  /**
   * Calls back once this node hears what others publish under the guarantee of this channel, or pattern; at once if it does already. Null:
   * it does.
   */
  join(channel: Uint8Array, done: (failure: Failure | null) => void): void;
  /** What is published from now on, at this node, or at others once this node has joined. */
  subscribe(channel: Uint8Array, listener: ChannelListener): void;
  unsubscribe(channel: Uint8Array, listener: ChannelListener): void;
  /** By a pattern in the manner of Redis: `*`, `?`, `[a-z]`. */
  subscribePattern(pattern: Uint8Array, listener: ChannelListener): void;
  unsubscribePattern(pattern: Uint8Array, listener: ChannelListener): void;
  /** Channels that somebody at this node listens to by name, and how many do. */
  names(pattern: Uint8Array | null): readonly Uint8Array[];
  listeners(channel: Uint8Array): number;
  /** Patterns that somebody at this node listens to. */
  readonly patternCount: number;
  describe(): ChannelsInfo;
}

export interface KvorumNode {
  /**
   * Runs a command wherever its keys live, and calls back exactly once, in a later turn or in this one. Errors are
   * `Failure` replies. The arguments must stay unchanged until then. Arity and `validate` are checked here.
   */
  execute(call: CommandCall, options: CallOptions, done: ReplyCallback): void;
  /** The same on one shard, for commands without a key (scans, counts). */
  executeOn(group: GroupId, call: CommandCall, options: CallOptions, done: ReplyCallback): void;
  /**
   * All commands in one atomic step; they must live in one shard. Answers an array of replies, or NULL_ARRAY when a
   * watched key has another version by then.
   */
  transaction(
    calls: readonly CommandCall[],
    watched: readonly WatchedKey[],
    options: CallOptions,
    done: ReplyCallback,
  ): void;
  /** The group of a key's shard; null while there are no keyspaces. */
  groupOfKey(key: Uint8Array): GroupId | null;
  /**
   * Tells the committed changes of one shard as the replica here applies them, or, without one here, another node's. Goes on
   * through failovers. `from` may come from any node.
   */
  watch(group: GroupId, options: WatchOptions, listener: WatchListener): WatchHandle;
  /** Every shard of every keyspace, in a stable order; the catalog's present state. */
  shards(): readonly ShardInfo[];
  /** Who leads the group, as far as this node knows. */
  leaderOf(group: GroupId): NodeId | null;
  /**
   * The node that a caller should ask in place of this one for what the group's leader has to do: one that can be reached. Null: ask
   * here, where it is forwarded if it has to be. Whoever follows what nodes answer is never sent in a circle: `Router.redirect`.
   */
  redirect(group: GroupId): NodeId | null;
  keyspaces(): readonly KeyspaceInfo[];
  /** The name of the keyspace that a key belongs to; null while there are none. */
  keyspaceOfKey(key: Uint8Array): string | null;
  /** As this node's catalog has them: the same array until it changes. With verifiers: for those who check passwords only. */
  users(): readonly CatalogUser[];
  /**
   * How long the quorum operations that this node coordinated lately took, split into legs; null for other keyspaces, and until
   * there are enough of them.
   */
  measuredLegs(keyspace: string): MeasuredLegs | null;
  /**
   * Why the leaders of these shards sit where they sit, asked of the leaders themselves. Without those who do not say it within a second, and
   * without shards that have no leader or merge. Calls back exactly once.
   */
  leaderships(groups: readonly GroupId[], done: (leaderships: readonly LeadershipInfo[]) => void): void;
  status(): NodeStatus;
  /** The members of the cluster, as in `status`. */
  nodes(): readonly NodeInfo[];
  /** Who is alive, as far as this node knows. Who belongs to the cluster at all is the catalog's to say. */
  members(): MembershipInfo;
  /** Publish/subscribe. */
  readonly channels: Channels;
  metrics(): NodeMetrics;
  /** Like `execute`: forwarded to where it has to be decided. */
  admin(request: AdminRequest, done: (result: AdminResult) => void): void;
  /** Is called when the node becomes ready, or at once if it is. */
  whenReady(callback: () => void): void;
  /** Hands over leadership, answers what is in flight, closes files and sockets. */
  close(done: () => void): void;
}
