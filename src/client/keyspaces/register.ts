/** A keyspace with one value for each key. */
import { KvorumError } from "../../core/errors.ts";
import type { Millis } from "../../core/machine.ts";
import type { Reply } from "../../core/reply.ts";
import { hashSlot, shardOfSlot } from "../../placement/hash-slot.ts";
import type { Caller } from "../calls/caller.ts";
import { type Args, type Operation, word } from "../calls/operation.ts";
import type { ConditionalWriteOptions, ReadOptions, WriteOptions } from "../calls/options.ts";
import { accepted, arrayOf, bytesOf, bytesOrNull, isOne, numberOf, textOf } from "../calls/replies.ts";
import type { Values } from "../schema/values.ts";
import { Keyspace, KeyOperations, wholeMillis } from "./keyspace.ts";
import type { Watch, WatchOptions } from "../watch/watch.ts";
import type { Names } from "./names.ts";
import type { ScanOptions } from "./scan.ts";

/** What becomes of the key's expiry. By default a new value never expires. */
export type Expiry =
  | {
      /** Milliseconds of the shard's time after which the key is gone. */
      readonly expiresIn?: Millis;
      readonly keepExpiry?: never;
    }
  | {
      /** The expiry stays what it was. */
      readonly keepExpiry: true;
      readonly expiresIn?: never;
    };

export interface Entry<T> {
  readonly value: T;
  /** For `compareAndSet`: another one after every change of the key, also after it came and went. */
  readonly version: number;
  /** Milliseconds; null: never. */
  readonly expiresIn: Millis | null;
}

export type Swap =
  | { readonly swapped: true; /** The new value's. */ readonly version: number }
  | { readonly swapped: false };

export class RegisterOperations<In, Out> extends KeyOperations {
  readonly #values: Values<In, Out>;

  constructor(names: Names, values: Values<In, Out>) {
    super(names);
    this.#values = values;
  }

  get(key: string): Operation<Out | undefined> {
    return this.read("get", key, [], (reply) => this.decoded(bytesOrNull(reply)));
  }

  set(key: string, value: In, expiry: Expiry = {}): Operation<void> {
    return this.write("set", key, this.#args(value, expiryWords(expiry)), () => undefined);
  }

  /** Only where the key is absent. */
  add(key: string, value: In, expiry: Expiry = {}): Operation<boolean> {
    const words = [word("nx"), ...expiryWords(expiry)];
    return this.write("set", key, this.#args(value, words), (reply) => reply !== null);
  }

  delete(key: string): Operation<boolean> {
    return this.write("del", key, [], isOne);
  }

  version(key: string): Operation<number> {
    return this.read(".version", key, [], numberOf);
  }

  entry(key: string): Operation<Entry<Out> | undefined> {
    return this.read(".entry", key, [], (reply) => this.#entry(reply));
  }

  #entry(reply: Reply): Entry<Out> | undefined {
    if (reply === null) return undefined;
    const [type, version, expiresIn, bytes] = arrayOf(reply);
    if (textOf(type!) !== "string") throw new KvorumError("wrong-type");
    const left = numberOf(expiresIn!);
    return {
      value: this.#values.decode(bytesOf(bytes!)),
      version: numberOf(version!),
      expiresIn: left < 0 ? null : left,
    };
  }

  decoded(bytes: Uint8Array | null): Out | undefined {
    return bytes === null ? undefined : this.#values.decode(bytes);
  }

  value(bytes: Uint8Array): Out {
    return this.#values.decode(bytes);
  }

  #args(value: In, words: Args): Args | Promise<Args> {
    const bytes = this.#values.encode(value);
    return bytes instanceof Promise ? bytes.then((ready) => [ready, ...words]) : [bytes, ...words];
  }
}

function expiryWords({ expiresIn, keepExpiry }: Expiry): Args {
  if (keepExpiry === true) return [word("keepttl")];
  return expiresIn === undefined ? [] : [word("px"), word(wholeMillis(expiresIn))];
}

/** MGET of more would make other requests wait. */
const KEYS_PER_READ = 200;

/** `In` is what can be written, `Out` what is read: they differ where the schema transforms. */
export class RegisterKeyspace<In, Out = In> extends Keyspace<RegisterOperations<In, Out>> {
  constructor(caller: Caller, names: Names, values: Values<In, Out>) {
    super(caller, new RegisterOperations(names, values), "string");
  }

