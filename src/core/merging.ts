/**
 * The contract between a **merging** protocol (gossip, quorum) and its host: what `machine.ts` is for ordered ones.
 *
 * The state of such a shard is a join-semilattice: any replica changes it on its own, the change leaves as a *delta*, and deltas may arrive
 * late, twice and in any order. So there is no log that all replicas share. Each replica has a log of its own: what was done
 * here and what was merged here, in the order in which it was applied here. Only recovery reads it.
 *
 * ```
 *   propose ──▶ persist ──(durable)──▶ apply ──▶ applied(delta) ──▶ sends; reply, once enough replicas have it
 *   message ──▶ persist ──(durable)──▶ apply ──▶ applied        ──▶ acknowledgement to the sender
 * ```
 *
 * The rules H1 to H7 of `machine.ts` hold here too, with "log" read as this replica's own. In addition:
 *  - M1. Every entry that was handed out with `apply` is answered by one `applied`, in their order.
 *  - M2. A change leaves this node only after it is durable here (it comes with `applied`, which follows `apply`, which is
 *        held until its write is durable). Otherwise a crash could give the same dot to two events.
 *  - M3. `query` is answered by one `answer`, in any order; a failing disk stops the replica instead.
 *  - M4. The `Summary` that a machine was made with shows the state after the last `applied`; it never changes in a step.
 */
import type { ErrorCode } from "./errors.ts";
import type { Hash64 } from "./hash64.ts";
import type { NodeId, RequestId, WriteId } from "./ids.ts";
import type { LogIndex, Millis, PlainData } from "./machine.ts";
import type { MerkleTree } from "./merkle-tree.ts";

/** Numbers the queries of one machine. Local to the process. */
export type QueryId = number;

/** What a machine may look at of the state that it replicates: in memory, and small. */
export interface Summary {
  /** Over all items of the shard, of one shape on all replicas. */
  readonly tree: MerkleTree;
  /** Which events this replica knows, encoded: everything in it is in the state, or was removed again. */
  context(): Uint8Array;
  /** Everything that the other context knows, this replica knows. */
  covers(context: Uint8Array): boolean;
}

/** A question about the items of the state, which may lie on the disk. */
export type StateQuery =
  /** All items of these leaves of the tree, up to about `maxBytes`, but those of some leaves at least. */
  | { readonly type: "leaves"; readonly leaves: readonly number[]; readonly maxBytes: number }
  /** The items from a position of the tree's order on ("" is the start), up to about `maxBytes`. */
  | { readonly type: "page"; readonly from: string; readonly maxBytes: number }
  /** The items that a read looked at. With a `digest`: only if they differ from what that stands for. */
  | { readonly type: "reading"; readonly reading: Uint8Array; readonly digest: Hash64 | null };

export type StateAnswer =
  /** `leaves`: those that `delta` has, the first ones of those that were asked for. */
  | { readonly type: "leaves"; readonly leaves: readonly number[]; readonly delta: Uint8Array }
  /** `next`: where the following page starts; null after the last one. */
  | { readonly type: "page"; readonly delta: Uint8Array; readonly next: string | null }
  /** `delta`: null when the digests are equal. */
  | { readonly type: "reading"; readonly delta: Uint8Array | null };

/** What this node is for the group, by the catalog. */
export interface GroupMembers {
  /** The N nodes that should hold the shard. */
  readonly holders: readonly NodeId[];
  /** Nodes that may stand in for a holder that cannot be reached, the first choice first. */
  readonly fallbacks: readonly NodeId[];
}

/**
 * One entry of this replica's own log. A **command** runs against the state as it is and makes a delta. A **merge** joins a delta of
 * another replica. An **adoption** takes over the knowledge of another replica that has nothing which this one lacks: what it knows and neither has was
 * removed.
 */
export type MergingEntry =
  | {
      readonly type: "command";
      readonly index: LogIndex;
      readonly command: Uint8Array;
      /** Present when this process proposed it. */
      readonly request: RequestId | null;
    }
  | { readonly type: "merge"; readonly index: LogIndex; readonly delta: Uint8Array }
  | { readonly type: "adopt"; readonly index: LogIndex; readonly context: Uint8Array };

export type MergingInput<Message, Timer extends string> =
  | { readonly type: "start" }
  | { readonly type: "message"; readonly from: NodeId; readonly message: Message }
  /** Replaces what was said before. Comes once before `start`. */
  | { readonly type: "members"; readonly members: GroupMembers }
  /** A batch of commands. `w`: on how many replicas it has to be before it is acknowledged; gossip takes it as 1. */
  | { readonly type: "propose"; readonly id: RequestId; readonly command: Uint8Array; readonly w: number }
  /**
   * May a read be served? `reading` says what it looks at, `digest` what it saw here; `r`: how many replicas, this one included, have
   * to be asked. Answered by `read-ready`, or a `reply` with an error.
   */
  | {
      readonly type: "read";
      readonly id: RequestId;
      readonly r: number;
      readonly reading: Uint8Array;
      readonly digest: Hash64;
    }
  /**
   * The entry is part of the state now. `delta`: what a command changed, for the others; null when it changed nothing, and for all other
   * entries. `taken`: false for a merge that was refused because too many events before it are missing here; anti-entropy brings it.
   */
  | {
      readonly type: "applied";
      readonly index: LogIndex;
      readonly delta: Uint8Array | null;
      readonly taken: boolean;
    }
  | { readonly type: "answer"; readonly id: QueryId; readonly answer: StateAnswer }
  | { readonly type: "timer"; readonly timer: Timer }
  /** Everything up to this write is durable on this node. */
  | { readonly type: "persisted"; readonly upTo: WriteId }
  /** The transport has lost, or has got, its connection to the peer. Hints, not proofs. A peer of which nothing was said is reachable. */
  | { readonly type: "unreachable"; readonly peer: NodeId }
  | { readonly type: "reachable"; readonly peer: NodeId }
  /** The state up to this index is durable in the state store: the log before it is no longer needed for recovery. */
  | { readonly type: "compact"; readonly upTo: LogIndex };

