/**
 * The contract between a replication protocol and its host.
 *
 * A protocol is a pure machine: it never sees a clock, a socket, a disk or a random source. The host gives it inputs,
 * together with the time, and runs the effects it returns. Effects are plain data, so that one machine runs in
 * production, in the simulator and in a browser, and so that a transcript of it can be read.
 *
 * Rules of the host
 *  - H1. Inputs of one machine are stepped one at a time; the effects of a step are run before the next step.
 *  - H2. `persist` effects become durable in their order. `persisted` is reported in that order.
 *  - H3. An effect with `after` is held until that write is durable on this node; held effects of one machine are
 *        released in their order. An effect without `after` runs at once, also while writes are under way.
 *  - H4. Messages may be lost, delayed, duplicated and reordered. The protocol copes.
 *  - H5. `apply` effects arrive in log order without gaps, and the host applies them in that order.
 *  - H6. A `set-timer` replaces the timer of that name. The host draws the delay from [min, max] uniformly;
 *        it is never shorter than a millisecond, so that a rounding error cannot become an endless loop. Only timers
 *        named `heartbeat` may fire early, so that all groups of a node beat together.
 *  - H7. `now` is monotonic within a process (never goes back), in milliseconds, unrelated between nodes, and
 *        read after the input came to be (a message: after it was received). Leases depend on that.
 */
import type { ErrorCode } from "./errors.ts";
import type { NodeId, RequestId, WriteId } from "./ids.ts";

/** Monotonic milliseconds of the host's clock; fractions count. */
export type Millis = number;

/** Position in a group's log; the first entry has index 1. */
export type LogIndex = number;

/** The types that a protocol fills in. All of them are plain data. */
export interface Vocabulary {
  readonly message: unknown;
  readonly record: unknown;
  readonly timer: string;
  /** Administrative requests: membership, transfer of leadership. */
  readonly admin: unknown;
  /** What besides commands an applied entry can carry. */
  readonly configuration: unknown;
}

/** Names a snapshot: the state after `index`, taken by `origin`. `id`, a binary string, tells two snapshots of one index apart. */
export interface SnapshotId {
  readonly id: string;
  readonly index: LogIndex;
}

/**
 * One piece of a snapshot. `cursor` is where it starts (empty at the start), `next` where the following one does;
 * `next === null` marks the last. Cursors are the host's own and opaque to the protocol.
 */
export interface SnapshotChunk {
  readonly cursor: Uint8Array;
  readonly data: Uint8Array;
  readonly next: Uint8Array | null;
}

export type Input<V extends Vocabulary> =
  | { readonly type: "start" }
  | { readonly type: "message"; readonly from: NodeId; readonly message: V["message"] }
  /** A command to be ordered. The host batches: one proposal a turn and group, holding many clients' commands. */
  | { readonly type: "propose"; readonly id: RequestId; readonly command: Uint8Array }
  /** Asks when a linearizable read may be served from this replica's state. One request serves a whole batch of reads. */
  | { readonly type: "read"; readonly id: RequestId; readonly lease: boolean }
  | { readonly type: "admin"; readonly id: RequestId; readonly request: V["admin"] }
  | { readonly type: "timer"; readonly timer: V["timer"] }
  /** Everything up to this write is durable on this node. */
  | { readonly type: "persisted"; readonly upTo: WriteId }
  /** The transport lost its connection to the peer. A hint, not a proof. */
  | { readonly type: "unreachable"; readonly peer: NodeId }
  /** The state up to this index is durable in the state store: the log before it is no longer needed for recovery. */
  | { readonly type: "compact"; readonly upTo: LogIndex }
  /** Answers `snapshot-load`. */
  | {
      readonly type: "snapshot-chunk";
      readonly peer: NodeId;
      readonly snapshot: SnapshotId;
      readonly chunk: SnapshotChunk;
    }
  | { readonly type: "snapshot-failed"; readonly peer: NodeId }
  /**
   * Answers `snapshot-store`: the chunk is durable. `installed`: it was the last one and the state is now the snapshot's.
   * `next` null and not installed: it could not be installed, and the transfer starts over.
   */
  | {
      readonly type: "snapshot-stored";
      readonly snapshot: SnapshotId;
      readonly next: Uint8Array | null;
      readonly installed: boolean;
    };

