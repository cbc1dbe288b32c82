/**
 * A host for tests: runs the effects of one replica on a disk that forgets what was not synced, a state that is a list of
 * lines, and whatever network and clock the driver gives it. Messages and records go through the codec.
 */
import { InvariantError, unreachable } from "../../core/assert.ts";
import type { NodeId, RequestId, WriteId } from "../../core/ids.ts";
import type { Committed, LogIndex, Millis, SnapshotChunk, SnapshotId } from "../../core/machine.ts";
import { raftCodec } from "./codec.ts";
import { describeConfiguration } from "./configuration.ts";
import type { Configuration } from "./configuration.ts";
import type {
  RaftEffect,
  RaftInput,
  RaftOutcome,
  RaftRecord,
  RaftTimer,
  RaftVocabulary,
} from "./messages.ts";
import type { RaftOptions } from "./options.ts";
import { Raft } from "./raft.ts";
import { recover } from "./recovery.ts";

/** What a driver and its observers are told. */
export interface HostEvents {
  /** After every step, before its effects run. */
  stepped(host: TestHost, input: RaftInput, effects: readonly RaftEffect[]): void;
  send(host: TestHost, to: NodeId, frame: Uint8Array): void;
  setTimer(host: TestHost, timer: RaftTimer, min: Millis, max: Millis): void;
  cancelTimer(host: TestHost, timer: RaftTimer): void;
  /** A write waits for `host.sync`. */
  write(host: TestHost, id: WriteId): void;
  /** Durable, in order. */
  durable(host: TestHost, records: readonly RaftRecord[]): void;
  load(host: TestHost, peer: NodeId, snapshot: SnapshotId | null, cursor: Uint8Array): void;
  store(host: TestHost, snapshot: SnapshotId, chunk: SnapshotChunk): void;
  applied(host: TestHost, entry: Committed<RaftVocabulary>, line: string): void;
  replied(host: TestHost, id: RequestId, outcome: RaftOutcome): void;
  readReady(host: TestHost, ids: readonly RequestId[], index: LogIndex, validUntil: Millis | null): void;
  leader(host: TestHost, leader: NodeId | null, epoch: number): void;
}

export const text = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
export const bytes = (line: string): Uint8Array => Uint8Array.from(line, (c) => c.charCodeAt(0));

export function entryLine(entry: Committed<RaftVocabulary>): string {
  if (entry.kind === "command") return text(entry.command);
  return entry.kind === "noop" ? "-" : `config ${describeConfiguration(entry.configuration)}`;
}

export class TestHost {
  readonly id: NodeId;
  readonly options: RaftOptions;
  /** Lines of a snapshot per piece. */
  readonly linesPerChunk: number;
  raft: Raft | null = null;
  /** What was applied: line i is entry i + 1. */
  state: string[] = [];
  /** How much of the state survives a crash. */
  durableStateLength = 0;
  readonly #events: HostEvents;
  readonly #disk: Uint8Array[] = [];
  #unsynced: { readonly id: WriteId; readonly records: readonly Uint8Array[] }[] = [];
  #held: { readonly after: WriteId; readonly effect: RaftEffect }[] = [];
  readonly #snapshots = new Map<
    NodeId,
    { readonly snapshot: SnapshotId; readonly lines: readonly string[] }
  >();
  #staged: { readonly snapshot: SnapshotId; lines: string[] } | null = null;
  #snapshotCount = 0;

  constructor(options: RaftOptions, founding: readonly RaftRecord[], events: HostEvents, linesPerChunk = 4) {
    this.id = options.id;
    this.options = options;
    this.linesPerChunk = linesPerChunk;
    this.#events = events;
    for (const record of founding) this.#disk.push(raftCodec.encodeRecord(record));
  }

  get alive(): boolean {
    return this.raft !== null;
  }

  get unsyncedWrites(): readonly WriteId[] {
    return this.#unsynced.map((write) => write.id);
  }

  /** Everything durable, as a restart would read it. */
  durableRecords(): readonly RaftRecord[] {
    return this.#disk.map((record) => raftCodec.decodeRecord(record));
  }

  start(now: Millis): void {
    const recovered = { ...recover(this.durableRecords()), applied: this.durableStateLength };
    this.raft = new Raft(this.options, recovered);
    this.step(now, { type: "start" });
  }

  /** Loses what is not durable: the first `survivingWrites` of those under way have reached the disk unnoticed. */
  crash(survivingWrites = 0): void {
    for (const write of this.#unsynced.slice(0, survivingWrites)) this.#toDisk(write.records);
    this.#unsynced = [];
    this.#held = [];
    this.raft = null;
    this.state = this.state.slice(0, this.durableStateLength);
    this.#snapshots.clear();
    this.#staged = null;
  }

  step(now: Millis, input: RaftInput): void {
    const { raft } = this;
    if (raft === null) return;
    const effects = raft.step(now, input);
    raft.check();
    this.#events.stepped(this, input, effects);
    for (const effect of effects) {
      const after = "after" in effect ? effect.after : undefined;
      if (after === undefined) this.#run(effect);
      else this.#held.push({ after, effect });
    }
  }

  receive(now: Millis, from: NodeId, frame: Uint8Array): void {
    this.step(now, { type: "message", from, message: raftCodec.decodeMessage(frame) });
  }

  /** Makes the writes up to `id` durable, releases what waited for them, and reports it. */
  sync(now: Millis, id: WriteId): void {
    if (!this.alive) return;
    while (this.#unsynced.length > 0 && this.#unsynced[0]!.id <= id) {
      this.#toDisk(this.#unsynced.shift()!.records);
    }
    while (this.#held.length > 0 && this.#held[0]!.after <= id) this.#run(this.#held.shift()!.effect);
    this.step(now, { type: "persisted", upTo: id });
  }

  #toDisk(records: readonly Uint8Array[]): void {
    this.#disk.push(...records);
    this.#events.durable(
      this,
      records.map((record) => raftCodec.decodeRecord(record)),
    );
  }

