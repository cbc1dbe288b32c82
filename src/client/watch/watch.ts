/** The changes of a whole keyspace as an async iterator: bounded, and good to go on from anywhere. */
import { KvorumError } from "../../core/errors.ts";
import type { ShardInfo, WatchedChange, WatchEvent } from "../../node/api.ts";
import { abortReason } from "../calls/caller.ts";
import type { ClientDriver } from "../driver.ts";
import { CompactedError, InvalidValueError } from "../errors.ts";
import type { Names } from "../keyspaces/names.ts";
import { decodeRevision, encodeRevision } from "./revision.ts";
import { ShardWatch } from "./shard-watch.ts";

export interface WatchOptions {
  /** Only keys that begin with it. A flush concerns them all. */
  readonly prefix?: string;
  /** A `revision` of an earlier watch with the same prefix: changes begin after it. Default: the present. */
  readonly from?: string;
  /** Ends the watch: a definite `aborted`. */
  readonly signal?: AbortSignal;
  /**
   * Bytes of changes that wait for the application, approximately; beyond it, the cluster is asked to wait. A reader that is
   * so slow that the cluster has forgotten what comes next gets `compacted`. Default 1 MiB.
   */
  readonly bufferBytes?: number;
}

export type Change<T> =
  | {
      readonly kind: "set";
      readonly key: string;
      /** Undefined for sets and maps, and above 64 KiB: get it, if it is wanted; it may be a newer one by then. */
      readonly value: T | undefined;
      /** Another client has written a value that cannot be read as one of this keyspace, or a key that is no text. */
      readonly invalid?: InvalidValueError;
    }
  /** `expire`: its time had come. */
  | { readonly kind: "delete" | "expire"; readonly key: string; readonly invalid?: InvalidValueError }
  /** Every key of the shard with this number is gone. */
  | { readonly kind: "flush"; readonly shard: number };

interface Waiting<T> {
  readonly change: Change<T>;
  readonly shard: number;
  /** Of the shard once this has been taken; null within an event of which more is to come. */
  readonly position: number | null;
  readonly bytes: number;
}

interface Waiter<Value> {
  readonly resolve: (value: Value) => void;
  readonly reject: (error: KvorumError) => void;
}

type Step<T> = IteratorResult<Change<T>, undefined>;

const DEFAULT_BUFFER_BYTES = 1024 * 1024;
/** What a change takes besides key and value. */
const CHANGE_BYTES = 128;
const DONE = { done: true, value: undefined } as const;

/**
 * Changes of one shard come in the order in which they were done, each once, also while nodes fail and the watch goes on
 * elsewhere; there is no order between shards. It begins with the first `next` (of `for await`) or `started`. It tries
 * for ever to reach a node: a signal, `return` or the client's `close` ends it.
 */
export class Watch<T> implements AsyncIterableIterator<Change<T>, undefined, undefined> {
  readonly #driver: ClientDriver;
  readonly #names: Names;
  readonly #shards: readonly ShardInfo[];
  readonly #options: WatchOptions;
  readonly #decode: (value: Uint8Array) => T;
  readonly #watches: readonly ShardWatch[];
  /** Of each shard: how many changes wait, and what has been taken by then. */
  readonly #waiting: number[];
  readonly #taken: (number | null)[];
  readonly #buffer: Waiting<T>[] = [];
  #bytes = 0;
  #notStarted: number;
  #state: "new" | "open" | "over" = "new";
  /** Told once, after what waits. */
  #error: KvorumError | null = null;
  readonly #nexts: Waiter<Step<T>>[] = [];
  #starters: Waiter<string>[] = [];
  #release: () => void = () => undefined;