export type MergingEffect<Message, Record, Timer extends string> =
  | { readonly type: "persist"; readonly id: WriteId; readonly records: readonly Record[] }
  | { readonly type: "send"; readonly to: NodeId; readonly message: Message; readonly after?: WriteId }
  | { readonly type: "apply"; readonly entries: readonly MergingEntry[]; readonly after?: WriteId }
  | { readonly type: "query"; readonly id: QueryId; readonly query: StateQuery }
  /** The reads under `ids` may be served once this replica has applied `index`. */
  | { readonly type: "read-ready"; readonly ids: readonly RequestId[]; readonly index: LogIndex }
  /** What became of a proposal, or of a read that cannot be served. */
  | { readonly type: "reply"; readonly id: RequestId; readonly outcome: MergingOutcome }
  | { readonly type: "set-timer"; readonly timer: Timer; readonly min: Millis; readonly max: Millis }
  | { readonly type: "cancel-timer"; readonly timer: Timer }
  /** A replica that stood in for others, or that the group no longer wants here, has handed over everything: it may be deleted. */
  | { readonly type: "retire" };

export type MergingOutcome = { readonly ok: true } | { readonly ok: false; readonly error: ErrorCode };

/** What a machine has counted since it was made; what is said to be a number "now" may fall again. */
export interface MergingCounts {
  /** Rumors that this replica still spreads, now. */
  readonly hotRumors: number;
  /** Deltas that came as rumors and were new here. */
  readonly deltasByRumor: number;
  /** Anti-entropy that this replica began: until both had the same, or given up on the way. */
  readonly exchangesDone: number;
  readonly exchangesFailed: number;
  /** Leaves of the Merkle tree that this replica fetched as they differed, and the bytes of items that anti-entropy brought, pushed ones included. */
  readonly leavesReceived: number;
  readonly leafBytesReceived: number;
  /** Kept for holders that could not be reached, now. */
  readonly hintBytes: number;
  readonly hintsRefused: number;
  /** Holders that were given everything that a replica in their place had. */
  readonly handoversDone: number;
  /** Replicas that were sent what a read found to be missing there. */
  readonly readRepairs: number;
  /** Writes that were refused, or given up, for want of W replicas. */
  readonly writesWithoutQuorum: number;
  /** Deltas that could not be joined, as too much before them was missing here. */
  readonly deltasRefused: number;
}

export interface RoundTrip {
  readonly peer: NodeId;
  readonly milliseconds: Millis;
}

/** Recent operations of a coordinator, in no particular order. Its clock sees round trips only, never one way of them. */
export interface OperationTimes {
  /** Milliseconds from a proposal until it was durable and applied at the coordinator, before it was sent to anybody. */
  readonly durable: readonly Millis[];
  /** From a write's sending until the answer that it is durable and applied there. */
  readonly writes: readonly RoundTrip[];
  /** From a read's question until the answer. */
  readonly reads: readonly RoundTrip[];
}

/** The last complete exchange of anti-entropy with a holder that this replica began. */
export interface LastExchange {
  /** By the machine's clock. */
  readonly at: Millis;
  /** Both had the same root from the start: nothing was missing anywhere. */
  readonly same: boolean;
}

export interface MergingMachine<Message, Record, Timer extends string> {
  /** Synchronous, total, deterministic. Throws only `InvariantError`. */
  step(now: Millis, input: MergingInput<Message, Timer>): readonly MergingEffect<Message, Record, Timer>[];
  /**
   * A holder that has had all that some other holder had, or that the group began with: it may serve reads. A new replica is not ready until its first
   * anti-entropy is complete.
   */
  readonly isReady: boolean;
  /** Bytes of this replica's log that the state store does not have yet. */
  readonly logBytes: number;
  readonly lastIndex: LogIndex;
  readonly counts: MergingCounts;
  /** Null: no operation of this protocol waits for another replica. */
  readonly times: OperationTimes | null;
  readonly exchanges: ReadonlyMap<NodeId, LastExchange>;
  /** For transcripts, checkers, `kvorum status` and the console. */
  status(): PlainData;
  check(): void;
  /** Records that, replayed alone, rebuild this machine's durable state. */
  checkpoint(): readonly Record[];
}

/** Records of merging protocols begin with a byte from here on, those of ordered ones below: the log can tell them apart. */
export const FIRST_MERGING_RECORD = 0x80;

export const isMergingRecord = (bytes: Uint8Array): boolean => bytes[0]! >= FIRST_MERGING_RECORD;
