/** A shard in memory for tests: records in maps, commands in words, ranges loaded on demand. */
import { binaryBytes, binaryString } from "../core/bytes.ts";
import type { LoadedRange, RangeRequest, RecordWriter } from "../core/records.ts";
import { Double, Failure, MapReply, NullArray, SetReply, Status, type Reply } from "../core/reply.ts";
import { ShardMachine, type ReadStep, type RunStep } from "./apply.ts";
import { BatchBuilder, decodeBatch } from "./batch.ts";
import { findCommand } from "./commands.ts";
import type { CommandCall, WatchedKey } from "./contract.ts";
import type { Envelope } from "./delivery.ts";
import { DEFAULT_HISTORY_LIMITS, type HistoryLimits } from "./history.ts";

/** Throws on whatever the contract of `RecordWriter` forbids. */
export class MapRecords implements RecordWriter {
  readonly spaces = new Map<string, Map<string, Uint8Array>>();
  readonly dropped = new Set<string>();

  get(space: string, id: string): Uint8Array | undefined {
    this.#refuseDropped(space);
    return this.spaces.get(space)?.get(id);
  }

  firstByte(space: string, id: string): number {
    const value = this.get(space, id);
    return value === undefined ? -1 : (value[0] ?? 0);
  }

  put(space: string, id: string, value: Uint8Array): void {
    this.#refuseDropped(space);
    const records = this.spaces.get(space) ?? new Map<string, Uint8Array>();
    this.spaces.set(space, records.set(id, value));
  }

  delete(space: string, id: string): void {
    this.#refuseDropped(space);
    const records = this.spaces.get(space);
    records?.delete(id);
    if (records?.size === 0) this.spaces.delete(space);
  }

  drop(space: string): void {
    this.#refuseDropped(space);
    this.spaces.delete(space);
    this.dropped.add(space);
  }

  load({ space, from, limit }: RangeRequest): LoadedRange {
    this.#refuseDropped(space);
    const ids = [...(this.spaces.get(space)?.keys() ?? [])].filter((id) => id >= from).sort();
    const entries = ids.slice(0, limit).map((id) => ({ id, value: this.spaces.get(space)!.get(id)! }));
    return { entries, more: ids.length > limit };
  }

  /** A copy, as a snapshot would be. */
  snapshot(): MapRecords {
    const copy = new MapRecords();
    for (const [space, records] of this.spaces) {
      for (const [id, value] of records) copy.put(space, id, Uint8Array.from(value));
    }
    for (const space of this.dropped) copy.dropped.add(space);
    return copy;
  }

  /** Everything, comparable with `toEqual`. */
  dump(): Record<string, string> {
    const all: Record<string, string> = {};
    for (const [space, records] of this.spaces) {
      for (const [id, value] of records) all[`${space}/${id}`] = binaryString(value);
    }
    return all;
  }

  #refuseDropped(space: string): void {
    if (this.dropped.has(space)) throw new Error(`dropped space used again: ${JSON.stringify(space)}`);
  }
}

export type Word = string | number | Uint8Array;

export function bytes(word: Word): Uint8Array {
  return typeof word === "object" ? word : binaryBytes(String(word));
}

/** A call in words: `call("SET", "a", 1)`. */
export function call(name: string, ...words: readonly Word[]): CommandCall {
  const spec = findCommand(name.toLowerCase());
  if (spec === undefined) throw new Error(`no command ${name}`);
  return { spec, args: words.map(bytes) };
}

/** A reply as plain data: bulk strings as strings, errors as `{ error }`, statuses as `{ status }`. */
export type Plain =
  | null
  | number
  | bigint
  | boolean
  | string
  | readonly Plain[]
  | { readonly [kind: string]: Plain };

export function plain(reply: Reply): Plain {
  if (reply instanceof Uint8Array) return binaryString(reply);
  if (reply instanceof Failure) return { error: reply.message };
  if (reply instanceof Status) return { status: reply.text };
  if (reply instanceof Double) return { double: reply.value };
  if (reply instanceof NullArray) return { nullArray: true };
  if (reply instanceof SetReply) return { set: reply.members.map(plain) };
  if (reply instanceof MapReply) return { map: reply.pairs.map((pair) => pair.map(plain)) };
  return reply !== null && typeof reply === "object" ? reply.map(plain) : reply;
}

export class Shard {
  readonly records: MapRecords;
  readonly machine: ShardMachine;
  /** The proposer's clock. */
  time = 1_700_000_000_000;
  seed = 1;
  maxValueBytes = 1 << 20;
  /** What commands announced. */
  readonly expiries: number[] = [];
  /** The payload of every batch so far, for replaying. */
  readonly log: Uint8Array[] = [];
  readonly #builder = new BatchBuilder();

  constructor(
    records = new MapRecords(),
    meta?: Uint8Array,
    history: HistoryLimits = DEFAULT_HISTORY_LIMITS,
  ) {
    this.records = records;
    const noteExpiry = (at: number): void => void this.expiries.push(at);
    const options = { noteExpiry, history };
    this.machine = new ShardMachine(records, meta === undefined ? options : { ...options, meta });
  }

  /** Runs one command, writes through the log and reads beside it, as a node would. */
  run(name: string, ...words: readonly Word[]): Plain {
    const asked = call(name, ...words);
    return plain(asked.spec.access === "read" ? this.read(asked) : this.write(asked)[0]!);
  }

  /** Runs calls as one batch. */
  write(...calls: readonly CommandCall[]): readonly Reply[] {
    for (const each of calls) this.#builder.add({ kind: "command", ...each });
    return this.#commit();
  }

  transaction(calls: readonly CommandCall[], watched: readonly WatchedKey[] = []): Plain {
    this.#builder.add({ kind: "transaction", calls, watched });
    return plain(this.#commit()[0]!);
  }

  /** Each in the envelope, as one batch. */
  deliver(envelope: Envelope, ...calls: readonly CommandCall[]): readonly Reply[] {
    for (const each of calls) this.#builder.add({ kind: "command", ...each, envelope });
    return this.#commit();
  }

  deliverTransaction(
    envelope: Envelope,
    calls: readonly CommandCall[],
    watched: readonly WatchedKey[] = [],
  ): Plain {
    this.#builder.add({ kind: "transaction", calls, watched, envelope });
    return plain(this.#commit()[0]!);
  }

  read(asked: CommandCall, now?: number): Reply {
    let step: ReadStep = this.machine.read(asked, undefined, now);
    if (step.type === "load") {
      step = this.machine.read(
        asked,
        step.requests.map((request) => this.records.load(request)),
        now,
      );
    }
    if (step.type !== "done") throw new Error("a read asked twice");
    return step.reply;
  }

  /** Applies the payload of a batch. */
  apply(payload: Uint8Array): readonly Reply[] {
    this.log.push(payload);
    const run = this.machine.start(decodeBatch(payload));
    let step: RunStep = run.next();
    while (step.type === "load") step = run.next(step.requests.map((request) => this.records.load(request)));
    return step.replies;
  }

  watch(key: string): WatchedKey {
    return { key: bytes(key), version: this.read(call(".version", key)) as number };
  }

  #commit(): readonly Reply[] {
    return this.apply(
      this.#builder.finish({ time: this.time, seed: this.seed++, maxValueBytes: this.maxValueBytes }),
    );
  }
}
