/**
 * Raft (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm"; Ongaro's thesis, "Consensus: Bridging
 * Theory and Practice"). SPEC.md has the states, the invariants and the tests that hold them.
 *
 *                 timeout                quorum of pre-votes          quorum of votes
 *   ┌──────────┐ ─────────▶ ┌───────────────┐ ─────────▶ ┌───────────┐ ─────────▶ ┌────────┐
 *   │ follower │            │ pre-candidate │            │ candidate │            │ leader │
 *   └──────────┘ ◀───────── └───────────────┘ ◀───────── └───────────┘ ◀───────── └────────┘
 *        ▲        a leader, a newer term       timeout      a leader, a newer term, no contact
 *        └───────────────────────────────────────────────────────────────────────────────────
 */
import { invariant, unreachable } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { LogIndex, Machine, Millis, PlainData } from "../../core/machine.ts";
import type { Configuration } from "./configuration.ts";
import {
  campaign,
  onElectionTimer,
  onSelfVoteDurable,
  onTimeoutNow,
  onVoteRequest,
  onVoteResponse,
} from "./election.ts";
import { onAppend, onCommit, onHeartbeat } from "./follower.ts";
import {
  onCommitTimer,
  onAppendAccepted,
  onAppendRejected,
  onHeartbeatResponse,
  onHeartbeatTimer,
  onPeerUnreachable,
  propose,
  settle,
} from "./leader.ts";
import { requestChange } from "./membership.ts";
import type { Entry, RaftEffect, RaftInput, RaftMessage, RaftRecord, RaftVocabulary } from "./messages.ts";
import { checkOptions } from "./options.ts";
import type { RaftOptions } from "./options.ts";
import { onReadIndex, onReadIndexResponse, requestRead } from "./reads.ts";
import type { RaftRecovered } from "./recovery.ts";
import { Replica } from "./replica.ts";
import type { Role } from "./replica.ts";
import { becomeFollower, onLeaderUnreachable, waitForElection } from "./roles.ts";
import { onInstallSnapshot, onSnapshotStored } from "./snapshot-receiver.ts";
import { onSnapshotChunk, onSnapshotFailed, onSnapshotResponse } from "./snapshot-sender.ts";
import { checkReplica, replicaStatus } from "./status.ts";
import { onTransferTimer, requestTransfer } from "./transfer.ts";

/**
 * One replica of a group. Guarantees linearizability of what is proposed and read, and loses nothing committed, as long as
 * a majority of the voters keeps its disks; makes progress while a majority is in contact.
 *
 * `now` must be read *after* the input came to be (a message: after it was received): the promises of leases count from it.
 * After a restart, `apply` effects start over behind the log's start; the host skips what its state already has.
 * Administrative requests always end in a `reply`, never in an `apply`.
 */
/** What lies at or before the start is known by its last index and term only. */
export interface LogView {
  readonly startIndex: LogIndex;
  readonly lastIndex: LogIndex;
  readonly lastTerm: number;
  /** From `startIndex + 1` on. */
  readonly entries: readonly Entry[];
}

export class Raft implements Machine<RaftVocabulary> {
  readonly #replica: Replica;

  constructor(options: RaftOptions, recovered: RaftRecovered) {
    checkOptions(options);
    this.#replica = new Replica(options, recovered);
  }

  step(now: Millis, input: RaftInput): readonly RaftEffect[] {
    const r = this.#replica;
    invariant(now >= r.now || !r.started, `time goes back from ${r.now} to ${now}`);
    r.now = now;
    if (!r.started) start(r);
    take(r, input);
    settle(r);
    return r.takeEffects();
  }

  get role(): Role {
    return this.#replica.role;
  }

  get term(): number {
    return this.#replica.term;
  }

  get leader(): NodeId | null {
    return this.#replica.leader;
  }

  /** Leads, and has committed an entry of its own term: can serve reads. */
  get isReady(): boolean {
    return this.#replica.ready;
  }

  get commitIndex(): LogIndex {
    return this.#replica.commitIndex;
  }

  /** The last index handed out by an `apply` effect, or covered by an installed snapshot. */
  get appliedIndex(): LogIndex {
    return this.#replica.appliedIndex;
  }

  get lastIndex(): LogIndex {
    return this.#replica.log.lastIndex;
  }

  /** Up to here the log is compacted. */
  get logStart(): LogIndex {
    return this.#replica.log.startIndex;
  }

  /** The log in memory, as it is now; for those who check it. */
  get log(): LogView {
    return this.#replica.log;
  }

  /** What the log weighs in memory. */
  get logBytes(): number {
    return this.#replica.log.bytes;
  }

  /** The latest in the log, committed or not. */
  get configuration(): Configuration {
    return this.#replica.configuration;
  }

  /** At the leader: how many entries each peer is behind, durably. Empty elsewhere. */
  peersLag(): ReadonlyMap<NodeId, number> {
    const lag = new Map<NodeId, number>();
    const { lead, log } = this.#replica;
    if (lead === null) return lag;
    for (const [peer, progress] of lead.progress) lag.set(peer, log.lastIndex - progress.match);
    return lag;
  }