  /** As the log does before it frees a segment: a checkpoint takes the place of everything before it. */
  checkpoint(): void {
    if (this.raft === null || this.#unsynced.length > 0) return;
    const records = this.raft.checkpoint();
    this.#disk.length = 0;
    for (const record of records) this.#disk.push(raftCodec.encodeRecord(record));
  }

  /** The state store catches up; the log before it may go. */
  compact(now: Millis, upTo: LogIndex): void {
    this.durableStateLength = this.state.length;
    this.step(now, { type: "compact", upTo: Math.min(upTo, this.durableStateLength) });
  }

  #run(effect: RaftEffect): void {
    const events = this.#events;
    switch (effect.type) {
      case "persist": {
        const records = effect.records.map((record) => raftCodec.encodeRecord(record));
        this.#unsynced.push({ id: effect.id, records });
        events.write(this, effect.id);
        return;
      }
      case "send":
        events.send(this, effect.to, raftCodec.encodeMessage(effect.message));
        return;
      case "apply":
        for (const entry of effect.entries) this.#apply(entry);
        return;
      case "read-ready":
        events.readReady(this, effect.ids, effect.index, effect.validUntil ?? null);
        return;
      case "reply":
        events.replied(this, effect.id, effect.outcome);
        return;
      case "leader":
        events.leader(this, effect.leader, effect.epoch);
        return;
      case "set-timer":
        events.setTimer(this, effect.timer, effect.min, effect.max);
        return;
      case "cancel-timer":
        events.cancelTimer(this, effect.timer);
        return;
      case "snapshot-load":
        events.load(this, effect.peer, effect.snapshot, effect.cursor);
        return;
      case "snapshot-store":
        events.store(this, effect.snapshot, effect.chunk);
        return;
      case "snapshot-release":
        this.#snapshots.delete(effect.peer);
        return;
      default:
        unreachable(effect);
    }
  }

  #apply(entry: Committed<RaftVocabulary>): void {
    const line = entryLine(entry);
    if (entry.index > this.state.length + 1) {
      throw new InvariantError(`H5: applied ${entry.index} after ${this.state.length}`);
    }
    if (entry.index === this.state.length + 1) this.state.push(line);
    else if (this.state[entry.index - 1] !== line) {
      throw new InvariantError(`applied again ${entry.index}: ${line}, was ${this.state[entry.index - 1]}`);
    }
    this.#events.applied(this, entry, line);
  }

  /** Answers a `snapshot-load` effect. */
  finishLoad(now: Millis, peer: NodeId, wanted: SnapshotId | null, cursor: Uint8Array): void {
    if (wanted === null) {
      const snapshot = { id: `${this.id}.${++this.#snapshotCount}`, index: this.state.length };
      this.#snapshots.set(peer, { snapshot, lines: [...this.state] });
    }
    const held = this.#snapshots.get(peer);
    if (held === undefined || (wanted !== null && wanted.id !== held.snapshot.id)) {
      this.step(now, { type: "snapshot-failed", peer });
      return;
    }
    const from = cursor.length === 0 ? 0 : Number(text(cursor));
    const to = Math.min(held.lines.length, from + this.linesPerChunk);
    const data = bytes(held.lines.slice(from, to).join("\n"));
    const next = to === held.lines.length ? null : bytes(String(to));
    this.step(now, { type: "snapshot-chunk", peer, snapshot: held.snapshot, chunk: { cursor, data, next } });
  }

  /** Answers a `snapshot-store` effect. */
  finishStore(now: Millis, snapshot: SnapshotId, chunk: SnapshotChunk): void {
    if (chunk.cursor.length === 0) this.#staged = { snapshot, lines: [] };
    const staged = this.#staged;
    if (staged === null || staged.snapshot.id !== snapshot.id) return;
    staged.lines.push(...text(chunk.data).split("\n"));
    const installed = chunk.next === null;
    if (installed) {
      if (staged.lines.length !== snapshot.index)
        throw new InvariantError(`snapshot with ${staged.lines.length} lines`);
      if (this.state.length > snapshot.index) throw new InvariantError("the state goes back");
      this.state = staged.lines;
      this.durableStateLength = staged.lines.length;
      this.#staged = null;
    }
    this.step(now, { type: "snapshot-stored", snapshot, next: chunk.next, installed });
  }
}

/** Options for tests: short times, small windows, so that limits are met. */
export function testOptions(id: NodeId, changes: Partial<RaftOptions> = {}): RaftOptions {
  return {
    id,
    electionTimeoutMin: 150,
    electionTimeoutMax: 300,
    heartbeatInterval: 30,
    commitDelay: 0,
    maxClockDrift: 0.1,
    lease: true,
    preVote: true,
    checkQuorum: true,
    maxInflightMessages: 4,
    maxInflightBytes: 1024,
    maxMessageBytes: 200,
    maxUncommittedBytes: 4096,
    maxPendingReads: 64,
    ...changes,
  };
}

export const founding = (configuration: Configuration): readonly RaftRecord[] => [
  { type: "log-start", index: 0, term: 0, configuration },
];
