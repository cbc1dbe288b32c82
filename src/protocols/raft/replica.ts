/**
 * The state of one replica and the few primitives everything else is made of: queueing effects, appending to the log,
 * moving the commit index. The rules of the protocol are in the files around it; `raft.ts` is the door.
 *
 * Effects of one step: at most one `persist`, first; `after` of the other effects refers to it or to earlier ones.
 */
import { invariant } from "../../core/assert.ts";
import type { NodeId, RequestId, WriteId } from "../../core/ids.ts";
import { writeId } from "../../core/ids.ts";
import type { Committed, LogIndex, Millis, SnapshotId } from "../../core/machine.ts";
import { ConfigurationHistory, isJoint, isVoter } from "./configuration.ts";
import type { Configuration } from "./configuration.ts";
import type { Leadership } from "./leadership.ts";
import { Log, entryBytes } from "./log.ts";
import type {
  Entry,
  RaftEffect,
  RaftMessage,
  RaftOutcome,
  RaftRecord,
  RaftTimer,
  RaftVocabulary,
} from "./messages.ts";
import type { RaftOptions } from "./options.ts";
import { PendingEntries } from "./pending.ts";
import type { RaftRecovered } from "./recovery.ts";

export type Role = "follower" | "pre-candidate" | "candidate" | "leader";

/** A snapshot on its way in. */
export interface IncomingSnapshot {
  readonly snapshot: SnapshotId;
  readonly term: number;
  readonly configuration: Configuration;
  /** The piece that is expected next, or being stored. */
  cursor: Uint8Array;
  storing: boolean;
  /** The last piece is being stored: the state is about to be replaced. Nothing is applied meanwhile. */
  installing: boolean;
}

/** Reads of a follower, asked at the leader; one question at a time. */
export interface ForwardedReads {
  lastRead: number;
  waiting: { readonly id: RequestId; readonly lease: boolean }[];
  asked: {
    readonly read: number;
    readonly lease: boolean;
    readonly ids: readonly RequestId[];
    sentAt: Millis;
  } | null;
}

/** A membership change that waits for its outcome. */
export interface PendingChange {
  readonly id: RequestId;
  readonly index: LogIndex;
  readonly term: number;
  /** The joint configuration is committed, the final one is awaited. */
  joint: boolean;
}

export class Replica {
  readonly options: RaftOptions;
  readonly id: NodeId;

  // Durable.
  term: number;
  vote: NodeId | null;
  life: number;
  readonly log: Log;
  readonly configurations: ConfigurationHistory;

  // Volatile.
  role: Role = "follower";
  leader: NodeId | null = null;
  commitIndex: LogIndex;
  appliedIndex: LogIndex;
  /** What the host's state had when this process started. All of it is committed; it need not be in our log. */
  readonly stateIndex: LogIndex;
  /** Entries up to here are durable here. Only these are applied: the state never gets ahead of the log. */
  durableIndex: LogIndex;
  /** As a follower: up to here our log equals the leader's of this term. */
  matchedIndex: LogIndex = 0;
  lead: Leadership | null = null;
  votes = new Map<NodeId, boolean>();
  /** As a candidate: our own vote counts once this write is durable. */
  selfVoteWrite: WriteId | null = null;
  incoming: IncomingSnapshot | null = null;
  readonly forwarded: ForwardedReads = { lastRead: 0, waiting: [], asked: null };
  readonly pending = new PendingEntries();
  changes: PendingChange[] = [];
  /** A transfer that was asked for here and whose outcome is open. */
  handover: { readonly id: RequestId; readonly to: NodeId; readonly term: number } | null = null;

  // Time.
  now: Millis = 0;
  started = false;
  /** Votes are refused until then: a leader was heard, or may have been before a restart (6.4.1). */
  stickyUntil: Millis = Number.NEGATIVE_INFINITY;
  /** Since when there has been no reason to wait: the last word of a leader, the last vote given. */
  quietSince: Millis = 0;
  /** guard: runs until quietSince + min. draw: the random rest. campaign: a candidate's. */
  electionPhase: "off" | "guard" | "draw" | "campaign" = "off";

  // Output.
  #effects: RaftEffect[] = [];
  #records: RaftRecord[] = [];
  #hardStateChanged = false;
  #nextWrite = 1;
  #persistedWrite = 0;
  #hardStateWrite = 0;
  #logWrite = 0;
  #logWrites: { readonly write: number; upTo: LogIndex }[] = [];
  #announced: { leader: NodeId | null; term: number; ready: boolean } | null = null;

