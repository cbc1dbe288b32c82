/** The state store on LevelDB (classic-level). Its promises become callbacks here and nowhere else. */
import { ClassicLevel } from "classic-level";
import type { Snapshot } from "classic-level";
import { DiskError } from "../../core/world.ts";
import type { Done, Store, StoreEntry, StoreOperation, StoreRange, StoreSnapshot } from "../../core/world.ts";
import { successor } from "./keys.ts";
import { SliceSize } from "./slice-size.ts";

export interface LevelOptions {
  /** Uncompressed blocks kept in memory. */
  readonly cacheBytes: number;
  /** LevelDB's write buffer; up to two of them are in memory. Larger ones make fewer, larger tables. */
  readonly writeBufferBytes: number;
  readonly maxFileBytes: number;
  readonly maxOpenFiles: number;
}

/**
 * Fit for some ten million records: fewer than a thousand table files, and a block cache that is not the whole memory.
 *
 * Files are small, because each is synced as a whole and the log's next sync waits behind it. The write buffer is not:
 * LevelDB counts every look-up that passes by a table without a hit, and soon merges that table downwards ("seek
 * compaction", which cannot be turned off), so what leaves the buffer is merged all the way down while records are looked
 * up. A larger buffer leaves less often.
 */
export const LEVEL_DEFAULTS: LevelOptions = {
  cacheBytes: 32 * 1024 * 1024,
  writeBufferBytes: 16 * 1024 * 1024,
  maxFileBytes: 2 * 1024 * 1024,
  maxOpenFiles: 1000,
};

/** Entries taken from an iterator at once. */
const PAGE = 1024;
const CLEAR_PAGE = 512;

type Level = ClassicLevel<Uint8Array, Uint8Array>;

interface QueuedWrite {
  readonly operations: readonly StoreOperation[];
  readonly done: Done;
}

/**
 * Opens, or creates, the store in `path` and recovers it. Errors: `locked` when another process has it open, `corrupt`,
 * `full`, `io`.
 */
export function openLevelStore(path: string, done: Done<Store>, options: Partial<LevelOptions> = {}): void {
  const chosen = { ...LEVEL_DEFAULTS, ...options };
  const db: Level = new ClassicLevel<Uint8Array, Uint8Array>(path, {
    keyEncoding: "view",
    valueEncoding: "view",
    cacheSize: chosen.cacheBytes,
    writeBufferSize: chosen.writeBufferBytes,
    maxFileSize: chosen.maxFileBytes,
    maxOpenFiles: chosen.maxOpenFiles,
  });
  void settle(db.open(), path, (error) => {
    if (error === null) done(null, new LevelStore(db, path));
    else done(error);
  });
}

class LevelSnapshot implements StoreSnapshot {
  readonly level: Snapshot;
  readonly #path: string;

  constructor(level: Snapshot, path: string) {
    this.level = level;
    this.#path = path;
  }

  release(): void {
    void settle(this.level.close(), this.#path, rethrow);
  }
}

class LevelStore implements Store {
  readonly #db: Level;
  readonly #path: string;
  /** LevelDB's worker threads take batches in any order, so it gets one at a time. These wait. */
  readonly #writes: QueuedWrite[] = [];
  #writing = false;
  #closing: Done | null = null;
  /**
   * After a failed write the end of LevelDB's own log is unknown, and another write could make what it has unreadable. Only
   * opening the store anew helps, also when the disk was full and is not any more.
   */
  #failed: DiskError | null = null;

  constructor(db: Level, path: string) {
    this.#db = db;
    this.#path = path;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#db.getSync(key);
    } catch (error) {
      throw diskError(error, this.#path);
    }
  }

