/** What a node is started with. Times in milliseconds, sizes in bytes; every limit has a name and a default. */
import type { GroupId, NodeId } from "../core/ids.ts";
import type { LogIndex } from "../core/machine.ts";
import type { Address } from "../core/world.ts";
import { DEFAULT_SWIM_OPTIONS } from "../membership/index.ts";
import type { SwimOptions } from "../membership/index.ts";
import { SEAT_RULES, type SeatRules } from "../placement/leader-seat.ts";
import type { LogView } from "../protocols/raft/raft.ts";
import type { NodeAddresses } from "./catalog/state.ts";
import type { InitialMember } from "./formation.ts";

export interface RaftTimings {
  readonly electionTimeoutMin: number;
  readonly electionTimeoutMax: number;
  readonly heartbeatInterval: number;
  /** Serve reads under a leader lease (true) or confirm leadership for every batch of reads (false). */
  readonly lease: boolean;
}

/** Peer-to-peer membership; the same on every node of a cluster. The rest of SWIM's options is not to be chosen. */
export interface MembershipOptions extends Pick<
  SwimOptions,
  "period" | "directTimeout" | "helpers" | "suspicionFactor"
> {
  /** False: this node neither probes nor answers probes, and others that do hold it dead. */
  readonly enabled: boolean;
}

export interface PlacementOptions {
  /** The leadership of a shard moves to the node through which most of its requests come; false: it stays with the preferred node. */
  readonly leadersFollowWrites: boolean;
  /** When it does. Not to be chosen by users. */
  readonly rules: SeatRules;
}

export interface NodeLimits {
  /** Requests under way at this node; beyond it, new ones are refused as overloaded. */
  readonly maxInFlight: number;
  /** Applied state that has not reached the store yet; beyond it, writes are refused as overloaded. */
  readonly maxOverlayBytes: number;
  /** Memory that tells of keys in the store what kind they are: 16 to 32 bytes a key. Of others, writing reads the record. */
  readonly recordIndexBytes: number;
  /** Log that is not durable yet; beyond it, writes are refused as overloaded. */
  readonly maxUnsyncedBytes: number;
  /** Size of a group's log at which entries that every replica has are dropped. */
  readonly compactAtBytes: number;
  /** Size of a group's log at which also entries that a lagging replica still lacks are dropped: it gets a snapshot. */
  readonly compactForcedAtBytes: number;
  /** Size of the node's whole log at which the oldest segments are freed. */
  readonly logRetainBytes: number;
  readonly logSegmentBytes: number;
  readonly snapshotChunkBytes: number;
  /** Memory of one shard's changes that watchers can go back to. */
  readonly watchHistoryBytes: number;
  /** How many changes that are at most. */
  readonly watchHistoryChanges: number;
  /** Memory of all shards' changes: with many replicas here, each remembers less. */
  readonly watchTotalBytes: number;
  /** Shards being watched at this node, each watcher counted; beyond it, new ones are refused as overloaded. */
  readonly maxWatches: number;
}

export interface NodeOptions {
  readonly name: string;
  readonly version: string;
  readonly listen: Address;
  readonly addresses: NodeAddresses;
  readonly initial: readonly InitialMember[];
  readonly join: readonly Address[];
  readonly requestTimeout: number;
  readonly raft: RaftTimings;
  readonly membership: MembershipOptions;
  readonly placement: PlacementOptions;
  readonly limits: NodeLimits;
  /** Shards of the keyspace that a new cluster starts with. Default: as many as any keyspace gets. */
  readonly defaultShards?: number;
  /** Replicas of each of them. Default: as many as any keyspace gets. */
  readonly defaultReplicas?: number;
  /** The longest delay of the event loop lately, in milliseconds; for the status. */
  readonly loopLag: () => number;
  /** Is told what the replicas do, for the checkers of a simulation. Absent in production. */
  readonly observe?: (event: ReplicaEvent) => void;
}

export type ReplicaEvent =
  | { readonly type: "leader"; readonly node: NodeId; readonly group: GroupId; readonly term: number }
  | {
      /** After every step of a machine: its log as it is now, not to be kept. */
      readonly type: "stepped";
      readonly node: NodeId;
      readonly group: GroupId;
      readonly term: number;
      readonly commitIndex: LogIndex;
      readonly log: LogView;
    }
  | {
      readonly type: "applied";
      readonly node: NodeId;
      readonly group: GroupId;
      readonly index: LogIndex;
      readonly command: Uint8Array;
    };

export const DEFAULT_TIMINGS: RaftTimings = {
  electionTimeoutMin: 300,
  electionTimeoutMax: 600,
  heartbeatInterval: 75,
  lease: true,
};

export const DEFAULT_MEMBERSHIP: MembershipOptions = {
  enabled: true,
  period: DEFAULT_SWIM_OPTIONS.period,
  directTimeout: DEFAULT_SWIM_OPTIONS.directTimeout,
  helpers: DEFAULT_SWIM_OPTIONS.helpers,
  suspicionFactor: DEFAULT_SWIM_OPTIONS.suspicionFactor,
};

export const DEFAULT_PLACEMENT: PlacementOptions = { leadersFollowWrites: true, rules: SEAT_RULES };

const MIB = 1024 * 1024;

export const DEFAULT_NODE_LIMITS: NodeLimits = {
  maxInFlight: 100_000,
  maxOverlayBytes: 256 * MIB,
  recordIndexBytes: 64 * MIB,
  maxUnsyncedBytes: 128 * MIB,
  compactAtBytes: 4 * MIB,
  compactForcedAtBytes: 64 * MIB,
  logRetainBytes: 256 * MIB,
  logSegmentBytes: 16 * MIB,
  snapshotChunkBytes: MIB / 4,
  watchHistoryBytes: 4 * MIB,
  watchHistoryChanges: 10_000,
  watchTotalBytes: 128 * MIB,
  maxWatches: 20_000,
};
