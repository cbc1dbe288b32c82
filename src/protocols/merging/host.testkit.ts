/** One node that runs a merging machine as `core/merging.ts` says a host must, with a toy state, a log and a state store that forget what was not synced. */
import { InvariantError } from "../../core/assert.ts";
import type { NodeId, ReplicaId, RequestId, WriteId } from "../../core/ids.ts";
import type { LogIndex, Millis } from "../../core/machine.ts";
import type {
  MergingEffect,
  MergingEntry,
  MergingInput,
  MergingMachine,
  MergingOutcome,
  QueryId,
  StateQuery,
  Summary,
} from "../../core/merging.ts";
import type { MergingCodec } from "./codec.ts";
import { born, recover } from "./records.ts";
import type { MergingRecovered } from "./records.ts";
import { ToyState } from "./toy.testkit.ts";
import type { Dot } from "./toy.testkit.ts";
import type { MergingRecord } from "./records.ts";

export type Make<M, T extends string> = (
  id: NodeId,
  seed: number,
  recovered: MergingRecovered,
  summary: Summary,
) => MergingMachine<M, MergingRecord, T>;

export interface HostEvents<M, T extends string> {
  stepped(
    host: MergingHost<M, T>,
    input: MergingInput<M, T>,
    effects: readonly MergingEffect<M, MergingRecord, T>[],
  ): void;
  send(host: MergingHost<M, T>, to: NodeId, frame: Uint8Array): void;
  setTimer(host: MergingHost<M, T>, timer: T, min: Millis, max: Millis): void;
  cancelTimer(host: MergingHost<M, T>, timer: T): void;
  /** To be answered by `sync`. */
  persist(host: MergingHost<M, T>, id: WriteId): void;
  /** To be answered by `applyNext`, once for each. */
  applying(host: MergingHost<M, T>): void;
  /** To be answered by `answer`. */
  query(host: MergingHost<M, T>, id: QueryId, query: StateQuery): void;
  applied(host: MergingHost<M, T>, entry: MergingEntry, delta: Uint8Array | null): void;
  replied(host: MergingHost<M, T>, id: RequestId, outcome: MergingOutcome): void;
  readReady(host: MergingHost<M, T>, id: RequestId): void;
  retired(host: MergingHost<M, T>): void;
}

type Effect<M, T extends string> = MergingEffect<M, MergingRecord, T>;

interface Write {
  readonly id: WriteId;
  readonly records: readonly Uint8Array[];
}

export class MergingHost<M, T extends string> {
  readonly id: NodeId;
  readonly replica: ReplicaId;
  machine: MergingMachine<M, MergingRecord, T> | null = null;
  state: ToyState;
  /** Durable. */
  log: Uint8Array[];
  saved: { readonly state: string | null; readonly index: LogIndex } = { state: null, index: 0 };
  applied: LogIndex = 0;
  /** What it has ever known: an entry is applied after it is durable, so a crash takes none of it away. */
  readonly lasting = new Set<Dot>();
  readonly #make: Make<M, T>;
  readonly #codec: MergingCodec<M>;
  readonly #events: HostEvents<M, T>;
  readonly #refuses: (delta: Uint8Array) => boolean;
  #writes: Write[] = [];
  #durable = 0;
  #held: { readonly after: WriteId; readonly effect: Effect<M, T> }[] = [];
  #toApply: MergingEntry[] = [];
  #reads: { readonly id: RequestId; readonly index: LogIndex }[] = [];
  members: { readonly holders: readonly NodeId[]; readonly fallbacks: readonly NodeId[] };

  constructor(
    id: NodeId,
    replica: ReplicaId,
    founder: boolean,
    members: MergingHost<M, T>["members"],
    make: Make<M, T>,
    codec: MergingCodec<M>,
    events: HostEvents<M, T>,
    refuses: (delta: Uint8Array) => boolean = () => false,
  ) {
    this.id = id;
    this.replica = replica;
    this.members = members;
    this.#make = make;
    this.#codec = codec;
    this.#events = events;
    this.#refuses = refuses;
    this.state = new ToyState(replica);
    this.log = born(replica, founder).map((record) => codec.encodeRecord(record));
  }

  get alive(): boolean {
    return this.machine !== null;
  }

