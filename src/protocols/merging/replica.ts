/**
 * What every merging protocol is built on: one replica with a log of its own, the members of its group, and the effects of the
 * present step. Entries of one step are persisted with one write and handed out together, in the order of their indexes (M1, M2).
 */
import { invariant, unreachable } from "../../core/assert.ts";
import type { NodeId, ReplicaId, RequestId, WriteId } from "../../core/ids.ts";
import { writeId } from "../../core/ids.ts";
import type { LogIndex, Millis } from "../../core/machine.ts";
import type {
  GroupMembers,
  MergingEffect,
  MergingEntry,
  QueryId,
  StateAnswer,
  StateQuery,
  Summary,
} from "../../core/merging.ts";
import { seededChance } from "./chance.ts";
import type { Chance } from "./chance.ts";
import type { EntryRecord, MergingRecord, MergingRecovered } from "./records.ts";

/** An entry weighs this beyond its bytes; an estimate on the safe side. */
const ENTRY_OVERHEAD_BYTES = 32;

export type Change =
  | { readonly type: "command"; readonly command: Uint8Array; readonly request: RequestId }
  | { readonly type: "merge"; readonly delta: Uint8Array }
  | { readonly type: "adopt"; readonly context: Uint8Array };

/** Told when an entry is part of the state: see the input `applied`. */
export type Applied = (delta: Uint8Array | null, taken: boolean) => void;

export interface ReplicaSettings {
  readonly id: NodeId;
  /** Of this process's chance: 32 bits that the host has drawn. */
  readonly seed: number;
  /** Entries that wait to be applied, in bytes; beyond it nothing more is accepted. */
  readonly maxPendingBytes: number;
}

/** What the parts of a machine use; `M` and `T` are the messages and timers of the part. */
export interface Host<M, T extends string> {
  readonly id: NodeId;
  readonly replica: ReplicaId;
  readonly now: Millis;
  readonly chance: Chance;
  readonly summary: Summary;
  readonly holders: readonly NodeId[];
  readonly isHolder: boolean;
  readonly isReady: boolean;
  readonly isFull: boolean;
  readonly lastIndex: LogIndex;
  readonly appliedIndex: LogIndex;
  isReachable(peer: NodeId): boolean;
  send(to: NodeId, message: M): void;
  setTimer(timer: T, min: Millis, max: Millis): void;
  cancelTimer(timer: T): void;
  query(query: StateQuery, then: (answer: StateAnswer) => void): void;
  append(change: Change, then: Applied): LogIndex;
  becomeReady(): void;
}

export class MergingReplica<M, T extends string> implements Host<M, T> {
  readonly id: NodeId;
  readonly replica: ReplicaId;
  readonly founder: boolean;
  readonly chance: Chance;
  readonly summary: Summary;
  now: Millis = 0;
  started = false;
  members: GroupMembers = { holders: [], fallbacks: [] };
  readonly #maxPendingBytes: number;
  /** Below it the log of the previous life is not yet part of the state again. */
  readonly #recoveredIndex: LogIndex;
  readonly #unreachable = new Set<NodeId>();
  /** Since the last compaction. */
  #entries: EntryRecord[];
  #logBytes = 0;
  #ready: boolean;
  #lastIndex: LogIndex;
  #appliedIndex: LogIndex;
  #pendingBytes = 0;
  refusedDeltas = 0;
  readonly #waiting = new Map<LogIndex, Applied>();
  #lastWrite: WriteId = writeId(0);
  #lastQuery: QueryId = 0;
  readonly #queries = new Map<QueryId, (answer: StateAnswer) => void>();
  /** Of the present step. */
  #records: MergingRecord[] = [];
  #handedOut: MergingEntry[] = [];
  #effects: MergingEffect<M, MergingRecord, T>[] = [];

  constructor(settings: ReplicaSettings, recovered: MergingRecovered, summary: Summary) {
    this.id = settings.id;
    this.replica = recovered.replica;
    this.founder = recovered.founder;
    this.summary = summary;
    this.chance = seededChance(settings.seed);
    this.#maxPendingBytes = settings.maxPendingBytes;
    this.#ready = recovered.ready || recovered.founder;
    this.#entries = [...recovered.entries];
    this.#lastIndex = recovered.lastIndex;
    this.#recoveredIndex = recovered.lastIndex;
    this.#appliedIndex = recovered.applied;
    for (const entry of recovered.entries) {
      if (entry.index <= recovered.applied) continue;
      this.#logBytes += weight(entry);
      this.#pendingBytes += weight(entry);
    }
    this.#entries = this.#entries.filter((entry) => entry.index > recovered.applied);
  }

  // ---- what it knows

  get holders(): readonly NodeId[] {
    return this.members.holders;
  }

  get fallbacks(): readonly NodeId[] {
    return this.members.fallbacks;
  }

  get isHolder(): boolean {
    return this.members.holders.includes(this.id);
  }

  /** The state is what it was when the process before this one stopped, or later. Before that this replica has forgotten what it has told others. */
  get isRecovered(): boolean {
    return this.#appliedIndex >= this.#recoveredIndex;
  }

  get isReady(): boolean {
    return this.#ready && this.isRecovered;
  }

  get lastIndex(): LogIndex {
    return this.#lastIndex;
  }

  get appliedIndex(): LogIndex {
    return this.#appliedIndex;
  }

