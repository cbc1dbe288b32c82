/**
 * What a shard's machine remembers besides its records. It changes only with applied batches, so that it is the same on
 * every replica; the host stores its bytes together with the applied index (see RECORDS.md, "The meta").
 */
import { ByteReader, ByteWriter, CodecError } from "../core/bytes.ts";
import type { CommandContext } from "./contract.ts";
import { keySpaceOf, expirySpaceOf } from "./header.ts";
import { History, type HistoryLimits } from "./history.ts";

/** Format 1 had no removals, format 2 no sessions and idempotency keys. */
const META_FORMAT = 3;

const REMOVAL_CLASSES = 64;

/** A flushed epoch whose collections have not all been dropped yet. */
export interface Garbage {
  readonly epoch: number;
  collections: number;
  /** Headers before this key have been dealt with. */
  from: string;
}

export class ShardState {
  /** Wall-clock milliseconds; never goes back. */
  logTime = 0;
  /** Number of the last command. */
  version = 0;
  /** Headers in the key space, due ones included. */
  keys = 0;
  /** How many of the headers belong to collections. */
  collections = 0;
  /** Open sessions. */
  sessions = 0;
  /** Remembered ones. */
  idempotencyKeys = 0;
  garbage: Garbage[] = [];
  /** For each class of keys: the number of the command that last removed one of them. */
  readonly #removals = new Float64Array(REMOVAL_CLASSES);
  #epoch = 0;
  /** For watchers; not part of the meta. */
  readonly history: History;
  #keySpace = keySpaceOf(0);
  #expirySpace = expirySpaceOf(0);

  constructor(limits?: HistoryLimits) {
    this.history = new History(limits);
  }

  get epoch(): number {
    return this.#epoch;
  }

  set epoch(epoch: number) {
    this.#epoch = epoch;
    this.#keySpace = keySpaceOf(epoch);
    this.#expirySpace = expirySpaceOf(epoch);
  }

  /**
   * The number of the last command that removed this key, or one of its class. A key that does not exist has nothing of
   * its own left to tell that it came and went.
   */
  lastRemoval(key: string): number {
    return this.#removals[classOf(key)]!;
  }

  noteRemoval(key: string): void {
    this.#removals[classOf(key)] = this.version;
  }

  noteRemovalOfAll(): void {
    this.#removals.fill(this.version);
  }

  get removals(): Float64Array {
    return this.#removals;
  }

  get keySpace(): string {
    return this.#keySpace;
  }

  get expirySpace(): string {
    return this.#expirySpace;
  }
}

/** FNV-1a of the key's bytes. */
function classOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % REMOVAL_CLASSES;
}

/** What a command of this folder gets: the contract's context and the shard it runs in. */
export interface ShardContext extends CommandContext {
  readonly shard: ShardState;
  /**
   * For displaying times to live, never for deciding what exists: the log time, or in a read the caller's later clock,
   * because the log time stands still while nothing is written.
   */
  readonly clock: number;
}

export function encodeShardState(state: ShardState): Uint8Array {
  const writer = new ByteWriter(48);
  writer.u8(META_FORMAT);
  writer.varint(state.logTime);
  writer.varint(state.version);
  writer.u32(state.epoch);
  writer.varint(state.keys);
  writer.varint(state.collections);
  writer.varint(state.garbage.length);
  for (const { epoch, collections, from } of state.garbage) {
    writer.u32(epoch);
    writer.varint(collections);
    writer.binary(from);
  }
  // Most shards have removed few keys: pairs of those classes that have.
  const removed = [...state.removals.keys()].filter((index) => state.removals[index] !== 0);
  writer.varint(removed.length);
  for (const index of removed) {
    writer.u8(index);
    writer.varint(state.removals[index]!);
  }
  writer.varint(state.sessions);
  writer.varint(state.idempotencyKeys);
  return writer.finish();
}

/** Throws `CodecError` on anything that `encodeShardState` did not write. */
export function decodeShardState(bytes: Uint8Array, limits?: HistoryLimits): ShardState {
  const reader = new ByteReader(bytes);
  const format = reader.u8();
  if (format < 1 || format > META_FORMAT)
    throw new CodecError(`shard meta has format ${format}, this version knows 1 to ${META_FORMAT}`);
  const state = new ShardState(limits);
  state.logTime = reader.varint();
  state.version = reader.varint();
  state.epoch = reader.u32();
  state.keys = reader.varint();
  state.collections = reader.varint();
  for (let left = reader.varint(); left > 0; left--) {
    state.garbage.push({ epoch: reader.u32(), collections: reader.varint(), from: reader.binary() });
  }
  for (let left = format === 1 ? 0 : reader.varint(); left > 0; left--) {
    const index = reader.u8();
    if (index >= REMOVAL_CLASSES) throw new CodecError(`shard meta has a class of keys numbered ${index}`);
    state.removals[index] = reader.varint();
  }
  if (format >= 3) {
    state.sessions = reader.varint();
    state.idempotencyKeys = reader.varint();
  }
  reader.end();
  state.history.begin(state.version);
  return state;
}
