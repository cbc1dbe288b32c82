/** What all keyspaces have in common, whatever type their data is of. */
import { KvorumError } from "../../core/errors.ts";
import type { Millis } from "../../core/machine.ts";
import { NullArray, type Reply } from "../../core/reply.ts";
import type { WatchedKey } from "../../data/contract.ts";
import { isMerging, type KeyspaceInfo, type ShardInfo } from "../../node/api.ts";
import { InvalidValueError } from "../errors.ts";
import { type Args, Operation, word } from "../calls/operation.ts";
import type { ConditionalWriteOptions, ReadOptions, WriteOptions } from "../calls/options.ts";
import type { Caller, WriteKind } from "../calls/caller.ts";
import { noWatching } from "../calls/merging.ts";
import { arrayOf, isOne, numberOf } from "../calls/replies.ts";
import { type BatchOptions, type BatchResults, batchResults, watchedBy } from "./batch.ts";
import { Watch, type WatchOptions } from "../watch/watch.ts";
import type { Names } from "./names.ts";
import { type KeyPage, type PageOptions, readPage, type ScanOptions, scanned } from "./scan.ts";

/** Operations that every type of data has. */
export class KeyOperations {
  readonly names: Names;

  constructor(names: Names) {
    this.names = names;
  }

  exists(key: string): Operation<boolean> {
    return this.read("exists", key, [], isOne);
  }

  clear(key: string): Operation<boolean> {
    return this.write("del", key, [], isOne);
  }

  expire(key: string, after: Millis): Operation<boolean> {
    return this.write("pexpire", key, [word(wholeMillis(after))], isOne);
  }

  persist(key: string): Operation<boolean> {
    return this.write("persist", key, [], isOne);
  }

  expiresIn(key: string): Operation<Millis | null | undefined> {
    return this.read("pttl", key, [], (reply) => {
      const left = numberOf(reply);
      if (left >= 0) return left;
      return left === -1 ? null : undefined;
    });
  }

  protected read<R>(
    name: string,
    key: string,
    rest: Args | Promise<Args>,
    decode: (reply: Reply) => R,
  ): Operation<R> {
    return new Operation("read", name, this.names.inside(key), rest, decode);
  }

  protected write<R>(
    name: string,
    key: string,
    rest: Args | Promise<Args>,
    decode: (reply: Reply) => R,
  ): Operation<R> {
    return new Operation("write", name, this.names.inside(key), rest, decode);
  }
}

/** Milliseconds for Kvorum. Throws a definite `bad-request` for what is no duration. */
export function wholeMillis(duration: Millis): number {
  const whole = Math.ceil(duration);
  if (Number.isSafeInteger(whole) && whole > 0) return whole;
  throw new KvorumError("bad-request", `${duration} is no duration: a number of milliseconds above 0.`);
}

/** For watches of keyspaces whose values are collections: another client has put a string there. */
export function notAString(): never {
  throw new InvalidValueError([{ path: [], message: "There is a value of another type under this key." }]);
}

/** A string of the type of data that the keyspace holds, as `.scan` wants it. */
export type StoredType = "string" | "set" | "hash";

export abstract class Keyspace<Ops extends KeyOperations> {
  readonly #caller: Caller;
  readonly #operations: Ops;
  readonly #type: StoredType;

  constructor(caller: Caller, operations: Ops, type: StoredType) {
    this.#caller = caller;
    this.#operations = operations;
    this.#type = type;
  }

  /** As it is called in the catalog. */
  get name(): string {
    return this.#operations.names.keyspace;
  }

  /** Whether the key is there. */
  exists(key: string, options?: ReadOptions): Promise<boolean> {
    return this.reading((at) => at.exists(key), options);
  }

  /** The key expires after so many milliseconds of its shard's time. False: it is not there. */
  expire(key: string, after: Millis, options?: WriteOptions): Promise<boolean> {
    return this.writing((at) => at.expire(key, after), options);
  }

  /** The key does not expire any more. False: it is not there, or never would have. */
  persist(key: string, options?: WriteOptions): Promise<boolean> {
    return this.writing((at) => at.persist(key), options);
  }

  /** Milliseconds; null: never. Undefined: the key is not there. */
  expiresIn(key: string, options?: ReadOptions): Promise<Millis | null | undefined> {
    return this.reading((at) => at.expiresIn(key), options);
  }

  /**
   * All keys that begin with `prefix`, in byte order within each shard. A key that is there from the beginning to the end comes
   * exactly once; one that comes or goes meanwhile may or may not. Many keys are fetched at a time.
   */
  keys(options: ScanOptions = {}): AsyncGenerator<string, void, undefined> {
    return scanned((cursor) => this.keyPage({ ...options, cursor }));
  }