  /** Undefined: the key is not there. */
  get(key: string, options?: ReadOptions): Promise<Out | undefined> {
    return this.reading((at) => at.get(key), options);
  }

  /** The value with its version and expiry, all of one moment. */
  getEntry(key: string, options?: ReadOptions): Promise<Entry<Out> | undefined> {
    return this.reading((at) => at.entry(key), options);
  }

  /** In the order of the keys; undefined for those that are not there. The values of one shard are of one moment. */
  async getMany(keys: readonly string[], options?: ReadOptions): Promise<(Out | undefined)[]> {
    const shards = this.shards.length;
    const byShard = new Map<number, { readonly key: Uint8Array; readonly place: number }[]>();
    for (const [place, key] of keys.entries()) {
      const inside = this.operations.names.inside(key);
      const shard = shardOfSlot(hashSlot(inside), shards);
      const others = byShard.get(shard);
      if (others === undefined) byShard.set(shard, [{ key: inside, place }]);
      else others.push({ key: inside, place });
    }
    const results: (Out | undefined)[] = keys.map(() => undefined);
    const reads = [...byShard.values()].flatMap((wanted) => chunks(wanted, KEYS_PER_READ));
    await Promise.all(
      reads.map(async (wanted) => {
        const args = wanted.map(({ key }) => key);
        const target = { kind: "keys", keyspace: this.name, keys: args } as const;
        const reply = await this.caller.read(target, { kind: "command", name: "mget", args }, options);
        for (const [i, value] of arrayOf(reply).entries())
          results[wanted[i]!.place] = this.operations.decoded(bytesOrNull(value));
      }),
    );
    return results;
  }

  set(key: string, value: In, options?: WriteOptions & Expiry): Promise<void> {
    return this.writing((at) => at.set(key, value, options), options);
  }

  /** False: the key is there already, and stays as it is. */
  async add(key: string, value: In, options?: ConditionalWriteOptions & Expiry): Promise<boolean> {
    return (await this.compareAndSet(key, null, value, options)).swapped;
  }

  /** Whether the key was there. */
  delete(key: string, options?: WriteOptions): Promise<boolean> {
    return this.writing((at) => at.delete(key), options);
  }

  /** Writes only if the key still has this version (of `getEntry`, or of the last swap); null: only if it is absent. */
  async compareAndSet(
    key: string,
    version: number | null,
    value: In,
    options?: ConditionalWriteOptions & Expiry,
  ): Promise<Swap> {
    const at = this.operations;
    const write = version === null ? at.add(key, value, options) : at.set(key, value, options);
    const watched = version === null ? [] : [{ key: write.key, version: checkedVersion(version) }];
    const replies = await this.transact([write, at.version(key)], watched, "conditional", options);
    if (replies === null || accepted(replies[0]!) === null) return { swapped: false };
    return { swapped: true, version: numberOf(accepted(replies[1]!)) };
  }

  /** Deletes only if the key still has this version. */
  async compareAndDelete(key: string, version: number, options?: ConditionalWriteOptions): Promise<boolean> {
    const operation = this.operations.delete(key);
    const watched = [{ key: operation.key, version: checkedVersion(version) }];
    const replies = await this.transact([operation], watched, "conditional", options);
    return replies !== null && isOne(accepted(replies[0]!));
  }

  /** The changes from now on, or from an earlier revision. Values of up to 64 KiB come with them. */
  watch(options?: WatchOptions): Watch<Out> {
    return this.watching((value) => this.operations.value(value), options);
  }

  /** Like `keys`, with the values: of one moment for each page of a shard. */
  async *entries(options: ScanOptions = {}): AsyncGenerator<readonly [string, Out], void, undefined> {
    const { prefix: _prefix, pageSize: _pageSize, ...reading } = options;
    let cursor: string | undefined;
    do {
      const page = await this.keyPage({ ...options, cursor });
      const values = await this.getMany(page.keys, reading);
      for (const [i, key] of page.keys.entries()) {
        // It was deleted meanwhile.
        const value = values[i];
        if (value !== undefined) yield [key, value];
      }
      ({ cursor } = page);
    } while (cursor !== undefined);
  }
}

function checkedVersion(version: number): number {
  if (Number.isSafeInteger(version) && version >= 0) return version;
  throw new KvorumError(
    "bad-request",
    `${version} is no version: use the one of an entry, or null for "absent".`,
  );
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  const parts: T[][] = [];
  for (let i = 0; i < items.length; i += size) parts.push(items.slice(i, i + size));
  return parts;
}
