/** Handing out a group's state while it goes on changing: the store's own snapshot, read in pieces. */
import type { LogIndex, Millis } from "../../core/machine.ts";
import { DiskError } from "../../core/world.ts";
import type { Clock, Done, Store, StoreEntry, StoreSnapshot } from "../../core/world.ts";
import type { OperationQueue } from "../disk/operation-queue.ts";
import type { GroupState } from "./group-state.ts";
import { generationRange, idOf, RECORD_PREFIX_LENGTH, spaceOf, spaceRange, successor } from "./keys.ts";
import { ChunkWriter } from "./snapshot-chunk.ts";

/** Records read at once, and taken over in one turn of the event loop: some 1.5 ms. */
const PAGE = 256;
/** Between two pages: who waits for an answer gets the greater part of the event loop. */
const PAUSE: Millis = 3;

export interface ExportedChunk {
  readonly data: Uint8Array;
  /** Where the following piece starts; null after the last one. */
  readonly next: Uint8Array | null;
}

/** The state after `index`, for any number of readers at once. Holds disk space until it is released. */
export interface SnapshotHandle {
  /** Never given to two snapshots, also not by two nodes or after a restart. */
  readonly id: string;
  readonly index: LogIndex;
  readonly meta: Uint8Array;
  /**
   * The piece at `cursor` (empty: the first), self-checking, of at least one record and not much over `limitBytes` unless
   * one record is. The same cursor always gives the same records. A cursor that this snapshot did not hand out, or a
   * released snapshot, is an `io` error. Never calls back before it returns.
   */
  read(cursor: Uint8Array, limitBytes: number, done: Done<ExportedChunk>): void;
  release(): void;
}

/** At a moment when the store has exactly the group's `durableIndex`. */
export function takeSnapshot(
  store: Store,
  clock: Clock,
  state: GroupState,
  id: string,
  pages: OperationQueue,
): SnapshotHandle {
  return new StoreSnapshotHandle(store, clock, state, id, pages);
}

class StoreSnapshotHandle implements SnapshotHandle {
  readonly id: string;
  readonly index: LogIndex;
  readonly meta: Uint8Array;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #snapshot: StoreSnapshot;
  /** One page at a time for all snapshots of the node: a new node asks for those of all its groups at once. */
  readonly #pages: OperationQueue;
  readonly #prefix: Uint8Array;
  readonly #end: Uint8Array;
  /** Their records wait for being deleted. Spaces dropped after this snapshot belong to it. */
  readonly #dropped: ReadonlySet<string>;
  #reading = 0;
  #released = false;

  constructor(store: Store, clock: Clock, state: GroupState, id: string, pages: OperationQueue) {
    this.id = id;
    this.index = state.durableIndex;
    this.meta = state.durableMeta;
    this.#store = store;
    this.#clock = clock;
    this.#pages = pages;
    this.#snapshot = store.snapshot();
    this.#prefix = state.prefix;
    this.#end = generationRange(state.group, state.generation).to;
    this.#dropped = new Set(state.listed);
  }

  read(cursor: Uint8Array, limitBytes: number, done: Done<ExportedChunk>): void {
    const refusal = this.#released
      ? "the snapshot has been released"
      : cursor.length > 0 && cursor.length <= cursor[0]!
        ? "not a cursor of this snapshot"
        : null;
    if (refusal !== null) {
      this.#clock.defer(() => done(new DiskError("io", "state", refusal)));
      return;
    }
    const header = cursor.length === 0 ? { index: this.index, meta: this.meta } : null;
    const writer = new ChunkWriter(header, Math.min(limitBytes + 1024, 1024 * 1024));
    const from = new Uint8Array(RECORD_PREFIX_LENGTH + cursor.length);
    from.set(this.#prefix);
    from.set(cursor, RECORD_PREFIX_LENGTH);
    this.#reading++;
    this.#fill(writer, from, limitBytes, (error, next) => {
      this.#reading--;
      this.#releaseIfUnused();
      if (error !== null) done(error);
      else done(null, { data: writer.finish(), next: next ?? null });
    });
  }

  release(): void {
    if (this.#released) return;
    this.#released = true;
    this.#releaseIfUnused();
  }

  #releaseIfUnused(): void {
    if (this.#released && this.#reading === 0) this.#snapshot.release();
  }

  #fill(writer: ChunkWriter, from: Uint8Array, limitBytes: number, done: Done<Uint8Array | null>): void {
    const room = Math.max(0, limitBytes - writer.length);
    const range = { from, to: this.#end, limit: PAGE, limitBytes: room, snapshot: this.#snapshot };
    this.#pages.run((nextPage) => {
      this.#store.range(range, (error, page) => {
        this.#clock.setTimer(PAUSE, nextPage);
        if (error !== null || page === undefined) {
          done(error);
          return;
        }
        const skipTo = this.#add(writer, page.entries);
        const last = page.entries.at(-1);
        if (skipTo === null && (!page.more || last === undefined)) {
          done(null, null);
          return;
        }
        const next = skipTo ?? successor(last!.key);
        if (writer.length >= limitBytes) done(null, next.slice(RECORD_PREFIX_LENGTH));
        else this.#fill(writer, next, limitBytes, done);
      });
    });
  }

  /** Returns where a dropped space ends, if it came upon one. */
  #add(writer: ChunkWriter, entries: readonly StoreEntry[]): Uint8Array | null {
    for (const { key, value } of entries) {
      const space = spaceOf(key);
      if (this.#dropped.has(space)) return spaceRange(this.#prefix, space).to;
      writer.add(space, idOf(key), value);
    }
    return null;
  }
}
