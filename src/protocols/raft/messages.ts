/** The words of Raft: entries, messages, records and administrative requests. Sections are those of Ongaro's thesis. */
import type { NodeId, RequestId } from "../../core/ids.ts";
import type {
  Effect,
  Input,
  LogIndex,
  RequestOutcome,
  SnapshotChunk,
  SnapshotId,
  Vocabulary,
} from "../../core/machine.ts";
import type { Configuration } from "./configuration.ts";

/** One place in the log. Its index is implied by where it stands. */
export type Entry =
  | { readonly kind: "command"; readonly term: number; readonly command: Uint8Array }
  /** The first entry of every leader: committing it commits all before it (6.4). */
  | { readonly kind: "noop"; readonly term: number }
  | { readonly kind: "configuration"; readonly term: number; readonly configuration: Configuration };

interface VoteRequest {
  readonly type: "vote-request";
  /** The term to be elected in; for a pre-vote the term it *would* be. */
  readonly term: number;
  /** A pre-vote (9.6): changes nothing at the receiver. */
  readonly pre: boolean;
  /** The leader itself asked for this election (3.10): it is no disturbance, however recently the leader was heard. */
  readonly transfer: boolean;
  readonly lastIndex: LogIndex;
  readonly lastTerm: number;
}

interface VoteResponse {
  readonly type: "vote-response";
  /** A granted pre-vote repeats the term asked for; everything else states the receiver's own. */
  readonly term: number;
  readonly pre: boolean;
  readonly granted: boolean;
}

interface Append {
  readonly type: "append";
  readonly term: number;
  /** Grows within a term; echoed in the answer. An answer proves contact at or after the round was opened. */
  readonly round: number;
  readonly prevIndex: LogIndex;
  readonly prevTerm: number;
  readonly commit: LogIndex;
  readonly entries: readonly Entry[];
}

/** Everything up to `match` equals the leader's log of this term and is durable at the sender. */
interface AppendAccepted {
  readonly type: "append-accepted";
  readonly term: number;
  readonly round: number;
  readonly match: LogIndex;
}

/**
 * The entry at `prevIndex` is missing or differs. `hintIndex` is where the leader may go on from if it knows nothing of
 * `hintTerm`: the first index of the conflicting term; `hintTerm` 0: the log is simply shorter (5.3 of the paper).
 */
interface AppendRejected {
  readonly type: "append-rejected";
  readonly term: number;
  readonly round: number;
  readonly prevIndex: LogIndex;
  readonly hintIndex: LogIndex;
  readonly hintTerm: number;
}

interface Heartbeat {
  readonly type: "heartbeat";
  readonly term: number;
  readonly round: number;
  readonly commit: LogIndex;
}

/** `matched` equals the leader's log, in memory; up to `durable` it is durable too. Tells the leader what got lost. */
interface HeartbeatResponse {
  readonly type: "heartbeat-response";
  readonly term: number;
  readonly round: number;
  readonly matched: LogIndex;
  readonly durable: LogIndex;
}

/** The commit index has moved and there are no entries to carry the news. Not answered. */
interface Commit {
  readonly type: "commit";
  readonly term: number;
  readonly commit: LogIndex;
}

/** The sender of a message of an older term learns that it is behind. */
interface StaleTerm {
  readonly type: "stale-term";
  readonly term: number;
}

/** Start an election at once (3.10). */
interface TimeoutNow {
  readonly type: "timeout-now";
  readonly term: number;
}

/**
 * Names a follower's question. An answer to a question of an earlier life of the process must not pass for one to a later
 * question, so lives are counted durably.
 */
export interface ReadId {
  readonly life: number;
  readonly read: number;
}

/** A follower asks from which index it may serve linearizable reads (6.4). */
interface ReadIndex extends ReadId {
  readonly type: "read-index";
  readonly term: number;
  /** The leader may answer by its lease. */
  readonly lease: boolean;
}

/** `index` null: the asked replica cannot tell (it does not lead). */
interface ReadIndexResponse extends ReadId {
  readonly type: "read-index-response";
  readonly term: number;
  readonly index: LogIndex | null;
}

/** A piece of a snapshot (5). Without a chunk it only asks which piece is expected next. */
interface InstallSnapshot {
  readonly type: "snapshot";
  readonly term: number;
  readonly snapshot: SnapshotId;
  readonly snapshotTerm: number;
  readonly configuration: Configuration;
  readonly chunk: SnapshotChunk | null;
}

/** The sender expects the piece of `snapshot` that starts at `cursor` next. */
interface SnapshotResponse {
  readonly type: "snapshot-response";
  readonly term: number;
  readonly snapshot: SnapshotId;
  readonly cursor: Uint8Array;
}

export type RaftMessage =
  | VoteRequest
  | VoteResponse
  | Append
  | AppendAccepted
  | AppendRejected
  | Heartbeat
  | HeartbeatResponse
  | Commit
  | StaleTerm
  | TimeoutNow
  | ReadIndex
  | ReadIndexResponse
  | InstallSnapshot
  | SnapshotResponse;

/** A message of one type. */
export type MessageOf<T extends RaftMessage["type"]> = Extract<RaftMessage, { readonly type: T }>;

/** What is durable (5.1 and 5.3 of the paper). Replayed in order, records rebuild a replica: see `recover`. */
export type RaftRecord =
  /** `life`: counts the lives of the process in which it has asked a leader for a read index. */
  | {
      readonly type: "hard-state";
      readonly term: number;
      readonly vote: NodeId | null;
      readonly life: number;
    }
  /** Replaces everything from `start` on: truncation and append in one record. */
  | { readonly type: "entries"; readonly start: LogIndex; readonly entries: readonly Entry[] }
  /**
   * The log starts after `index`. Entries after it stay if the log has an entry of that term at `index`; otherwise a
   * snapshot has replaced the whole log.
   */
  | {
      readonly type: "log-start";
      readonly index: LogIndex;
      readonly term: number;
      readonly configuration: Configuration;
    };

export type RaftAdmin =
  /** The complete new membership. Answered when it is committed and the old one has no say any more. */
  | { readonly type: "change"; readonly voters: readonly NodeId[]; readonly learners: readonly NodeId[] }
  /** Hands leadership to a voter. Answered when it leads. */
  | { readonly type: "transfer"; readonly to: NodeId };

export type RaftTimer = "election" | "heartbeat" | "transfer" | "commit";

export interface RaftVocabulary extends Vocabulary {
  readonly message: RaftMessage;
  readonly record: RaftRecord;
  readonly timer: RaftTimer;
  readonly admin: RaftAdmin;
  readonly configuration: Configuration;
}

export type RaftInput = Input<RaftVocabulary>;
export type RaftEffect = Effect<RaftVocabulary>;
export type RaftOutcome = RequestOutcome<RaftVocabulary>;

/** What a request that waits for its entry needs to be found again. */
export interface PendingEntry {
  readonly id: RequestId;
  readonly index: LogIndex;
}