  constructor(options: RaftOptions, recovered: RaftRecovered) {
    const { hardState, start, entries } = recovered;
    this.options = options;
    this.id = options.id;
    this.term = hardState.term;
    this.vote = hardState.vote;
    this.life = hardState.life;
    this.log = new Log(start.index, start.term, entries);
    this.configurations = new ConfigurationHistory(start.index, start.configuration);
    entries.forEach((entry, at) => {
      if (entry.kind === "configuration") {
        this.configurations.append(start.index + 1 + at, entry.configuration);
      }
    });
    this.commitIndex = start.index;
    this.appliedIndex = start.index;
    this.stateIndex = recovered.applied ?? 0;
    this.durableIndex = this.log.lastIndex;
    invariant(this.log.lastTerm <= this.term, `log of term ${this.log.lastTerm}, hard state of ${this.term}`);
  }

  get configuration(): Configuration {
    return this.configurations.latest;
  }

  /**
   * May become leader: a voter, also one that configurations not known to be committed remove. It may be the only one that
   * has them, and without it nobody could be elected (thesis, 4.2.2). It counts its own vote only where it is a voter.
   */
  get promotable(): boolean {
    return this.configurations.since(this.commitIndex).some((one) => isVoter(one, this.id));
  }

  /** The state is being replaced by a snapshot. */
  get installing(): boolean {
    return this.incoming?.installing === true;
  }

  /** Leads, and has committed an entry of its own term: knows everything that is committed. */
  get ready(): boolean {
    return this.lead !== null && this.commitIndex >= this.lead.termStart;
  }

  // ---- effects

  emit(effect: RaftEffect): void {
    this.#effects.push(effect);
  }

  send(to: NodeId, message: RaftMessage): void {
    this.#effects.push({ type: "send", to, message });
  }

  /** Held until our term and vote are durable. */
  sendAfterHardState(to: NodeId, message: RaftMessage): void {
    this.#sendAfter(to, message, this.#hardStateChanged ? this.#currentWrite() : this.#hardStateWrite);
  }

