/**
 * The records of all groups of a node, in one store. Applied commands change memory only (`records.ts`); the store follows
 * in the background (`flusher.ts`) and always holds every group as of some applied entry, so that recovery replays the log
 * from exactly there. Which keys mean what: `keys.ts`.
 */
import { invariant } from "../../core/assert.ts";
import { CodecError } from "../../core/bytes.ts";
import { groupId } from "../../core/ids.ts";
import type { GroupId } from "../../core/ids.ts";
import type { LogIndex, Millis, SnapshotChunk, SnapshotId } from "../../core/machine.ts";
import { DiskError } from "../../core/world.ts";
import type { Clock, Done, Random, Store, StoreEntry } from "../../core/world.ts";
import { OperationQueue } from "../disk/operation-queue.ts";
import { decodeApplied, decodeFormat, decodeGenerations, decodeImport } from "./control.ts";
import { encodeFormat, FORMAT_VERSION } from "./control.ts";
import { failWaiters, Flusher } from "./flusher.ts";
import { EMPTY, GroupState } from "./group-state.ts";
import * as keys from "./keys.ts";
import { Purger } from "./purger.ts";
import { RecordCache } from "./record-cache.ts";
import { RecordIndex } from "./record-index.ts";
import { ShardRecords } from "./records.ts";
import { ReservedStore } from "./reserved-store.ts";
import { takeSnapshot } from "./snapshot-export.ts";
import type { SnapshotHandle } from "./snapshot-export.ts";
import { SnapshotImport } from "./snapshot-import.ts";
import type { ImportResult } from "./snapshot-import.ts";

export interface StateLimits {
  /** A flush starts when unflushed changes take this many bytes, */
  readonly flushBytes: number;
  /** or when an applied entry has waited this long. */
  readonly flushAge: Millis;
  /** Beyond this, `overloaded` is true and the host takes no more writes. */
  readonly overlayBytes: number;
  /** Records read from the store and kept in memory, for all groups together. */
  readonly cacheBytes: number;
  /** The index of records' first bytes: at most so much memory, 12 bytes a record, three to six eighths of it in use. */
  readonly indexBytes: number;
  /** Changes of several groups share a write up to this size. It is synced, and syncs of the log wait for that. */
  readonly batchBytes: number;
  /** Left free on the volume when it is known how much is (`free`): for compaction, and for deleting. */
  readonly reserveBytes: number;
  /** A loaded range ends once it exceeds this. */
  readonly loadBytes: number;
}

const MiB = 1024 * 1024;

export const STATE_LIMITS: StateLimits = {
  flushBytes: 8 * MiB,
  flushAge: 2000,
  overlayBytes: 256 * MiB,
  cacheBytes: 64 * MiB,
  indexBytes: 64 * MiB,
  batchBytes: MiB,
  reserveBytes: 64 * MiB,
  loadBytes: 8 * MiB,
};

export interface StateStoreOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly random: Random;
  readonly limits?: Partial<StateLimits>;
  /** Spaces whose records are asked for their first bytes (`RecordReader.firstByte`) alone. None, if left out. */
  readonly isIndexed?: (space: string) => boolean;
  /** Free bytes on the store's volume. Without it a full disk shows only when a write fails. */
  readonly free?: (done: Done<number>) => void;
  /** The store reflects the group's log up to `index`: the log before it is not needed for recovery any more. */
  readonly onFlushed: (group: GroupId, index: LogIndex) => void;
  /** The store failed for good: nothing is flushed any more. Called once. */
  readonly onFailed: (error: DiskError) => void;
}

export interface StateStats {
  readonly overlayBytes: number;
  readonly cacheBytes: number;
  readonly flushes: number;
  readonly flushedRecords: number;
  readonly purgePending: number;
  readonly purged: number;
}

interface Group {
  readonly state: GroupState;
  readonly records: ShardRecords;
  readonly imports: SnapshotImport;
}

const SCAN_PAGE = 1024;