  /** The same by hand: some keys, and the cursor to go on with, which stays good across clients and failovers. */
  async keyPage(options: PageOptions = {}): Promise<KeyPage> {
    return readPage(this.#caller, this.#operations.names, this.#type, this.shards, options);
  }

  /** How many keys there are: each shard's own count, taken one after another. Keys that expired lately may still count. */
  async count(options?: ReadOptions): Promise<number> {
    const counts = await Promise.all(
      this.shards.map(({ group }) =>
        this.#caller.read({ kind: "group", group }, { kind: "command", name: ".dbsize", args: [] }, options),
      ),
    );
    return counts.reduce((sum: number, count) => sum + numberOf(count), 0);
  }

  /**
   * Several operations in one atomic step: nobody sees some of them without the others. Their keys must lie in one shard (give
   * them a common `{tag}`), else a definite `cross-shard`. An operation that is refused (a key of another type, say) leaves the
   * others done: `batch-partly-refused`, a `BatchError` with all results; if all are refused, the first one's error.
   *
   * With `ifVersions`, nothing is done unless these keys still have these versions (null: are absent); the result is null then.
   */
  batch<const Batch extends readonly Operation<unknown>[]>(
    operations: (at: Ops) => Batch,
  ): Promise<BatchResults<Batch>>;
  batch<const Batch extends readonly Operation<unknown>[]>(
    operations: (at: Ops) => Batch,
    options: WriteOptions & { readonly ifVersions?: never },
  ): Promise<BatchResults<Batch>>;
  batch<const Batch extends readonly Operation<unknown>[]>(
    operations: (at: Ops) => Batch,
    options: ConditionalWriteOptions & BatchOptions,
  ): Promise<BatchResults<Batch> | null>;
  async batch<const Batch extends readonly Operation<unknown>[]>(
    build: (at: Ops) => Batch,
    { ifVersions, ...options }: WriteOptions & Partial<BatchOptions> = {},
  ): Promise<BatchResults<Batch> | null> {
    const operations = build(this.#operations);
    if (operations.length === 0) return batchResults(operations, []);
    const watched = await watchedBy(this.#caller, this.#operations.names, ifVersions, options);
    if (watched === null) return null;
    const kind = watched.length > 0 ? "conditional" : "plain";
    const replies = await this.transact(operations, watched, kind, options);
    return replies === null ? null : batchResults(operations, replies);
  }

  protected watching<T>(decode: (value: Uint8Array) => T, options: WatchOptions = {}): Watch<T> {
    const { info } = this;
    if (info !== undefined && isMerging(info.replication))
      throw new KvorumError("contradiction", noWatching(info));
    return new Watch(this.#caller.driver, this.#operations.names, this.shards, decode, options);
  }

  protected reading<R>(make: (at: Ops) => Operation<R>, options?: ReadOptions): Promise<R> {
    return this.#single(make, (target, command) => this.#caller.read(target, command, options));
  }

  protected writing<R>(
    make: (at: Ops) => Operation<R>,
    options?: WriteOptions,
    kind: WriteKind = "plain",
  ): Promise<R> {
    return this.#single(make, (target, command) => this.#caller.write(target, command, kind, options));
  }

  /** What is not waiting for a schema is sent before this returns: calls leave in the order in which they are made. */
  #single<R>(
    make: (at: Ops) => Operation<R>,
    send: (target: KeyTarget, command: Command) => Promise<Reply>,
  ): Promise<R> {
    try {
      const operation = make(this.#operations);
      const { key, name, rest, decode } = operation;
      const target: KeyTarget = { kind: "keys", keyspace: this.name, keys: [key] };
      const sent =
        rest instanceof Promise
          ? rest.then((args) => send(target, { kind: "command", name, args: [key, ...args] }))
          : send(target, { kind: "command", name, args: [key, ...rest] });
      return sent.then(decode);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Null: a watched key has another version. */
  protected async transact(
    operations: readonly Operation<unknown>[],
    watched: readonly WatchedKey[],
    kind: Exclude<WriteKind, "harmless">,
    options?: WriteOptions,
  ): Promise<readonly Reply[] | null> {
    const calls = await Promise.all(
      operations.map(async ({ name, key, rest }) => ({ name, args: [key, ...(await rest)] })),
    );
    const keys = [...operations, ...watched].map(({ key }) => key);
    const isHarmless = operations.every(({ write }) => !write);
    const reply = await this.#caller.write(
      { kind: "keys", keyspace: this.name, keys },
      { kind: "transaction", watched, calls },
      isHarmless ? "harmless" : kind,
      options,
    );
    return reply instanceof NullArray ? null : arrayOf(reply);
  }

  protected get operations(): Ops {
    return this.#operations;
  }

  protected get caller(): Caller {
    return this.#caller;
  }

  /** In order. Definite `no-leader` while some are missing in the topology: the keyspace is being made, or moved. */
  protected get shards(): readonly ShardInfo[] {
    const { info } = this;
    const shards = [...(info?.shardList ?? [])].sort((a, b) => a.shard - b.shard);
    if (info === undefined) throw new KvorumError("unknown-keyspace", `There is no keyspace "${this.name}".`);
    if (shards.length < info.shards)
      throw new KvorumError("no-leader", `"${this.name}" has ${shards.length} of its ${info.shards} shards.`);
    return shards;
  }

  protected get info(): KeyspaceInfo | undefined {
    return this.#caller.driver.topology?.keyspaces.find(({ name }) => name === this.name);
  }
}

interface KeyTarget {
  readonly kind: "keys";
  readonly keyspace: string;
  readonly keys: readonly Uint8Array[];
}

interface Command {
  readonly kind: "command";
  readonly name: string;
  readonly args: Args;
}