  /** Throws a definite `bad-request` for a `from` of another keyspace. */
  constructor(
    driver: ClientDriver,
    names: Names,
    shards: readonly ShardInfo[],
    decode: (value: Uint8Array) => T,
    options: WatchOptions,
  ) {
    this.#driver = driver;
    this.#names = names;
    this.#shards = shards;
    this.#decode = decode;
    this.#options = options;
    this.#notStarted = shards.length;
    const from = options.from === undefined ? null : decodeRevision(shards, options.from);
    this.#taken = shards.map((_, i) => from?.[i] ?? null);
    this.#waiting = shards.map(() => 0);
    const prefix = names.inside(options.prefix ?? "");
    this.#watches = shards.map(
      (shard, i) =>
        new ShardWatch(driver, shard, prefix, from?.[i] ?? null, {
          onStart: () => this.#onStart(i),
          onEvents: (events) => this.#onEvents(i, events),
          onFailed: (error, resumeFrom) => this.#onFailed(i, error, resumeFrom),
        }),
    );
  }

  /**
   * Up to where everything has been taken, for `from` of a later watch; undefined before it has started. The changes of one
   * atomic batch share a revision: it moves on with the last of them.
   */
  get revision(): string | undefined {
    const positions = this.#watches.map(({ position }, i) =>
      this.#waiting[i] === 0 ? position : this.#taken[i]!,
    );
    return positions.every((position) => position !== null)
      ? encodeRevision(this.#shards, positions)
      : undefined;
  }

  /**
   * Begins, and tells where: every change after this revision will come. Who reads the present state after it and then the
   * changes misses nothing.
   */
  started(): Promise<string> {
    this.#begin();
    return new Promise((resolve, reject) => {
      const { revision } = this;
      if (this.#state === "over") reject(this.#error ?? new KvorumError("aborted", "The watch is over."));
      else if (this.#notStarted === 0 && revision !== undefined) resolve(revision);
      else this.#starters.push({ resolve, reject });
    });
  }

  next(): Promise<Step<T>> {
    this.#begin();
    return new Promise((resolve, reject) => {
      this.#nexts.push({ resolve, reject });
      this.#serve();
    });
  }

  return(): Promise<Step<T>> {
    this.#end(null);
    return Promise.resolve(DONE);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #begin(): void {
    if (this.#state !== "new") return;
    const { signal } = this.#options;
    if (this.#driver.closed) this.#end(new KvorumError("aborted", "The client is closed."));
    else if (signal?.aborted === true) this.#end(new KvorumError("aborted", abortReason(signal)));
    else {
      this.#state = "open";
      const onAbort = (): void => this.#end(new KvorumError("aborted", abortReason(signal!)));
      signal?.addEventListener("abort", onAbort, { once: true });
      const stop = this.#driver.onClose(() => this.#end(new KvorumError("aborted", "The client is closed.")));
      this.#release = () => {
        stop();
        signal?.removeEventListener("abort", onAbort);
      };
      for (const watch of this.#watches) watch.start();
    }
  }

  #onStart(shard: number): void {
    this.#taken[shard] ??= this.#watches[shard]!.position;
    if (--this.#notStarted > 0) return;
    const { revision } = this;
    for (const { resolve } of this.#starters) resolve(revision!);
    this.#starters = [];
  }

  #onEvents(shard: number, events: readonly WatchEvent[]): void {
    for (const { revision, changes } of events) {
      for (const [i, change] of changes.entries()) {
        const bytes = CHANGE_BYTES + (change.kind === "flush" ? 0 : change.key.length) + valueBytes(change);
        this.#bytes += bytes;
        this.#waiting[shard]!++;
        const position = i === changes.length - 1 ? revision : null;
        this.#buffer.push({ change: this.#outside(shard, change), shard, position, bytes });
      }
    }
    if (this.#bytes > this.#limit) for (const watch of this.#watches) watch.pause();
    this.#serve();
  }

  #onFailed(shard: number, error: KvorumError, resumeFrom: number | null): void {
    let told = error;
    if (error.code === "compacted") {
      const positions = this.#watches.map(({ position }, i) => (i === shard ? resumeFrom : position));
      const revision = positions.every((position) => position !== null)
        ? encodeRevision(this.#shards, positions)
        : undefined;
      told = new CompactedError(error.message, revision);
    }
    this.#stop(told);
    this.#serve();
  }

  get #limit(): number {
    return this.#options.bufferBytes ?? DEFAULT_BUFFER_BYTES;
  }

  /** Hands out what waits to those who wait. */
  #serve(): void {
    while (this.#nexts.length > 0) {
      const waiting = this.#buffer.shift();
      if (waiting !== undefined) {
        this.#bytes -= waiting.bytes;
        this.#waiting[waiting.shard]!--;
        if (waiting.position !== null) this.#taken[waiting.shard] = waiting.position;
        this.#nexts.shift()!.resolve({ done: false, value: waiting.change });
      } else if (this.#state === "over") {
        const error = this.#error;
        this.#error = null;
        if (error === null) this.#nexts.shift()!.resolve(DONE);
        else this.#nexts.shift()!.reject(error);
      } else break;
    }
    if (this.#state === "open" && this.#bytes <= this.#limit / 2)
      for (const watch of this.#watches) watch.resume();
  }

  /** At once: what waits is dropped. */
  #end(error: KvorumError | null): void {
    if (this.#state === "over") return;
    this.#buffer.length = 0;
    this.#stop(error);
    this.#serve();
  }

  #stop(error: KvorumError | null): void {
    if (this.#state === "over") return;
    this.#state = "over";
    this.#error = error;
    this.#release();
    for (const watch of this.#watches) watch.close();
    const starters = this.#starters;
    this.#starters = [];
    for (const { reject } of starters) reject(error ?? new KvorumError("aborted", "The watch is over."));
  }

  #outside(shard: number, change: WatchedChange): Change<T> {
    if (change.kind === "flush") return { kind: "flush", shard };
    // What others wrote wrongly would be met again and again: it is told as it is, and the watch goes on.
    const key = attempted(() => this.#names.outside(change.key));
    if (key instanceof InvalidValueError) {
      const similar = { key: this.#names.similar(change.key), invalid: key };
      return change.kind === "set"
        ? { kind: "set", value: undefined, ...similar }
        : { kind: change.kind, ...similar };
    }
    if (change.kind !== "set") return { kind: change.kind, key };
    const stored = change.value;
    const value = stored === null ? undefined : attempted(() => this.#decode(stored));
    return value instanceof InvalidValueError
      ? { kind: "set", key, value: undefined, invalid: value }
      : { kind: "set", key, value };
  }
}

function attempted<R>(run: () => R): R | InvalidValueError {
  try {
    return run();
  } catch (error) {
    if (error instanceof InvalidValueError) return error;
    throw error;
  }
}

const valueBytes = (change: WatchedChange): number =>
  change.kind === "set" && change.value !== null ? change.value.length : 0;
