/**
 * What must hold between replicas (figure 3 of the paper, and more), checked after every step. It keeps its own picture of
 * every log from the records alone, independently of `recover` and of the machines.
 */
import { InvariantError } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { Committed, LogIndex, Millis } from "../../core/machine.ts";
import { describeConfiguration, isJoint, sameIds } from "./configuration.ts";
import type { Configuration } from "./configuration.ts";
import type { TestHost } from "./host.testkit.ts";
import { entryLine } from "./host.testkit.ts";
import type { Entry, RaftEffect, RaftInput, RaftMessage, RaftRecord, RaftVocabulary } from "./messages.ts";
import { majority } from "./quorum.ts";

interface Line {
  readonly term: number;
  readonly line: string;
  /** The term of the leader that committed it. */
  readonly committedIn: number;
}

/** A log as the records tell it. */
class Mirror {
  term = 0;
  vote: NodeId | null = null;
  start = 0;
  startTerm = 0;
  startConfiguration: Configuration = { voters: [], outgoing: [], learners: [] };
  entries: Entry[] = [];

  apply(record: RaftRecord): void {
    if (record.type === "entries") {
      this.entries = this.entries.slice(0, record.start - this.start - 1).concat(record.entries);
    } else if (record.type === "log-start") {
      const keep = this.termAt(record.index) === record.term;
      this.entries = keep ? this.entries.slice(record.index - this.start) : [];
      this.start = record.index;
      this.startTerm = record.term;
      this.startConfiguration = record.configuration;
    } else {
      this.term = record.term;
      this.vote = record.vote;
    }
  }

  copy(from: Mirror): void {
    this.term = from.term;
    this.vote = from.vote;
    this.start = from.start;
    this.startTerm = from.startTerm;
    this.startConfiguration = from.startConfiguration;
    this.entries = [...from.entries];
  }

  get last(): LogIndex {
    return this.start + this.entries.length;
  }

  termAt(index: LogIndex): number | undefined {
    return index === this.start ? this.startTerm : this.entries[index - this.start - 1]?.term;
  }

  /** Has the entry in its log, or behind its start. */
  has(index: LogIndex, term: number): boolean {
    return index < this.start || this.termAt(index) === term;
  }

  /** The latest configuration up to `index`. */
  configurationAt(index: LogIndex): Configuration {
    for (let at = Math.min(index, this.last) - this.start - 1; at >= 0; at--) {
      const entry = this.entries[at]!;
      if (entry.kind === "configuration") return entry.configuration;
    }
    return this.startConfiguration;
  }
}

interface Seen {
  readonly memory: Mirror;
  readonly disk: Mirror;
  commit: LogIndex;
  role: string;
  term: number;
}

function fail(message: string): never {
  throw new InvariantError(message);
}

export class Invariants {
  /** The log that is decided, from 1 on. */
  readonly committed: Line[] = [];
  readonly #leaders = new Map<number, NodeId>();
  readonly #entries = new Map<string, { readonly line: string; readonly before: number | undefined }>();
  readonly #seen = new Map<NodeId, Seen>();
  /** Leases that were promised: until when on whose clock. */
  readonly #leases = new Map<
    NodeId,
    { readonly host: TestHost; readonly term: number; readonly until: Millis }
  >();
  readonly #clock: (host: TestHost) => Millis;

  constructor(clock: (host: TestHost) => Millis) {
    this.#clock = clock;
  }

  get committedIndex(): LogIndex {
    return this.committed.length;
  }

  added(host: TestHost): void {
    const seen = { memory: new Mirror(), disk: new Mirror(), commit: 0, role: "follower", term: 0 };
    for (const record of host.durableRecords()) {
      seen.memory.apply(record);
      seen.disk.apply(record);
    }
    this.#seen.set(host.id, seen);
  }

  durable(host: TestHost, records: readonly RaftRecord[]): void {
    for (const record of records) this.#of(host).disk.apply(record);
  }