/** What became of a request, when it does not end in an `apply` or a `read-ready`. */
export type RequestOutcome<V extends Vocabulary> =
  | { readonly ok: true; readonly configuration?: V["configuration"] }
  | { readonly ok: false; readonly error: ErrorCode; readonly leader?: NodeId | null };

/** A committed entry. `request` is present when this very process proposed it: its result answers that request. */
export type Committed<V extends Vocabulary> =
  | {
      readonly kind: "command";
      readonly index: LogIndex;
      readonly command: Uint8Array;
      readonly request: RequestId | null;
    }
  | { readonly kind: "noop"; readonly index: LogIndex }
  | {
      readonly kind: "configuration";
      readonly index: LogIndex;
      readonly configuration: V["configuration"];
      readonly request: RequestId | null;
    };

export type Effect<V extends Vocabulary> =
  | { readonly type: "persist"; readonly id: WriteId; readonly records: readonly V["record"][] }
  | { readonly type: "send"; readonly to: NodeId; readonly message: V["message"]; readonly after?: WriteId }
  | { readonly type: "apply"; readonly entries: readonly Committed<V>[] }
  /**
   * The reads under `ids` may be served once this replica has applied `index`. With `validUntil` they rest on a lease:
   * the host re-reads its clock **after** it has executed them, and asks again without a lease if the time has passed.
   */
  | {
      readonly type: "read-ready";
      readonly ids: readonly RequestId[];
      readonly index: LogIndex;
      readonly validUntil?: Millis;
    }
  | {
      readonly type: "reply";
      readonly id: RequestId;
      readonly outcome: RequestOutcome<V>;
      readonly after?: WriteId;
    }
  /** Who leads, as far as this replica knows; said again when this replica leads and becomes ready to serve. */
  | { readonly type: "leader"; readonly leader: NodeId | null; readonly epoch: number }
  | { readonly type: "set-timer"; readonly timer: V["timer"]; readonly min: Millis; readonly max: Millis }
  | { readonly type: "cancel-timer"; readonly timer: V["timer"] }
  /** Wants the piece at `cursor` of `snapshot`, or the first piece of a new snapshot when `snapshot` is null. */
  | {
      readonly type: "snapshot-load";
      readonly peer: NodeId;
      readonly snapshot: SnapshotId | null;
      readonly cursor: Uint8Array;
    }
  /** Wants the piece stored beside the state; with `chunk.next === null` the whole replaces the state, atomically. */
  | { readonly type: "snapshot-store"; readonly snapshot: SnapshotId; readonly chunk: SnapshotChunk }
  /** The peer has its snapshot, or no longer needs it: the host may release it. */
  | { readonly type: "snapshot-release"; readonly peer: NodeId };

/** Plain, JSON-compatible data. */
export type PlainData =
  | null
  | boolean
  | number
  | string
  | readonly PlainData[]
  | { readonly [key: string]: PlainData };

export interface Machine<V extends Vocabulary> {
  /** Synchronous, total, deterministic. Throws only `InvariantError`. */
  step(now: Millis, input: Input<V>): readonly Effect<V>[];
  /** For transcripts, checkers, `kvorum status` and the console. */
  status(): PlainData;
  /** Throws `InvariantError` when an invariant is broken. Cheap enough to run after every step in tests. */
  check(): void;
  /** Records that, replayed alone, rebuild this machine's durable state. The log writes them before it frees a segment. */
  checkpoint(): readonly V["record"][];
}

/** How a protocol's messages and records become bytes. Decoding throws `CodecError` on anything malformed. */
export interface Codec<V extends Vocabulary> {
  encodeMessage(message: V["message"]): Uint8Array;
  decodeMessage(bytes: Uint8Array): V["message"];
  encodeRecord(record: V["record"]): Uint8Array;
  decodeRecord(bytes: Uint8Array): V["record"];
}
