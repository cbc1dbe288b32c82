/**
 * Brings the overlays of all groups to the store in the background.
 *
 *     overlay --seal, at an entry's boundary--> flushing layer --one atomic write with the applied index--> store
 *
 * A group's layer is never split over two writes, so the store always holds the state after some entry; several groups
 * may share a write. Operations are made in slices, so that a large layer does not hold up the event loop.
 */
import type { Clock, DiskError, Store, StoreOperation, TimerHandle } from "../../core/world.ts";
import type { Millis } from "../../core/machine.ts";
import { encodeApplied } from "./control.ts";
import { EMPTY } from "./group-state.ts";
import type { GroupState, Sealed } from "./group-state.ts";
import { appliedKey, droppedSpaceKey, RecordKeys } from "./keys.ts";
import { Layer } from "./layer.ts";
import { SliceSize } from "./slice-size.ts";
import { IndexChanges } from "./record-index.ts";
import type { RecordIndex } from "./record-index.ts";

export interface FlushLimits {
  /** A flush starts when the overlays of all groups together hold this many bytes, */
  readonly flushBytes: number;
  /** or when an applied entry has waited this long. */
  readonly flushAge: Millis;
  /** Groups are gathered into one write until it has this many bytes. */
  readonly batchBytes: number;
}

export interface FlushHost {
  readonly store: Store;
  readonly clock: Clock;
  readonly limits: FlushLimits;
  readonly index: RecordIndex;
  groups(): Iterable<GroupState>;
  /** The layer is in the store. */
  flushed(state: GroupState, sealed: Sealed): void;
  /** A failure that does not pass. */
  fail(error: DiskError): void;
}

interface Part {
  readonly state: GroupState;
  readonly sealed: Sealed;
  readonly operations: StoreOperation[];
}

/** A write in the making. */
interface Batch {
  readonly parts: Part[];
  bytes: number;
  source: Iterator<StoreOperation> | null;
}

const newBatch = (): Batch => ({ parts: [], bytes: 0, source: null });

const FIRST_RETRY: Millis = 250;
const LAST_RETRY: Millis = 5000;

export class Flusher {
  /** Bytes of all overlays, and of all layers on their way. */
  overlayBytes = 0;
  flushingBytes = 0;
  /** Why nothing can be written at the moment. */
  problem: string | null = null;
  /** Completed writes and the records in them. */
  writes = 0;
  records = 0;

  readonly #host: FlushHost;
  readonly #keys = new RecordKeys();
  readonly #slice: SliceSize;
  #sealed: GroupState[] = [];
  #busy = false;
  #timer: TimerHandle | null = null;
  #retry: { readonly timer: TimerHandle; readonly attempt: () => void } | null = null;
  #retryDelay = FIRST_RETRY;
  #closing = false;
  #failed: DiskError | null = null;

  constructor(host: FlushHost) {
    this.#host = host;
    this.#slice = new SliceSize(() => host.clock.now());
  }