  crashed(host: TestHost): void {
    const seen = this.#of(host);
    seen.memory.copy(seen.disk);
    seen.commit = seen.disk.start;
    seen.role = "follower";
    this.#leases.delete(host.id);
  }

  promised(host: TestHost, until: Millis): void {
    const before = this.#leases.get(host.id)?.until ?? 0;
    this.#leases.set(host.id, { host, term: host.raft!.term, until: Math.max(before, until) });
  }

  stepped(host: TestHost, _input: RaftInput, effects: readonly RaftEffect[]): void {
    const seen = this.#of(host);
    const raft = host.raft!;
    const lastBefore = seen.memory.last;
    const ledBefore = seen.role === "leader" && seen.term === raft.term && raft.role === "leader";
    for (const effect of effects) {
      if (effect.type !== "persist") continue;
      for (const record of effect.records) {
        if (record.type === "entries") {
          // Leader append-only: a leader never overwrites or deletes (5.3).
          if (ledBefore && record.start !== lastBefore + 1)
            fail(`leader ${host.id} rewrites ${record.start}`);
          if (ledBefore) this.#checkConfigurationStep(seen.memory, record.entries);
        }
        seen.memory.apply(record);
        if (record.type === "entries") this.#checkLogMatching(seen.memory, record.start);
      }
    }
    if (raft.role === "leader" && !ledBefore) this.#elected(host, seen);
    seen.role = raft.role;
    seen.term = raft.term;
    if (raft.commitIndex < seen.commit) fail(`commit index of ${host.id} goes back`);
    if (ledBefore && raft.commitIndex > seen.commit && seen.memory.termAt(raft.commitIndex) !== raft.term) {
      fail(
        `leader ${host.id} of term ${raft.term} commits ${raft.commitIndex}, of an earlier term, by counting (5.4.2)`,
      );
    }
    for (let index = seen.commit + 1; index <= raft.commitIndex; index++)
      this.#noteCommitted(host, seen, index);
    seen.commit = raft.commitIndex;
  }

  /** What vouches for a term or a vote leaves after they are durable. */
  sent(host: TestHost, to: NodeId, message: RaftMessage): void {
    const { disk } = this.#of(host);
    const { type, term } = message;
    const answers = type === "append-accepted" || type === "append-rejected" || type === "heartbeat-response";
    if (answers && disk.term < term) fail(`${host.id} answers in term ${term}, durable is ${disk.term}`);
    const voted =
      type === "vote-request" && !message.pre
        ? host.id
        : type === "vote-response" && !message.pre && message.granted
          ? to
          : null;
    if (voted === null || disk.term > term) return;
    if (disk.term < term || disk.vote !== voted)
      fail(`${host.id} votes for ${voted} in ${term}, and it is not durable`);
  }