export class StateStore {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #options: StateStoreOptions;
  readonly #limits: StateLimits;
  readonly #cache: RecordCache;
  readonly #index: RecordIndex;
  readonly #flusher: Flusher;
  readonly #purger: Purger;
  readonly #groups = new Map<GroupId, Group>();
  /** Of snapshots that are being read. */
  readonly #pages = new OperationQueue();
  /** Destroyed groups: their numbers are never used again. */
  readonly #destroyed = new Set<GroupId>();
  /** Makes the ids of this process' snapshots unlike all others. */
  readonly #snapshotPrefix: string;
  #snapshots = 0;
  #failed: DiskError | null = null;

  /**
   * Reads what the store knows about its groups, and goes on with purging. Errors: those of the store; `corrupt` when it
   * holds something unreadable or was written by a newer version.
   */
  static open(options: StateStoreOptions, done: Done<StateStore>): void {
    const state = new StateStore(options);
    state.#scan(keys.CONTROL_RANGE.from, [], (error) => {
      if (error === null) done(null, state);
      else done(error);
    });
  }

  private constructor(options: StateStoreOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#limits = { ...STATE_LIMITS, ...options.limits };
    this.#store =
      options.free === undefined
        ? options.store
        : new ReservedStore(options.store, options.free, this.#limits.reserveBytes);
    this.#cache = new RecordCache(this.#limits.cacheBytes);
    const { isIndexed = () => false } = options;
    this.#index = new RecordIndex(this.#limits.indexBytes, options.random.bytes(16), isIndexed);
    const fail = (error: DiskError): void => this.#fail(error);
    this.#purger = new Purger({ store: this.#store, clock: options.clock, fail });
    this.#flusher = new Flusher({
      store: this.#store,
      clock: options.clock,
      limits: this.#limits,
      index: this.#index,
      groups: () => [...this.#groups.values()].map((group) => group.state),
      flushed: (state, sealed) => {
        for (const space of sealed.layer.dropped) this.#purgeSpace(state, space);
        options.onFlushed(state.group, sealed.index);
      },
      fail,
    });
    this.#snapshotPrefix = [...options.random.bytes(12)]
      .map((byte) => byte.toString(16).padStart(2, "0"))
      .join("");
  }

  /** Groups with anything in the store or opened since, in no particular order. */
  groups(): readonly GroupId[] {
    return [...this.#groups.keys()];
  }

  /** The group's records, as of the last entry that reached the store; empty, at index 0, for a group that is new here. */
  openGroup(group: GroupId): ShardRecords {
    return this.#group(group).records;
  }

  /**
   * Deletes a group with everything that belongs to it. Its number is never used again. `done` when the decision is
   * durable; the records go in the background, also after a restart. On a full disk the decision is not durable: ask again.
   */
  destroyGroup(group: GroupId, done: Done): void {
    const found = this.#groups.get(group);
    this.#groups.delete(group);
    this.#destroyed.add(group);
    if (found !== undefined) {
      found.state.destroyed = true;
      this.#flusher.discard(found.state);
      this.#cache.forget(found.state.cache);
      failWaiters(found.state, new DiskError("missing", "state", "the group has been destroyed"));
      found.imports.entryDone();
    }
    this.#store.write([{ type: "put", key: keys.purgeGroupKey(group), value: EMPTY }], (error) => {
      if (error === null) this.#purgeGroup(group);
      else if (error.kind !== "full") this.#fail(error);
      done(error);
    });
  }

  /**
   * Empties a group, as if it had never been here: index 0, no records. For a replica that left and may come back one day.
   * `done` when that is durable; the records go in the background. The host applies nothing to the group meanwhile; an
   * entry that was being applied is forgotten. Errors: `full` (the group is as it was; ask again), the store's failure.
   */
  resetGroup(group: GroupId, done: Done): void {
    const { state, imports } = this.#group(group);
    imports.reset((error) => {
      if (error === null) {
        failWaiters(state, new DiskError("missing", "state", "the group has been deleted here"));
      }
      done(error);
    });
  }

  /** Brings all changes to the store: `done` when everything applied before the call is there. */
  flush(done: Done): void {
    this.#flusher.flushAll((error) => this.#clock.defer(() => done(error)));
  }

  /**
   * A snapshot of the group's present state (at the end of the entry that is being applied, if one is). The caller
   * releases it. On a full disk it comes when there is space. Errors: `missing` when the group is deleted meanwhile, `io`
   * when the store is closed, or the store's failure.
   */
  exportSnapshot(group: GroupId, done: Done<SnapshotHandle>): void {
    const { state } = this.#group(group);
    this.#flusher.whenFlushed(state, (error) => {
      if (error !== null) {
        this.#clock.defer(() => done(error));
        return;
      }
      const id = `${this.#snapshotPrefix}-${++this.#snapshots}`;
      const handle = takeSnapshot(this.#store, this.#clock, state, id, this.#pages);
      this.#clock.defer(() => done(null, handle));
    });
  }

  /** The cursor of the piece that `importChunk` takes next: empty when it has nothing of this snapshot. */
  expectedCursor(group: GroupId, snapshot: SnapshotId): Uint8Array {
    return this.#group(group).imports.expected(snapshot);
  }

  /**
   * Stores one piece of a snapshot beside the group's state; durable when done. The last one replaces the state, at once
   * and as a whole: between giving it here and its answer the host applies nothing to the group, and afterwards it goes on
   * from the records' new `appliedIndex` and `meta`. A piece of another snapshot's start discards what there was of the
   * former one. Errors: `full` (nothing happened; try again), `corrupt` (not a piece of a snapshot), the store's failure.
   */
  importChunk(group: GroupId, snapshot: SnapshotId, chunk: SnapshotChunk, done: Done<ImportResult>): void {
    this.#group(group).imports.receive(snapshot, chunk, done);
  }

  /** Memory of the changes that are not in the store yet. */
  overlayBytes(): number {
    return this.#flusher.overlayBytes + this.#flusher.flushingBytes;
  }

  /** The store does not keep up: take no more writes until it does. */
  get overloaded(): boolean {
    return this.overlayBytes() > this.#limits.overlayBytes;
  }

  /** Why nothing reaches the store at present; a full disk, mostly. Passes by itself. */
  get problem(): string | null {
    return this.#flusher.problem ?? this.#purger.problem;
  }

  /** Why nothing ever will again. */
  get failed(): DiskError | null {
    return this.#failed;
  }

  stats(): StateStats {
    return {
      overlayBytes: this.overlayBytes(),
      cacheBytes: this.#cache.bytes,
      flushes: this.#flusher.writes,
      flushedRecords: this.#flusher.records,
      purgePending: this.#purger.pending,
      purged: this.#purger.purged,
    };
  }

  /**
   * Flushes what can be flushed and closes the store. What cannot be (a full disk, a failed store, an entry that is not
   * applied as a whole) is in the log and is applied again after the next start.
   */
  close(done: Done): void {
    this.#flusher.beginClosing();
    this.#flusher.flushAll(() => {
      const closing = new DiskError("io", "state", "the store is being closed");
      for (const { state } of this.#groups.values()) failWaiters(state, closing);
      this.#purger.stop(() => this.#clock.defer(() => this.#store.close(done)));
    });
  }

  #group(group: GroupId): Group {
    invariant(!this.#destroyed.has(group), "the number of a destroyed group is not used again");
    const known = this.#groups.get(group);
    if (known !== undefined) return known;
    const added = this.#addGroup(group, 1, 2);
    added.state.allIndexed = true;
    return added;
  }

  #addGroup(id: GroupId, current: number, next: number): Group {
    const state = new GroupState(id, this.#cache.part(), current, next);
    const fail = (error: DiskError): void => this.#fail(error);
    const imports = new SnapshotImport(state, {
      store: this.#store,
      clock: this.#clock,
      switched: (_, old) => this.#switched(state, old),
      notSwitched: () => this.#flusher.resume(state),
      abandoned: (_, generation) => this.#purgeGeneration(state, generation),
      fail,
    });
    const records = new ShardRecords(state, {
      store: this.#store,
      clock: this.#clock,
      flusher: this.#flusher,
      index: this.#index,
      loadBytes: this.#limits.loadBytes,
      entryDone: () => {
        this.#flusher.entryDone(state);
        imports.entryDone();
      },
      fail,
    });
    const group = { state, records, imports };
    this.#groups.set(id, group);
    return group;
  }

  #switched(state: GroupState, old: number): void {
    if (state.destroyed) return;
    this.#flusher.discard(state);
    this.#purgeGeneration(state, old);
    this.#flusher.resume(state);
  }

  #purgeSpace(state: GroupState, space: string): void {
    const { group, generation, prefix } = state;
    this.#purger.add({
      ranges: [keys.spaceRange(prefix, space)],
      entry: keys.droppedSpaceKey(group, generation, space),
      small: true,
      done: () => {
        if (state.generation !== generation) return;
        state.forgetDropped(space);
      },
    });
  }

  #purgeGeneration({ group }: GroupState, generation: number): void {
    this.#purger.add({
      ranges: [keys.generationRange(group, generation), keys.droppedSpacesRange(group, generation)],
      entry: keys.oldGenerationKey(group, generation),
      small: false,
      done: () => undefined,
    });
  }

  #purgeGroup(group: GroupId): void {
    this.#purger.add({
      ranges: [keys.groupRecordsRange(group), keys.controlRange(group)],
      entry: keys.purgeGroupKey(group),
      small: false,
      done: () => undefined,
    });
  }

  #fail(error: DiskError): void {
    if (this.#failed !== null) return;
    this.#failed = error;
    this.#flusher.fail(error);
    this.#purger.stop(() => undefined);
    this.#options.onFailed(error);
  }

  #scan(from: Uint8Array, found: StoreEntry[], done: Done): void {
    const range = { from, to: keys.CONTROL_RANGE.to, limit: SCAN_PAGE, limitBytes: MiB };
    this.#store.range(range, (error, page) => {
      if (error !== null || page === undefined) {
        done(error);
        return;
      }
      for (const entry of page.entries) found.push(entry);
      const last = page.entries.at(-1);
      if (page.more && last !== undefined) this.#scan(keys.successor(last.key), found, done);
      else this.#restore(found, done);
    });
  }

  #restore(found: readonly StoreEntry[], done: Done): void {
    try {
      for (const entry of found) this.#restoreEntry(entry);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      done(new DiskError("corrupt", "state", error.message));
      return;
    }
    if (found.length > 0) {
      done(null);
      return;
    }
    // Before anything else is in the store, so that a store without a version is an empty one.
    this.#store.write([{ type: "put", key: keys.FORMAT_KEY, value: encodeFormat(FORMAT_VERSION) }], done);
  }

  /** Keys come in order: the format, destroyed groups, then group by group; a group's generations come first. */
  #restoreEntry({ key, value }: StoreEntry): void {
    const entry = keys.parseControlKey(key);
    if (entry.kind === "format") {
      const version = decodeFormat(value);
      if (version <= FORMAT_VERSION) return;
      throw new CodecError(
        `the store has format version ${version}; this Kvorum knows versions up to ${FORMAT_VERSION}`,
      );
    }
    const id = groupId(entry.group);
    if (entry.kind === "purge-group") {
      this.#destroyed.add(id);
      this.#purgeGroup(id);
      return;
    }
    if (this.#destroyed.has(id)) return;
    if (entry.kind === "generations") {
      const { current, next } = decodeGenerations(value);
      this.#addGroup(id, current, next);
      return;
    }
    const { state } = this.#groups.get(id) ?? this.#addGroup(id, 1, 2);
    switch (entry.kind) {
      case "applied": {
        const { index, meta } = decodeApplied(value);
        state.appliedIndex = state.durableIndex = index;
        state.meta = state.durableMeta = meta;
        return;
      }
      case "import":
        state.import = decodeImport(value);
        return;
      case "old-generation":
        this.#purgeGeneration(state, entry.generation);
        return;
      case "dropped-space":
        if (entry.generation !== state.generation) return;
        state.dropped.add(entry.space);
        state.listed.add(entry.space);
        this.#purgeSpace(state, entry.space);
    }
  }
}
