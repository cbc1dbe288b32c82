/**
 * Keyspaces whose replicas merge, as their users see them: what the classes beside this file can do there. What needs one order for
 * everybody (versions, conditions, batches, watches) is missing, so that it does not compile; called all the same, it is a
 * definite `contradiction`, before anything is sent.
 *
 * A write is taken by one node and reaches the others later, or when a partition heals. A read answers from what has arrived where it is
 * read. What a write returns besides (whether a member was new, what the count is) is true of the replica that took it, and not of
 * the others.
 */
import type { Millis } from "../../core/machine.ts";
import type { MergingReadOptions, MergingWriteOptions } from "../calls/options.ts";
import type { Expiry } from "./register.ts";
import type { KeyPage } from "./scan.ts";
import type { Siblings } from "./sibling-register.ts";

export interface MergingScanOptions extends MergingPageSize {
  /** Only keys that begin with it. */
  readonly prefix?: string;
}

interface MergingPageSize {
  /** About as many are fetched at a time. Default 500, at most 10 000. */
  readonly pageSize?: number;
}

interface MergingKeyspace {
  /** As it is called in the catalog. */
  readonly name: string;
  exists(key: string, options?: MergingReadOptions): Promise<boolean>;
  /** The key expires after so many milliseconds. False: it is not there. */
  expire(key: string, after: Millis, options?: MergingWriteOptions): Promise<boolean>;
  /** The key does not expire any more. False: it is not there, or never would have. */
  persist(key: string, options?: MergingWriteOptions): Promise<boolean>;
  /** Milliseconds; null: never. Undefined: the key is not there. */
  expiresIn(key: string, options?: MergingReadOptions): Promise<Millis | null | undefined>;
  /** All keys that begin with `prefix`, in byte order within each shard. */
  keys(options?: MergingScanOptions & MergingReadOptions): AsyncGenerator<string, void, undefined>;
  /** The same by hand: some keys, and the cursor to go on with. */
  keyPage(
    options?: MergingScanOptions & MergingReadOptions & { readonly cursor?: string | undefined },
  ): Promise<KeyPage>;
  /** How many keys there are. */
  count(options?: MergingReadOptions): Promise<number>;
}

/** Of concurrent values of one key, `conflicts` says which remain. */
export interface MergingRegisterKeyspace<In, Out = In> extends MergingKeyspace {
  /** Undefined: the key is not there. */
  get(key: string, options?: MergingReadOptions): Promise<Out | undefined>;
  /** In the order of the keys; undefined for those that are not there. */
  getMany(keys: readonly string[], options?: MergingReadOptions): Promise<(Out | undefined)[]>;
  set(key: string, value: In, options?: MergingWriteOptions & Expiry): Promise<void>;
  /** All concurrent values. A definite `contradiction` unless the keyspace was made with `conflicts: "siblings"`. */
  siblings(key: string, options?: MergingReadOptions): Promise<Siblings<Out>>;
  /** Puts `value` in the place of the siblings that came with the token; what was written since stays beside it. */
  resolve(key: string, token: Uint8Array, value: In, options?: MergingWriteOptions): Promise<void>;
  /** Whether the key was there. */
  delete(key: string, options?: MergingWriteOptions): Promise<boolean>;
  /** Like `keys`, with the values. */
  entries(
    options?: MergingScanOptions & MergingReadOptions,
  ): AsyncGenerator<readonly [string, Out], void, undefined>;
}

/** Increments of all replicas add up. One whose outcome is unknown is not sent again by itself: it could count twice. */
export interface MergingCounterKeyspace extends MergingKeyspace {
  /** 0 for a key that is not there. */
  get(key: string, options?: MergingReadOptions): Promise<number>;
  increment(key: string, by?: number | bigint, options?: MergingWriteOptions): Promise<number>;
  decrement(key: string, by?: number | bigint, options?: MergingWriteOptions): Promise<number>;
  set(key: string, value: number | bigint, options?: MergingWriteOptions): Promise<void>;
  delete(key: string, options?: MergingWriteOptions): Promise<boolean>;
}

/** A member that is added outlives a removal which had not seen it. */
export interface MergingSetKeyspace<In, Out = In> extends MergingKeyspace {
  add(key: string, member: In, options?: MergingWriteOptions): Promise<boolean>;
  /** How many of them are new. At least one has to be given. */
  addAll(key: string, members: readonly In[], options?: MergingWriteOptions): Promise<number>;
  remove(key: string, member: In, options?: MergingWriteOptions): Promise<boolean>;
  /** How many of them were members. At least one has to be given. */
  removeAll(key: string, members: readonly In[], options?: MergingWriteOptions): Promise<number>;
  clear(key: string, options?: MergingWriteOptions): Promise<boolean>;
  has(key: string, member: In, options?: MergingReadOptions): Promise<boolean>;
  hasEach(key: string, members: readonly In[], options?: MergingReadOptions): Promise<boolean[]>;
  size(key: string, options?: MergingReadOptions): Promise<number>;
  /** A definite `too-large` for very large sets: walk through their `members`. */
  all(key: string, options?: MergingReadOptions): Promise<Out[]>;
  members(key: string, options?: MergingPageSize & MergingReadOptions): AsyncGenerator<Out, void, undefined>;
}

/** Fields merge one by one; of concurrent values of one field, `conflicts` says which remain. */
export interface MergingMapKeyspace<In, Out = In> extends MergingKeyspace {
  /** Undefined: there is no such field. */
  get(key: string, field: string, options?: MergingReadOptions): Promise<Out | undefined>;
  getMany(key: string, fields: readonly string[], options?: MergingReadOptions): Promise<(Out | undefined)[]>;
  getAll(key: string, options?: MergingReadOptions): Promise<Map<string, Out>>;
  set(key: string, field: string, value: In, options?: MergingWriteOptions): Promise<boolean>;
  setMany(key: string, fields: Readonly<Record<string, In>>, options?: MergingWriteOptions): Promise<number>;
  delete(key: string, field: string, options?: MergingWriteOptions): Promise<boolean>;
  deleteMany(key: string, fields: readonly string[], options?: MergingWriteOptions): Promise<number>;
  clear(key: string, options?: MergingWriteOptions): Promise<boolean>;
  has(key: string, field: string, options?: MergingReadOptions): Promise<boolean>;
  size(key: string, options?: MergingReadOptions): Promise<number>;
  /** Only for maps of numbers, as JSON. Not sent again by itself, as in counters. */
  increment(
    this: MergingMapKeyspace<number, number>,
    key: string,
    field: string,
    by?: number | bigint,
    options?: MergingWriteOptions,
  ): Promise<number>;
  entries(
    key: string,
    options?: MergingPageSize & MergingReadOptions,
  ): AsyncGenerator<[string, Out], void, undefined>;
}
