/** One group's records, as the host and the data types see them. */
import { invariant } from "../../core/assert.ts";
import type { GroupId } from "../../core/ids.ts";
import type { LogIndex } from "../../core/machine.ts";
import type { LoadedRange, RangeRequest, RecordWriter } from "../../core/records.ts";
import { DiskError } from "../../core/world.ts";
import type { Clock, Store } from "../../core/world.ts";
import type { Flusher } from "./flusher.ts";
import type { GroupState } from "./group-state.ts";
import { LookupKey } from "./keys.ts";
import { loadRange } from "./range-load.ts";
import { ABSENT, firstByteOf, UNKNOWN } from "./record-index.ts";
import type { RecordIndex } from "./record-index.ts";

/** What the records need from the node's state store. */
export interface RecordsHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly flusher: Flusher;
  readonly index: RecordIndex;
  readonly loadBytes: number;
  entryDone(state: GroupState): void;
  fail(error: DiskError): void;
}

/**
 * Writes go to memory and reach the store in the background (see `flusher.ts`); what makes them durable is the log. The
 * host encloses every log entry in `begin` and `applied`, so that the store never holds half an entry.
 */
export class ShardRecords implements RecordWriter {
  readonly #state: GroupState;
  readonly #host: RecordsHost;
  readonly #key = new LookupKey();

  constructor(state: GroupState, host: RecordsHost) {
    this.#state = state;
    this.#host = host;
  }

  get group(): GroupId {
    return this.#state.group;
  }

  /** The last entry applied as a whole. After a restart: the last one in the store; the log goes on from there. */
  get appliedIndex(): LogIndex {
    return this.#state.appliedIndex;
  }

  /** What the host gave with that entry; empty before the first one. */
  get meta(): Uint8Array {
    return this.#state.meta;
  }

  /** The store reflects the log up to here. */
  get flushedIndex(): LogIndex {
    return this.#state.durableIndex;
  }

  /** The last piece of a snapshot is being installed: nothing may be applied before its answer. */
  get installing(): boolean {
    return this.#state.switching;
  }

  /** Throws `DiskError` when the store cannot be read; that is final for the node's storage. */
  get(space: string, id: string): Uint8Array | undefined {
    const state = this.#state;
    const written = state.overlay.get(space, id);
    if (written !== undefined) return written ?? undefined;
    if (state.dropped.size > 0 && state.dropped.has(space)) return undefined;
    if (state.flushing !== null) {
      const flushing = state.flushing.layer.get(space, id);
      if (flushing !== undefined) return flushing ?? undefined;
    }
    const cached = state.cache.get(space, id);
    if (cached !== undefined) return cached;
    const stored = this.#read(this.#key.make(state.prefix, space, id));
    if (stored !== undefined) state.cache.add(space, id, stored);
    return stored;
  }

  /** As `get`; what is in the store is looked up in memory, where the space is indexed. */
  firstByte(space: string, id: string): number {
    const state = this.#state;
    const written = state.overlay.get(space, id);
    if (written !== undefined) return firstByteOf(written);
    const { index } = this.#host;
    if (!index.covers(space)) return firstByteOf(this.get(space, id));
    if (state.dropped.size > 0 && state.dropped.has(space)) return ABSENT;
    if (state.flushing !== null) {
      const flushing = state.flushing.layer.get(space, id);
      if (flushing !== undefined) return firstByteOf(flushing);
    }
    const number = state.indexed(space, index);
    const found = index.find(number, id);
    if (found !== UNKNOWN) return found;
    if (state.allIndexed && index.lossless) return ABSENT;
    const cached = state.cache.get(space, id);
    if (cached !== undefined) return firstByteOf(cached);
    const stored = this.#read(this.#key.make(state.prefix, space, id));
    if (stored !== undefined) index.note(number, id, stored);
    return firstByteOf(stored);
  }

  put(space: string, id: string, value: Uint8Array): void {
    this.#write(space, id, value);
  }

  delete(space: string, id: string): void {
    this.#write(space, id, null);
  }

  drop(space: string): void {
    const state = this.#state;
    invariant(state.midEntry, "records change only between begin and applied");
    if (state.dropped.has(space)) return;
    this.#host.flusher.overlayBytes += state.overlay.drop(space);
    state.dropped.add(space);
    state.cache.drop(space);
  }

  /** The changes of one log entry begin. It may last over several turns, with loads in between. */
  begin(): void {
    const state = this.#state;
    invariant(!state.midEntry, "the entry before has been applied");
    invariant(!state.switching, "nothing is applied while a snapshot is being installed");
    invariant(!state.destroyed, "a destroyed group applies nothing");
    state.midEntry = true;
  }

  /**
   * The entry at `index` has been applied as a whole. `meta` is what the host wants back with this index after a restart,
   * or makes it; that is asked of the last entry only, before the next one begins or between two. Bytes are kept, not
   * copied. From now on the store may take this state over.
   */
  applied(index: LogIndex, meta: Uint8Array | (() => Uint8Array)): void {
    const state = this.#state;
    invariant(state.midEntry, "begin comes before applied");
    invariant(index > state.appliedIndex, "entries are applied in order, each once");
    state.midEntry = false;
    state.appliedIndex = index;
    state.meta = meta;
    this.#host.entryDone(state);
  }

  /**
   * Reads ranges of spaces, all as of this moment, whatever is written or flushed before the answer. Never calls back
   * before it returns. A range ends at its limit or once its ids and values exceed `loadBytes`; whether more follows is
   * exact, and the same on every replica.
   */
  load(
    requests: readonly RangeRequest[],
    done: (error: DiskError | null, loaded?: readonly LoadedRange[]) => void,
  ): void {
    const state = this.#state;
    const { store, clock, loadBytes } = this.#host;
    const loaded: LoadedRange[] = requests.map(() => ({ entries: [], more: false }));
    const present = requests.map((_, i) => i).filter((i) => !state.dropped.has(requests[i]!.space));
    if (present.length === 0) {
      clock.defer(() => done(null, loaded));
      return;
    }
    const layers = [state.overlay, state.flushing?.layer ?? null];
    const snapshot = store.snapshot();
    let left = present.length;
    let failure: DiskError | null = null;
    for (const i of present) {
      loadRange(store, snapshot, state.prefix, layers, requests[i]!, loadBytes, (error, range) => {
        failure ??= error;
        if (range !== undefined) loaded[i] = range;
        if (--left > 0) return;
        snapshot.release();
        if (failure !== null) {
          this.#host.fail(failure);
          done(failure);
        } else {
          done(null, loaded);
        }
      });
    }
  }

  #write(space: string, id: string, value: Uint8Array | null): void {
    const state = this.#state;
    invariant(state.midEntry, "records change only between begin and applied");
    invariant(state.dropped.size === 0 || !state.dropped.has(space), "a dropped space is not used again");
    this.#host.flusher.overlayBytes += state.overlay.set(space, id, value);
    state.cache.remove(space, id);
  }

  #read(key: Uint8Array): Uint8Array | undefined {
    try {
      return this.#host.store.get(key);
    } catch (error) {
      if (error instanceof DiskError) this.#host.fail(error);
      throw error;
    }
  }
}