  status(): PlainData {
    return replicaStatus(this.#replica);
  }

  check(): void {
    checkReplica(this.#replica);
  }

  checkpoint(): readonly RaftRecord[] {
    const r = this.#replica;
    const { log } = r;
    const records: RaftRecord[] = [
      { type: "hard-state", term: r.term, vote: r.vote, life: r.life },
      {
        type: "log-start",
        index: log.startIndex,
        term: log.startTerm,
        configuration: r.configurations.at(log.startIndex),
      },
    ];
    if (log.entries.length > 0) {
      records.push({ type: "entries", start: log.startIndex + 1, entries: [...log.entries] });
    }
    return records;
  }
}

/** The first step of a process. */
function start(r: Replica): void {
  r.started = true;
  // Just before it stopped, this replica may have answered a leader, whose lease rests on that answer.
  if (r.term > 0) r.stickyUntil = r.now + r.options.electionTimeoutMin;
  if (!r.promotable) return;
  if (r.term === 0 && r.configuration.voters.length === 1 && r.log.lastIndex === 0) {
    // A new group of one: nobody to wait for.
    campaign(r, false);
    return;
  }
  waitForElection(r);
}

function take(r: Replica, input: RaftInput): void {
  switch (input.type) {
    case "start":
      return;
    case "message":
      onMessage(r, input.from, input.message);
      return;
    case "propose":
      propose(r, input.id, input.command);
      return;
    case "read":
      requestRead(r, input.id, input.lease);
      return;
    case "admin":
      if (input.request.type === "transfer") requestTransfer(r, input.id, input.request.to);
      else requestChange(r, input.id, input.request.voters, input.request.learners);
      return;
    case "timer":
      if (input.timer === "election") onElectionTimer(r);
      else if (input.timer === "heartbeat") onHeartbeatTimer(r);
      else if (input.timer === "transfer") onTransferTimer(r);
      else onCommitTimer(r);
      return;
    case "persisted":
      r.persisted(input.upTo);
      if (r.selfVoteWrite !== null && input.upTo >= r.selfVoteWrite) onSelfVoteDurable(r);
      r.applyCommitted();
      return;
    case "unreachable":
      if (r.lead !== null) onPeerUnreachable(r.lead, input.peer);
      else if (r.leader === input.peer && r.role === "follower") onLeaderUnreachable(r);
      return;
    case "compact":
      r.compactTo(Math.min(input.upTo, r.appliedIndex));
      return;
    case "snapshot-chunk": {
      const progress = r.lead?.progress.get(input.peer);
      if (progress !== undefined) onSnapshotChunk(r, input.peer, progress, input.snapshot, input.chunk);
      return;
    }
    case "snapshot-failed": {
      const progress = r.lead?.progress.get(input.peer);
      if (progress !== undefined) onSnapshotFailed(r, input.peer, progress);
      return;
    }
    case "snapshot-stored":
      onSnapshotStored(r, input.snapshot, input.next, input.installed);
      return;
    default:
      unreachable(input);
  }
}

function onMessage(r: Replica, from: NodeId, m: RaftMessage): void {
  switch (m.type) {
    case "vote-request":
      onVoteRequest(r, from, m);
      return;
    case "vote-response":
      onVoteResponse(r, from, m);
      return;
    case "append":
    case "heartbeat":
    case "commit":
    case "snapshot":
      // These come from a leader. One of an older term learns that it is none any more.
      if (m.term < r.term) r.sendAfterHardState(from, { type: "stale-term", term: r.term });
      else if (m.type === "append") onAppend(r, from, m);
      else if (m.type === "heartbeat") onHeartbeat(r, from, m);
      else if (m.type === "commit") onCommit(r, from, m);
      else onInstallSnapshot(r, from, m);
      return;
    case "timeout-now":
      onTimeoutNow(r, from, m);
      return;
    default:
      onAnswer(r, from, m);
  }
}

type Answer = Exclude<
  RaftMessage,
  {
    readonly type:
      | "vote-request"
      | "vote-response"
      | "append"
      | "heartbeat"
      | "commit"
      | "snapshot"
      | "timeout-now";
  }
>;

/** Messages that count only within their term. */
function onAnswer(r: Replica, from: NodeId, m: Answer): void {
  if (m.term > r.term) becomeFollower(r, m.term, null);
  if (m.term < r.term && m.type !== "read-index") return;
  const { lead } = r;
  switch (m.type) {
    case "stale-term":
      return;
    case "read-index":
      onReadIndex(r, from, m);
      return;
    case "read-index-response":
      onReadIndexResponse(r, from, m);
      return;
    case "append-accepted":
      if (lead !== null) onAppendAccepted(r, lead, from, m);
      return;
    case "append-rejected":
      if (lead !== null) onAppendRejected(r, lead, from, m);
      return;
    case "heartbeat-response":
      if (lead !== null) onHeartbeatResponse(r, lead, from, m);
      return;
    case "snapshot-response": {
      const progress = lead?.progress.get(from);
      if (progress !== undefined) {
        progress.lastHeard = r.now;
        onSnapshotResponse(r, from, progress, m);
      }
      return;
    }
    default:
      unreachable(m);
  }
}
