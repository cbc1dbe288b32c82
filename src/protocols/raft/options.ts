import { invariant } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";

/** Times are milliseconds, sizes bytes. All replicas of a group must have the same timeouts: leases rest on them. */
export interface RaftOptions {
  readonly id: NodeId;
  /** A follower that has not heard from a leader for a random time between the two starts an election. */
  readonly electionTimeoutMin: Millis;
  readonly electionTimeoutMax: Millis;
  readonly heartbeatInterval: Millis;
  /**
   * How long idle followers may wait for the news that something is committed; appends and heartbeats carry it anyway.
   * 0: they are told at once. What they lack meanwhile only shows in reads that are not linearizable.
   */
  readonly commitDelay: Millis;
  /** By how much the rates of two replicas' clocks may differ, as a fraction. Shortens the lease. */
  readonly maxClockDrift: number;
  /** Serve reads by lease when asked to. Off, every linearizable read costs a round of heartbeats (shared by a batch). */
  readonly lease: boolean;
  /** Ask before disturbing (9.6). */
  readonly preVote: boolean;
  /** A leader that has not heard from a quorum for `electionTimeoutMax` steps down (6.2). */
  readonly checkQuorum: boolean;
  /** Appends under way to one peer: at most so many, and at most so many bytes (always at least one). */
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** One append carries at most so many bytes of entries (always at least one entry). */
  readonly maxMessageBytes: number;
  /** Proposals beyond this many uncommitted bytes are refused as `overloaded`. */
  readonly maxUncommittedBytes: number;
  /** Reads waiting at one replica; more are refused as `overloaded`. */
  readonly maxPendingReads: number;
}

export const DEFAULT_RAFT_OPTIONS: Omit<RaftOptions, "id"> = {
  electionTimeoutMin: 300,
  electionTimeoutMax: 600,
  heartbeatInterval: 60,
  commitDelay: 0,
  maxClockDrift: 0.1,
  lease: true,
  preVote: true,
  checkQuorum: true,
  maxInflightMessages: 128,
  maxInflightBytes: 16 << 20,
  maxMessageBytes: 1 << 20,
  maxUncommittedBytes: 64 << 20,
  maxPendingReads: 65_536,
};

/** After the leader's connection broke, followers campaign within this time once the leader's lease has run out. */
export const UNREACHABLE_SPREAD_MS = 50;

/** A peer silent for this many election timeouts loses the snapshot that is held for it. */
export const SNAPSHOT_PATIENCE_TIMEOUTS = 20;

/** Throws `InvariantError`: options are checked where users give them; here a bad one is a defect. */
export function checkOptions(options: RaftOptions): void {
  const { electionTimeoutMin, electionTimeoutMax, heartbeatInterval, maxClockDrift } = options;
  invariant(Number.isInteger(options.id) && options.id > 0, `no node id: ${options.id}`);
  invariant(heartbeatInterval > 0, `heartbeatInterval must be positive: ${heartbeatInterval}`);
  invariant(electionTimeoutMin > heartbeatInterval, "electionTimeoutMin must exceed heartbeatInterval");
  invariant(
    electionTimeoutMax >= electionTimeoutMin,
    "electionTimeoutMax must not be below electionTimeoutMin",
  );
  invariant(maxClockDrift >= 0 && maxClockDrift < 1, `maxClockDrift must be in [0, 1): ${maxClockDrift}`);
  invariant(options.maxInflightMessages >= 1, "maxInflightMessages must be at least 1");
  invariant(options.maxInflightBytes >= 1, "maxInflightBytes must be at least 1");
  invariant(options.maxMessageBytes >= 1, "maxMessageBytes must be at least 1");
  invariant(options.maxUncommittedBytes >= 1, "maxUncommittedBytes must be at least 1");
  invariant(options.maxPendingReads >= 1, "maxPendingReads must be at least 1");
}