  start(now: Millis, seed: number): void {
    this.state = new ToyState(this.replica, this.saved.state);
    this.applied = this.saved.index;
    const records = this.log.map((record) => this.#codec.decodeRecord(record));
    this.machine = this.#make(this.id, seed, recover(records, this.applied), this.state);
    this.step(now, { type: "members", members: this.members });
    this.step(now, { type: "start" });
  }

  /** `kept`: so many of the writes under way have reached the disk. */
  crash(kept: number): void {
    for (const write of this.#writes.slice(0, kept)) this.log.push(...write.records);
    this.machine = null;
    this.#writes = [];
    this.#durable = 0;
    this.#held = [];
    this.#toApply = [];
    this.#reads = [];
  }

  get writesUnderWay(): number {
    return this.#writes.length;
  }

  step(now: Millis, input: MergingInput<M, T>): void {
    const { machine } = this;
    if (machine === null) return;
    const effects = machine.step(now, input);
    machine.check();
    this.#events.stepped(this, input, effects);
    for (const effect of effects) {
      const after = "after" in effect ? effect.after : undefined;
      if (after !== undefined && after > this.#durable) this.#held.push({ after, effect });
      else this.#run(effect);
    }
  }

  receive(now: Millis, from: NodeId, frame: Uint8Array): void {
    this.step(now, { type: "message", from, message: this.#codec.decodeMessage(frame) });
  }

  /** The write is durable, and with it all before it. */
  sync(now: Millis, id: WriteId): void {
    const done = this.#writes.filter((write) => write.id <= id);
    this.#writes = this.#writes.filter((write) => write.id > id);
    for (const write of done) this.log.push(...write.records);
    this.#durable = Math.max(this.#durable, id);
    const free = this.#held.filter(({ after }) => after <= this.#durable);
    this.#held = this.#held.filter(({ after }) => after > this.#durable);
    for (const { effect } of free) this.#run(effect);
    this.step(now, { type: "persisted", upTo: id });
  }

  applyNext(now: Millis): void {
    const entry = this.#toApply.shift();
    if (entry === undefined) return;
    if (entry.index !== this.applied + 1)
      throw new InvariantError(`H5: handed out ${entry.index} after ${this.applied}`);
    this.applied = entry.index;
    const { delta, taken } = this.state.apply(entry, this.#refuses);
    this.state.check();
    for (const dot of this.state.known) this.lasting.add(dot);
    this.#events.applied(this, entry, delta);
    this.step(now, { type: "applied", index: entry.index, delta, taken });
    this.#serveReads();
  }

  answer(now: Millis, id: QueryId, query: StateQuery): void {
    if (this.machine !== null) this.step(now, { type: "answer", id, answer: this.state.answer(query) });
  }

  /** The state becomes durable, and the log is cut. */
  compact(now: Millis): void {
    if (this.machine === null) return;
    this.saved = { state: this.state.save(), index: this.applied };
    this.step(now, { type: "compact", upTo: this.applied });
    this.log.push(...this.machine.checkpoint().map((record) => this.#codec.encodeRecord(record)));
    this.log = this.machine.checkpoint().map((record) => this.#codec.encodeRecord(record));
  }

  #serveReads(): void {
    const ready = this.#reads.filter(({ index }) => index <= this.applied);
    this.#reads = this.#reads.filter(({ index }) => index > this.applied);
    for (const { id } of ready) this.#events.readReady(this, id);
  }

  #run(effect: Effect<M, T>): void {
    switch (effect.type) {
      case "persist":
        this.#writes.push({
          id: effect.id,
          records: effect.records.map((record) => this.#codec.encodeRecord(record)),
        });
        this.#events.persist(this, effect.id);
        return;
      case "send":
        this.#events.send(this, effect.to, this.#codec.encodeMessage(effect.message));
        return;
      case "apply":
        this.#toApply.push(...effect.entries);
        for (let left = effect.entries.length; left > 0; left--) this.#events.applying(this);
        return;
      case "query":
        this.#events.query(this, effect.id, effect.query);
        return;
      case "read-ready":
        for (const id of effect.ids) this.#reads.push({ id, index: effect.index });
        this.#serveReads();
        return;
      case "reply":
        this.#events.replied(this, effect.id, effect.outcome);
        return;
      case "set-timer":
        this.#events.setTimer(this, effect.timer, effect.min, effect.max);
        return;
      case "cancel-timer":
        this.#events.cancelTimer(this, effect.timer);
        return;
      case "retire":
        this.#events.retired(this);
        return;
    }
  }
}