  /** Election safety (5.2), leader completeness (5.4), and leases (thesis, 6.4.1). */
  #elected(host: TestHost, seen: Seen): void {
    const { term } = host.raft!;
    const other = this.#leaders.get(term);
    if (other !== undefined && other !== host.id)
      fail(`election safety: ${other} and ${host.id} lead term ${term}`);
    this.#leaders.set(term, host.id);
    const { voters, outgoing } = seen.memory.configurationAt(seen.memory.last);
    for (const half of [voters, outgoing]) {
      // A voter that has moved on to a later term may have voted in this one.
      const could = half.filter((id) => {
        const { disk } = this.#seen.get(id)!;
        return disk.term > term || (disk.term === term && disk.vote === host.id);
      });
      if (half.length > 0 && could.length < majority(half.length)) {
        fail(`${host.id} leads term ${term} with ${could.length} votes of ${half.length}`);
      }
    }
    this.committed.forEach((line, at) => {
      // A delayed vote can still elect a leader of a term that has been overtaken; it will never commit anything.
      if (line.committedIn >= term) return;
      if (!seen.memory.has(at + 1, line.term)) fail(`leader completeness: leader ${host.id} lacks ${at + 1}`);
    });
    for (const [id, lease] of this.#leases) {
      if (id === host.id || !lease.host.alive || lease.term > term) continue;
      const left = lease.until - this.#clock(lease.host);
      if (left > 0) fail(`lease: ${host.id} is elected while ${id} holds a lease for ${left} ms more`);
    }
  }

  /** Log matching (5.3): an index and a term determine the entry and, by induction, everything before it. */
  #checkLogMatching(log: Mirror, from: LogIndex): void {
    for (let index = from; index <= log.last; index++) {
      const entry = log.entries[index - log.start - 1]!;
      const key = `${index}/${entry.term}`;
      const line = lineOf(index, entry);
      const before = log.termAt(index - 1);
      const known = this.#entries.get(key);
      if (known === undefined) this.#entries.set(key, { line, before });
      else if (known.line !== line || known.before !== before) {
        fail(`log matching: ${key} is ${line} after ${before}, and ${known.line} after ${known.before}`);
      }
    }
  }

  /** Neighbouring configurations have overlapping quorums: voters change by way of a joint one only (section 6). */
  #checkConfigurationStep(log: Mirror, entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.kind !== "configuration") continue;
      const from = log.configurationAt(log.last);
      const to = entry.configuration;
      const enters = !isJoint(from) && isJoint(to) && sameIds(to.outgoing, from.voters);
      const leaves = isJoint(from) && !isJoint(to) && sameIds(to.voters, from.voters);
      const learners = !isJoint(from) && !isJoint(to) && sameIds(to.voters, from.voters);
      if (!enters && !leaves && !learners) {
        fail(`configuration: ${describeConfiguration(from)} to ${describeConfiguration(to)}`);
      }
    }
  }

  /** What is committed stays, is durable on a quorum, and is the same for all. */
  #noteCommitted(host: TestHost, seen: Seen, index: LogIndex): void {
    const term = seen.memory.termAt(index);
    const entry = seen.memory.entries[index - seen.memory.start - 1];
    const known = this.committed[index - 1];
    if (known === undefined) {
      if (index !== this.committed.length + 1) fail(`commit of ${index} after ${this.committed.length}`);
      if (entry === undefined) fail(`${host.id} commits ${index}, which nobody has`);
      this.committed.push({ term: entry.term, line: lineOf(index, entry), committedIn: host.raft!.term });
      this.#checkQuorumIsDurable(seen.memory, index, entry.term);
    } else if (term !== undefined && term !== known.term) {
      fail(
        `state machine safety: ${host.id} commits ${index} of term ${term}, decided was term ${known.term}`,
      );
    }
  }

  #checkQuorumIsDurable(log: Mirror, index: LogIndex, term: number): void {
    const { voters, outgoing } = log.configurationAt(log.last);
    for (const half of [voters, outgoing]) {
      if (half.length === 0) continue;
      const count = half.filter((id) => this.#seen.get(id)?.disk.has(index, term)).length;
      if (count < majority(half.length))
        fail(`${index} is committed and durable on ${count} of ${half.length} voters`);
    }
  }

  applied(host: TestHost, entry: Committed<RaftVocabulary>): void {
    const known = this.committed[entry.index - 1];
    const line = entryLine(entry);
    if (known === undefined) fail(`${host.id} applies ${entry.index}, which is not committed`);
    if (known.line !== line)
      fail(`state machine safety: ${host.id} applies ${line} at ${entry.index}, not ${known.line}`);
    if (!this.#of(host).disk.has(entry.index, known.term))
      fail(`${host.id} applies ${entry.index} before it is durable`);
  }

  #of(host: TestHost): Seen {
    return this.#seen.get(host.id)!;
  }
}

function lineOf(index: LogIndex, entry: Entry): string {
  if (entry.kind === "command")
    return entryLine({ kind: "command", index, command: entry.command, request: null });
  if (entry.kind === "noop") return entryLine({ kind: "noop", index });
  return entryLine({ kind: "configuration", index, configuration: entry.configuration, request: null });
}