  write(operations: readonly StoreOperation[], done: Done): void {
    this.#writes.push({ operations, done });
    if (this.#writing) return;
    this.#writing = true;
    setImmediate(() => this.#startWrite());
  }

  range(
    range: StoreRange,
    done: Done<{ readonly entries: readonly StoreEntry[]; readonly more: boolean }>,
  ): void {
    void settle(this.#range(range), this.#path, done);
  }

  clear(from: Uint8Array, to: Uint8Array, done: Done<Uint8Array | null>): void {
    void settle(this.#clear(from, to), this.#path, done);
  }

  snapshot(): StoreSnapshot {
    return new LevelSnapshot(this.#db.snapshot(), this.#path);
  }

  close(done: Done): void {
    this.#closing = done;
    if (!this.#writing) this.#closeNow(done);
  }

  #closeNow(done: Done): void {
    this.#closing = null;
    this.#failed ??= new DiskError("io", this.#path, "the store is closed");
    void settle(this.#db.close(), this.#path, done);
  }

  #startWrite(): void {
    const write = this.#writes.shift();
    if (write === undefined) {
      this.#writing = false;
      if (this.#closing !== null) this.#closeNow(this.#closing);
      return;
    }
    const finish = (error: DiskError | null): void => {
      write.done(error);
      this.#startWrite();
    };
    const failed = this.#failed;
    if (failed !== null) {
      setImmediate(() => finish(failed));
      return;
    }
    void settle(this.#feed(write.operations), this.#path, (error) => {
      if (error !== null) this.#failed = error;
      finish(error);
    });
  }

  /**
   * A chained batch costs a tenth of the array form per operation, and can be filled over several turns of the event loop.
   */
  async #feed(operations: readonly StoreOperation[]): Promise<void> {
    const batch = this.#db.batch();
    const slice = new SliceSize(() => performance.now());
    let left = slice.next();
    for (let i = 0; i < operations.length; i++) {
      if (left-- === 0) {
        slice.ended();
        await nextTurn();
        left = slice.next() - 1;
      }
      const operation = operations[i]!;
      if (operation.type === "put") batch.put(operation.key, operation.value);
      else batch.del(operation.key);
    }
    await batch.write({ sync: true });
  }

  async #range(range: StoreRange): Promise<{ entries: StoreEntry[]; more: boolean }> {
    const iterator = this.#db.iterator({
      gte: range.from,
      lt: range.to,
      highWaterMarkBytes: Math.min(range.limitBytes, 0x7fffffff),
      ...(range.snapshot instanceof LevelSnapshot ? { snapshot: range.snapshot.level } : {}),
    });
    const entries: StoreEntry[] = [];
    let bytes = 0;
    try {
      for (;;) {
        // One more than the limit tells whether the range goes on, without another round trip.
        const full = entries.length >= range.limit || bytes > range.limitBytes;
        const size = full ? 1 : Math.min(range.limit - entries.length + 1, PAGE);
        const page = await iterator.nextv(size);
        if (page.length === 0) return { entries, more: false };
        if (full) return { entries, more: true };
        for (const [key, value] of page) {
          if (entries.length >= range.limit || bytes > range.limitBytes) return { entries, more: true };
          entries.push({ key, value });
          bytes += key.length + value.length;
        }
        // Fewer than asked for, although the limit of bytes was not met: LevelDB has come to the end.
        if (page.length < size && bytes <= range.limitBytes) return { entries, more: false };
      }
    } finally {
      await iterator.close();
    }
  }

  /** Goes on behind what was deleted before: starting anew it would have to skip over all of that. */
  async #clear(from: Uint8Array, to: Uint8Array): Promise<Uint8Array | null> {
    const iterator = this.#db.keys({ gte: from, lt: to, highWaterMarkBytes: 1024 * 1024 });
    const keys = await iterator.nextv(CLEAR_PAGE).finally(() => iterator.close());
    const first = keys[0];
    const last = keys.at(-1);
    if (first === undefined || last === undefined) return null;
    if (this.#failed !== null) throw this.#failed;
    await this.#db.clear({ gte: first, lte: last });
    return successor(last);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Calls `done` from a microtask of its own, so that what it throws is the process' uncaught exception and not a rejection. */
async function settle<T>(promise: Promise<T>, path: string, done: Done<T>): Promise<void> {
  let answer: () => void;
  try {
    const value = await promise;
    answer = () => done(null, value);
  } catch (error) {
    answer = () => done(diskError(error, path));
  }
  queueMicrotask(answer);
}

function rethrow(error: DiskError | null): void {
  if (error !== null) throw error;
}

/** classic-level wraps the reason of a failed open in a `cause`; LevelDB has a code for some kinds and words for the others. */
function diskError(error: unknown, path: string): DiskError {
  if (error instanceof DiskError) return error;
  const parts: string[] = [];
  let code = "";
  let rest: unknown = error;
  while (rest instanceof Error) {
    parts.push(rest.message);
    if ("code" in rest && typeof rest.code === "string") code = rest.code;
    rest = rest.cause;
  }
  const text = parts.join(": ");
  return new DiskError(kindOf(code, text), path, text);
}

function kindOf(code: string, text: string): DiskError["kind"] {
  if (code === "LEVEL_LOCKED") return "locked";
  if (code === "LEVEL_CORRUPTION") return "corrupt";
  if (/No space left on device|ENOSPC|Disk quota exceeded|EDQUOT/.test(text)) return "full";
  return "io";
}