  get logBytes(): number {
    return this.#logBytes;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Too much waits to be applied already. */
  get isFull(): boolean {
    return this.#pendingBytes >= this.#maxPendingBytes;
  }

  isReachable(peer: NodeId): boolean {
    return !this.#unreachable.has(peer);
  }

  /** The other holders that can be reached, as far as the transport knows. */
  reachableHolders(): readonly NodeId[] {
    return this.holders.filter((peer) => peer !== this.id && this.isReachable(peer));
  }

  // ---- what it does

  send(to: NodeId, message: M): void {
    this.#effects.push({ type: "send", to, message });
  }

  setTimer(timer: T, min: Millis, max: Millis): void {
    this.#effects.push({ type: "set-timer", timer, min, max });
  }

  cancelTimer(timer: T): void {
    this.#effects.push({ type: "cancel-timer", timer });
  }

  /** Effects that only a machine itself has: replies, reads, the end. */
  emit(effect: MergingEffect<M, MergingRecord, T>): void {
    this.#effects.push(effect);
  }

  query(query: StateQuery, then: (answer: StateAnswer) => void): void {
    const id = ++this.#lastQuery;
    this.#queries.set(id, then);
    this.#effects.push({ type: "query", id, query });
  }

  /** Persists the entry with this step's write and has it applied once that is durable. Gives its index. */
  append(change: Change, then: Applied): LogIndex {
    const index = ++this.#lastIndex;
    const record: EntryRecord = { type: "entry", index, kind: change.type, bytes: bytesOf(change) };
    this.#entries.push(record);
    this.#logBytes += weight(record);
    this.#pendingBytes += weight(record);
    this.#records.push(record);
    this.#handedOut.push({ ...change, index });
    this.#waiting.set(index, then);
    return index;
  }

  becomeReady(): void {
    if (this.#ready) return;
    this.#ready = true;
    this.#records.push({ type: "ready" });
  }

  // ---- what it is told

  /** The first step of a process: what was durable and is not part of the state is handed out again. */
  start(): void {
    this.started = true;
    if (this.#entries.length > 0)
      this.#effects.push({ type: "apply", entries: this.#entries.map(handedOutAgain) });
  }

  onReachable(peer: NodeId, reachable: boolean): void {
    if (reachable) this.#unreachable.delete(peer);
    else this.#unreachable.add(peer);
  }

  onApplied(index: LogIndex, delta: Uint8Array | null, taken: boolean): void {
    invariant(index === this.#appliedIndex + 1, `M1: applied ${index} after ${this.#appliedIndex}`);
    const entry = this.#entries[index - (this.#entries[0]?.index ?? 0)];
    invariant(entry !== undefined, `applied ${index}, which was never handed out`);
    this.#appliedIndex = index;
    this.#pendingBytes -= weight(entry);
    if (!taken) this.refusedDeltas++;
    const then = this.#waiting.get(index);
    this.#waiting.delete(index);
    then?.(delta, taken);
  }

  onAnswer(id: QueryId, answer: StateAnswer): void {
    const then = this.#queries.get(id);
    invariant(then !== undefined, `M3: an answer to query ${id}, which was not asked`);
    this.#queries.delete(id);
    then(answer);
  }

  compact(upTo: LogIndex): void {
    invariant(upTo <= this.#appliedIndex, `compacted to ${upTo}, applied ${this.#appliedIndex}`);
    const keep = this.#entries.findIndex((entry) => entry.index > upTo);
    const dropped = this.#entries.splice(0, keep === -1 ? this.#entries.length : keep);
    for (const entry of dropped) this.#logBytes -= weight(entry);
  }

  takeEffects(): readonly MergingEffect<M, MergingRecord, T>[] {
    const effects = this.#effects;
    this.#effects = [];
    if (this.#records.length > 0) {
      this.#lastWrite = writeId(this.#lastWrite + 1);
      effects.push({ type: "persist", id: this.#lastWrite, records: this.#records });
      if (this.#handedOut.length > 0)
        effects.push({ type: "apply", entries: this.#handedOut, after: this.#lastWrite });
      this.#records = [];
      this.#handedOut = [];
    }
    return effects;
  }

  checkpoint(): readonly MergingRecord[] {
    const { replica, founder } = this;
    const ready: readonly MergingRecord[] = this.#ready ? [{ type: "ready" }] : [];
    return [{ type: "born", replica, founder }, ...ready, ...this.#entries];
  }

  check(): void {
    invariant(
      this.#appliedIndex <= this.#lastIndex,
      `applied ${this.#appliedIndex} of ${this.#lastIndex} entries`,
    );
    const first = this.#entries[0];
    invariant(
      this.#entries.every((entry, at) => entry.index === first!.index + at),
      "the log has a gap",
    );
    invariant(
      (this.#entries.at(-1)?.index ?? this.#appliedIndex) === this.#lastIndex,
      "the log does not end with its last entry",
    );
    const weighed = this.#entries.reduce((sum, entry) => sum + weight(entry), 0);
    invariant(weighed === this.#logBytes, `the log weighs ${weighed}, not ${this.#logBytes}`);
    for (const index of this.#waiting.keys())
      invariant(index > this.#appliedIndex, `${index} is applied and waited for`);
  }
}

function bytesOf(change: Change): Uint8Array {
  switch (change.type) {
    case "command":
      return change.command;
    case "merge":
      return change.delta;
    case "adopt":
      return change.context;
    default:
      return unreachable(change);
  }
}

/** Nobody waits for it any more. */
function handedOutAgain({ index, kind, bytes }: EntryRecord): MergingEntry {
  switch (kind) {
    case "command":
      return { type: "command", index, command: bytes, request: null };
    case "merge":
      return { type: "merge", index, delta: bytes };
    case "adopt":
      return { type: "adopt", index, context: bytes };
    default:
      return unreachable(kind);
  }
}

function weight(entry: EntryRecord): number {
  return entry.bytes.length + ENTRY_OVERHEAD_BYTES;
}