  /** Held until our term, our vote and our whole log are durable: for whatever vouches for the log. */
  sendAfterLog(to: NodeId, message: RaftMessage): void {
    this.#sendAfter(
      to,
      message,
      this.#hardStateChanged ? this.#currentWrite() : Math.max(this.#hardStateWrite, this.#logWrite),
    );
  }

  #sendAfter(to: NodeId, message: RaftMessage, write: number): void {
    if (write <= this.#persistedWrite) this.send(to, message);
    else this.#effects.push({ type: "send", to, message, after: writeId(write) });
  }

  reply(id: RequestId, outcome: RaftOutcome): void {
    this.#effects.push({ type: "reply", id, outcome });
  }

  setTimer(timer: RaftTimer, min: Millis, max: Millis): void {
    this.#effects.push({ type: "set-timer", timer, min: Math.max(0, min), max: Math.max(0, max) });
  }

  cancelTimer(timer: RaftTimer): void {
    this.#effects.push({ type: "cancel-timer", timer });
  }

  /** The write that this step's records will be part of. */
  #currentWrite(): number {
    return this.#nextWrite;
  }

  /** Term and vote change together, durably. Returns the write that makes them durable. */
  setHardState(term: number, vote: NodeId | null): WriteId {
    invariant(term >= this.term, `term goes back from ${this.term} to ${term}`);
    invariant(term > this.term || this.vote === null || vote === this.vote, `second vote in term ${term}`);
    this.term = term;
    this.vote = vote;
    this.#hardStateChanged = true;
    return writeId(this.#currentWrite());
  }

  /** Durably different from all earlier lives of this process, before anything is sent by `sendAfterHardState`. */
  beginLife(): void {
    this.life++;
    this.#hardStateChanged = true;
  }

  /** Ends a step. */
  takeEffects(): readonly RaftEffect[] {
    this.#announceLeader();
    const effects = this.#effects;
    this.#effects = [];
    if (!this.#hardStateChanged && this.#records.length === 0) return effects;
    const records = this.#records;
    this.#records = [];
    if (this.#hardStateChanged) {
      // First, because entries of a term are never durable without that term.
      records.unshift({ type: "hard-state", term: this.term, vote: this.vote, life: this.life });
      this.#hardStateWrite = this.#nextWrite;
      this.#hardStateChanged = false;
    }
    effects.unshift({ type: "persist", id: writeId(this.#nextWrite), records });
    this.#nextWrite++;
    return effects;
  }

  #announceLeader(): void {
    const { leader, term, ready } = this;
    const last = this.#announced;
    if (last !== null && last.leader === leader && last.term === term && last.ready === ready) return;
    this.#announced = { leader, term, ready };
    this.#effects.push({ type: "leader", leader, epoch: term });
  }

  // ---- the log

  /** Appends to the log, in memory now and durable with this step's write. */
  append(entries: readonly Entry[]): void {
    const start = this.log.lastIndex + 1;
    this.log.append(entries);
    entries.forEach((entry, at) => {
      if (entry.kind === "configuration") this.configurations.append(start + at, entry.configuration);
    });
    this.#records.push({ type: "entries", start, entries });
    this.#noteLogWrite(this.log.lastIndex);
  }

  /** Removes uncommitted entries; the caller appends at `index` in the same step, which makes it durable. */
  truncateFrom(index: LogIndex): void {
    invariant(
      index > this.commitIndex,
      `truncation at ${index} of what is committed up to ${this.commitIndex}`,
    );
    invariant(this.role !== "leader", "a leader never truncates its log");
    this.log.truncateFrom(index);
    this.configurations.truncateFrom(index);
    this.durableIndex = Math.min(this.durableIndex, index - 1);
    this.matchedIndex = Math.min(this.matchedIndex, index - 1);
    for (const write of this.#logWrites) write.upTo = Math.min(write.upTo, index - 1);
  }

  /** Forgets the log up to `index`, which has been applied. */
  compactTo(index: LogIndex): void {
    if (index <= this.log.startIndex) return;
    invariant(index <= this.appliedIndex, `compaction to ${index}, applied up to ${this.appliedIndex}`);
    const configuration = this.configurations.at(index);
    this.log.compactTo(index);
    this.configurations.compactTo(index);
    this.#records.push({ type: "log-start", index, term: this.log.startTerm, configuration });
  }

  /** The state has been replaced by that of a snapshot. Entries after it survive if the log agrees with it (thesis 5.3). */
  installSnapshot(index: LogIndex, term: number, configuration: Configuration): void {
    invariant(index > this.appliedIndex, `snapshot of ${index}, applied up to ${this.appliedIndex}`);
    if (this.log.termAt(index) === term) {
      this.log.compactTo(index);
      this.configurations.compactTo(index);
    } else {
      this.log.reset(index, term);
      this.configurations.reset(index, configuration);
      this.durableIndex = 0;
      this.#logWrites.length = 0;
    }
    this.#records.push({ type: "log-start", index, term, configuration });
    this.#noteLogWrite(index);
    this.commitIndex = Math.max(this.commitIndex, index);
    this.appliedIndex = index;
    this.pending.covered(index, (id) => this.reply(id, { ok: false, error: "unknown" }));
    this.changes = this.changes.filter((change) => {
      if (change.index > index && !change.joint) return true;
      this.reply(change.id, { ok: false, error: "unknown" });
      return false;
    });
  }

  #noteLogWrite(upTo: LogIndex): void {
    this.#logWrite = this.#currentWrite();
    this.#logWrites.push({ write: this.#logWrite, upTo });
  }

  /** Everything up to this write is durable. */
  persisted(upTo: WriteId): void {
    invariant(upTo < this.#nextWrite, `write ${upTo} is reported durable, but was never asked for`);
    this.#persistedWrite = Math.max(this.#persistedWrite, upTo);
    let done = 0;
    for (const write of this.#logWrites) {
      if (write.write > upTo) break;
      this.durableIndex = Math.max(this.durableIndex, write.upTo);
      done++;
    }
    if (done > 0) this.#logWrites.splice(0, done);
  }

  // ---- commit and apply

  commitTo(index: LogIndex): void {
    if (index <= this.commitIndex) return;
    invariant(index <= this.log.lastIndex, `commit of ${index} beyond the log's end ${this.log.lastIndex}`);
    if (this.lead !== null) {
      for (let at = this.commitIndex + 1; at <= index; at++) {
        this.lead.uncommittedBytes -= entryBytes(this.log.at(at));
      }
    }
    this.commitIndex = index;
  }

  /** Hands what is committed and durable here to the host. */
  applyCommitted(): void {
    const upTo = Math.min(this.commitIndex, this.durableIndex);
    if (upTo <= this.appliedIndex || this.installing) return;
    const entries: Committed<RaftVocabulary>[] = [];
    while (this.appliedIndex < upTo) {
      const index = ++this.appliedIndex;
      const entry = this.log.at(index);
      const request =
        this.pending.size === 0
          ? null
          : this.pending.committed(index, entry.term, (id) =>
              this.reply(id, { ok: false, error: "overwritten" }),
            );
      if (this.changes.length > 0) this.#settleChanges(index, entry);
      switch (entry.kind) {
        case "command":
          entries.push({ kind: "command", index, command: entry.command, request });
          break;
        case "noop":
          entries.push({ kind: "noop", index });
          break;
        default:
          // Changes of the membership are answered by `reply` effects.
          entries.push({ kind: "configuration", index, configuration: entry.configuration, request: null });
      }
    }
    this.#effects.push({ type: "apply", entries });
  }

  /** As `PendingEntries`, but a joint configuration is only half the way. */
  #settleChanges(index: LogIndex, entry: Entry): void {
    this.changes = this.changes.filter((change) => {
      if (!change.joint) {
        if (change.index === index && change.term === entry.term) change.joint = true;
        else if (change.index === index || (change.index > index && change.term < entry.term)) {
          this.reply(change.id, { ok: false, error: "overwritten" });
          return false;
        }
      }
      if (!change.joint || entry.kind !== "configuration" || isJoint(entry.configuration)) return true;
      this.reply(change.id, { ok: true, configuration: entry.configuration });
      return false;
    });
  }
}