  /** An entry was applied as a whole. */
  entryDone(state: GroupState): void {
    if (state.wantsFlush) this.want(state);
    if (this.overlayBytes < this.#host.limits.flushBytes) this.#watchAge();
    else if (!this.#busy) this.#wantAll();
  }

  /** Seals the group's overlay now or, in the middle of an entry or of another flush, as soon as it can be. */
  want(state: GroupState): void {
    if (this.#failed !== null || state.destroyed) return;
    if (state.midEntry || state.switching || state.flushing !== null) {
      state.wantsFlush = true;
      return;
    }
    state.wantsFlush = false;
    if (!state.dirty) return;
    const layer = state.overlay;
    state.overlay = new Layer();
    state.flushing = {
      layer,
      index: state.appliedIndex,
      meta: state.meta,
      indexChanges: new IndexChanges(),
    };
    this.overlayBytes -= layer.bytes;
    this.flushingBytes += layer.bytes;
    this.#enqueue(state);
  }

  /** Runs `run`, at once or later, at a moment when the store reflects at least what is applied now. */
  whenFlushed(state: GroupState, run: (error: DiskError | null) => void): void {
    if (this.#failed !== null || !state.dirty) {
      run(this.#failed);
      return;
    }
    state.waiters.push({ index: state.appliedIndex, run });
    this.want(state);
  }

  /** Flushes every group. One in the middle of an entry is waited for, except when the store is being closed. */
  flushAll(run: (error: DiskError | null) => void): void {
    const waiting = [...this.#host.groups()].filter(
      (state) => state.dirty && !(this.#closing && state.midEntry),
    );
    let left = waiting.length;
    let first: DiskError | null = null;
    if (left === 0) {
      run(this.#failed);
      return;
    }
    for (const state of waiting) {
      this.whenFlushed(state, (error) => {
        first ??= error;
        if (--left === 0) run(first);
      });
    }
  }

  /** The group's unwritten layers are worth nothing any more: it was destroyed or replaced. */
  discard(state: GroupState): void {
    this.overlayBytes -= state.overlay.bytes;
    state.overlay = new Layer();
    if (state.flushing !== null) this.flushingBytes -= state.flushing.layer.bytes;
    state.flushing = null;
    state.wantsFlush = false;
  }

  /** After a snapshot did or did not take the group's place: goes on with what is left to write. */
  resume(state: GroupState): void {
    if (state.flushing !== null) this.#enqueue(state);
    else if (state.wantsFlush) this.want(state);
    this.#answer(state);
  }

  /** No more retries: what cannot be written now stays in the log. */
  beginClosing(): void {
    this.#closing = true;
    this.#timer?.cancel();
    const retry = this.#retry;
    if (retry === null) return;
    this.#retry = null;
    retry.timer.cancel();
    retry.attempt();
  }

  /** The store failed for good. */
  fail(error: DiskError): void {
    this.#failed ??= error;
    this.#timer?.cancel();
    this.#retry?.timer.cancel();
    for (const state of this.#host.groups()) failWaiters(state, this.#failed);
  }

  #wantAll(): void {
    for (const state of this.#host.groups()) {
      if (state.dirty || state.midEntry) this.want(state);
    }
  }

  #watchAge(): void {
    if (this.#timer !== null || this.#busy || this.#closing || this.#failed !== null) return;
    if (this.overlayBytes === 0 && ![...this.#host.groups()].some((state) => state.dirty)) return;
    this.#timer = this.#host.clock.setTimer(this.#host.limits.flushAge, () => {
      this.#timer = null;
      this.#wantAll();
    });
  }

  #enqueue(state: GroupState): void {
    if (!this.#sealed.includes(state)) this.#sealed.push(state);
    if (this.#busy) return;
    this.#busy = true;
    this.#slice.ended();
    this.#host.clock.defer(() => this.#gather(newBatch()));
  }

  /** Takes sealed groups until the write is large enough, and makes their operations, one slice a turn. */
  #gather(batch: Batch): void {
    if (this.#failed !== null) return;
    for (let left = this.#slice.next(); left > 0; left--) {
      const source = batch.source ?? this.#nextSource(batch);
      if (source === null) {
        if (batch.parts.length > 0) this.#write(batch.parts);
        else this.#rest();
        return;
      }
      const next = source.next();
      if (next.done === true) batch.source = null;
      else batch.parts.at(-1)!.operations.push(next.value);
    }
    this.#slice.ended();
    this.#host.clock.defer(() => this.#gather(batch));
  }

  /** Nothing is left to write, unless enough has come in the meantime. */
  #rest(): void {
    this.#busy = false;
    if (this.overlayBytes >= this.#host.limits.flushBytes) this.#wantAll();
    else this.#watchAge();
  }

  #nextSource(batch: Batch): Iterator<StoreOperation> | null {
    while (batch.bytes < this.#host.limits.batchBytes) {
      const state = this.#sealed.shift();
      if (state === undefined) return null;
      const sealed = state.flushing;
      if (sealed === null || state.switching) continue;
      batch.parts.push({ state, sealed, operations: [] });
      batch.bytes += sealed.layer.bytes;
      batch.source = operationsOf(state, sealed, this.#keys, this.#host);
      return batch.source;
    }
    return null;
  }

  #write(parts: readonly Part[]): void {
    if (this.#failed !== null) return;
    // Since it was sealed, a group may have been destroyed or given up its place to a snapshot.
    const valid = parts.filter(({ state, sealed }) => state.flushing === sealed && !state.switching);
    if (valid.length === 0) {
      this.problem = null;
      this.#gather(newBatch());
      return;
    }
    const operations = valid.length === 1 ? valid[0]!.operations : valid.flatMap((part) => part.operations);
    this.#host.store.write(operations, (error) => this.#written(valid, error));
  }

  #written(parts: readonly Part[], error: DiskError | null): void {
    if (this.#failed !== null) return;
    if (error !== null) {
      if (error.kind === "full") this.#tryLater(error, parts);
      else this.#host.fail(error);
      return;
    }
    this.problem = null;
    this.#retryDelay = FIRST_RETRY;
    this.writes++;
    for (const { state, sealed } of parts) {
      if (state.flushing !== sealed) continue;
      this.#host.index.apply(sealed.indexChanges);
      state.flushing = null;
      this.flushingBytes -= sealed.layer.bytes;
      this.records += sealed.layer.records;
      state.durableIndex = sealed.index;
      state.durableMeta = sealed.meta;
      for (const space of sealed.layer.dropped) state.listed.add(space);
      this.#host.flushed(state, sealed);
      if (state.wantsFlush) this.want(state);
      this.#answer(state);
    }
    this.#gather(newBatch());
  }

  /** A full disk passes: the layers stay where they are, are read from there, and are written when there is space. */
  #tryLater(error: DiskError, parts: readonly Part[]): void {
    this.problem = error.message;
    if (this.#closing) {
      for (const state of this.#host.groups()) failWaiters(state, error);
      return;
    }
    const attempt = (): void => {
      this.#retry = null;
      this.#write(parts);
    };
    this.#retry = { timer: this.#host.clock.setTimer(this.#retryDelay, attempt), attempt };
    this.#retryDelay = Math.min(this.#retryDelay * 2, LAST_RETRY);
  }

  #answer(state: GroupState): void {
    const waiters = state.waiters;
    if (waiters.length === 0) return;
    state.waiters = waiters.filter((waiter) => waiter.index > state.durableIndex);
    for (const waiter of waiters) if (waiter.index <= state.durableIndex) waiter.run(null);
    if (state.waiters.length > 0) this.want(state);
  }
}

/** Answers everybody who waits for this group's flush. */
export function failWaiters(state: GroupState, error: DiskError): void {
  const waiters = state.waiters;
  state.waiters = [];
  for (const waiter of waiters) waiter.run(error);
}

/** Also prepares what the index has to learn, which takes as long as making keys. */
function* operationsOf(
  state: GroupState,
  sealed: Sealed,
  keys: RecordKeys,
  { index }: FlushHost,
): Generator<StoreOperation> {
  for (const [space, changes] of sealed.layer.spaces) {
    const indexed = index.covers(space) ? state.indexed(space, index) : 0;
    for (const [id, value] of changes.records) {
      if (indexed > 0) index.prepare(sealed.indexChanges, indexed, id, value);
      const key = keys.make(state.prefix, space, id);
      yield value === null ? { type: "delete", key } : { type: "put", key, value };
    }
  }
  for (const space of sealed.layer.dropped) {
    yield { type: "put", key: droppedSpaceKey(state.group, state.generation, space), value: EMPTY };
  }
  yield { type: "put", key: appliedKey(state.group), value: encodeApplied(sealed) };
}
