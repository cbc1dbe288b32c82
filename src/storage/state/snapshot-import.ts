/**
 * Receiving a snapshot into a generation of its own, beside the state that is in use:
 *
 *     first piece --> new generation, progress noted --> ... --> last piece --> the new generation becomes the current one
 *
 * Each arrow is one atomic write, so a crash anywhere leaves either the old state with the progress made, or the new one.
 * Emptying a group is the same with a generation that has nothing in it.
 */
import { CodecError } from "../../core/bytes.ts";
import type { SnapshotChunk, SnapshotId } from "../../core/machine.ts";
import { DiskError } from "../../core/world.ts";
import type { Clock, Done, Store, StoreOperation } from "../../core/world.ts";
import { encodeApplied, encodeGenerations, encodeImport } from "./control.ts";
import type { ImportProgress } from "./control.ts";
import { EMPTY } from "./group-state.ts";
import type { GroupState } from "./group-state.ts";
import { appliedKey, generationsKey, importKey, oldGenerationKey, recordKey, recordPrefix } from "./keys.ts";
import { readChunk } from "./snapshot-chunk.ts";
import type { SnapshotEntry, SnapshotHeader } from "./snapshot-chunk.ts";

/** What became of a piece. */
export interface ImportResult {
  /** The cursor of the piece that is wanted now; null when none is. */
  readonly next: Uint8Array | null;
  /** It was the last piece, and the records are now the snapshot's. */
  readonly installed: boolean;
  /**
   * Why nothing was stored: another piece is wanted (`cursor`), the bytes were damaged on their way (`checksum`), or the
   * records are as new as the snapshot already (`stale`).
   */
  readonly refused: "cursor" | "checksum" | "stale" | null;
}

export interface ImportHost {
  readonly store: Store;
  readonly clock: Clock;
  /** The records are the snapshot's, and `old` is to be purged. */
  switched(state: GroupState, old: number): void;
  /** They are not: what was on its way to the store goes on. */
  notSwitched(state: GroupState): void;
  /** A generation that nothing refers to any more, on the store's list of them. */
  abandoned(state: GroupState, generation: number): void;
  fail(error: DiskError): void;
}

/** One change of the generations of a group. `finished` ends it, and then answers. */
interface Task {
  readonly replacesState: boolean;
  readonly start: (finished: (answer: () => void) => void) => void;
}

/** Receives one group's snapshots, one piece at a time, and empties the group. */
export class SnapshotImport {
  readonly #state: GroupState;
  readonly #host: ImportHost;
  readonly #queue: Task[] = [];
  #blocked = false;
  /** Asked for and not done. */
  #resets = 0;

  constructor(state: GroupState, host: ImportHost) {
    this.#state = state;
    this.#host = host;
  }

  /** Where `snapshot` goes on; empty: at its start. */
  expected(snapshot: SnapshotId): Uint8Array {
    const progress = this.#state.import;
    return progress !== null && progress.id === snapshot.id ? progress.cursor : EMPTY;
  }

  receive(snapshot: SnapshotId, chunk: SnapshotChunk, done: Done<ImportResult>): void {
    this.#add({
      replacesState: chunk.next === null,
      start: (finished) =>
        this.#store(snapshot, chunk, (error, result) => finished(() => done(error, result))),
    });
  }

  /** Empties the group: index 0, no records, nothing received. What waits here before it is answered as `missing`. */
  reset(done: Done): void {
    this.#resets++;
    this.#add({
      replacesState: false,
      start: (finished) => this.#empty((error) => finished(() => done(error))),
    });
    this.#unblock();
  }

  /** An entry has been applied as a whole, or never will be: what waited for that goes on. */
  entryDone(): void {
    this.#unblock();
  }

  #add(task: Task): void {
    this.#queue.push(task);
    if (this.#queue.length === 1) this.#host.clock.defer(() => this.#start());
  }

  #unblock(): void {
    if (this.#blocked) this.#start();
  }

  #start(): void {
    const task = this.#queue[0];
    if (task === undefined) return;
    const { midEntry, destroyed } = this.#state;
    // Half an entry must not be replaced: the other half would be applied to the snapshot's state.
    this.#blocked = task.replacesState && midEntry && !destroyed && this.#resets === 0;
    if (this.#blocked) return;
    let returned = false;
    task.start((answer) => {
      const end = (): void => {
        this.#queue.shift();
        if (this.#queue.length > 0) this.#host.clock.defer(() => this.#start());
        answer();
      };
      if (returned) end();
      else this.#host.clock.defer(end);
    });
    returned = true;
  }

  #store(snapshot: SnapshotId, chunk: SnapshotChunk, done: Done<ImportResult>): void {
    const state = this.#state;
    const refuse = (refused: ImportResult["refused"], next: Uint8Array | null): void =>
      done(null, { next, installed: false, refused });

    if (state.destroyed || this.#resets > 0) {
      done(new DiskError("missing", "state", "the group has been deleted here"));
      return;
    }
    const expected = this.expected(snapshot);
    if (!sameBytes(chunk.cursor, expected)) {
      refuse("cursor", expected);
      return;
    }
    let content: ReturnType<typeof readChunk>;
    try {
      content = readChunk(chunk.data);
      checkHeader(content?.header ?? null, snapshot, expected, content !== null);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      done(new DiskError("corrupt", "state", `snapshot ${snapshot.id}: ${error.message}`));
      return;
    }
    if (content === null) {
      refuse("checksum", expected);
      return;
    }

    const operations: StoreOperation[] = [];
    const before = state.import;
    let progress: ImportProgress;
    if (content.header === null && before !== null) {
      progress = before;
    } else {
      progress = this.#begin(snapshot, content.header!, operations);
    }
    // The staging generation of another snapshot, of which no further piece will come.
    const replaced = before !== null && before !== progress ? before.generation : null;

    if (chunk.next === null && state.appliedIndex >= snapshot.index) {
      this.#giveUp(snapshot, before, refuse, done);
      return;
    }
    putEntries(operations, recordPrefix(state.group, progress.generation), content.entries);
    if (chunk.next !== null) {
      const advanced: ImportProgress = { ...progress, cursor: chunk.next };
      operations.push({ type: "put", key: importKey(state.group), value: encodeImport(advanced) });
      this.#write(operations, done, () => {
        state.import = advanced;
        if (replaced !== null) this.#host.abandoned(state, replaced);
        done(null, { next: chunk.next, installed: false, refused: null });
      });
      return;
    }
    this.#install(progress, operations, replaced, done);
  }

  /** A new staging generation. Its number is used up even if the write fails. */
  #begin(snapshot: SnapshotId, header: SnapshotHeader, operations: StoreOperation[]): ImportProgress {
    const state = this.#state;
    const generation = state.nextGeneration++;
    operations.push({
      type: "put",
      key: generationsKey(state.group),
      value: encodeGenerations({ current: state.generation, next: state.nextGeneration }),
    });
    if (state.import !== null) {
      const key = oldGenerationKey(state.group, state.import.generation);
      operations.push({ type: "put", key, value: EMPTY });
    }
    return { id: snapshot.id, index: snapshot.index, meta: header.meta, generation, cursor: EMPTY };
  }

  /** The group applied its way past the snapshot in the meantime: what it has is kept. */
  #giveUp(
    snapshot: SnapshotId,
    before: ImportProgress | null,
    refuse: (refused: ImportResult["refused"], next: Uint8Array | null) => void,
    done: Done<ImportResult>,
  ): void {
    const state = this.#state;
    if (before === null || before.id !== snapshot.id) {
      refuse("stale", null);
      return;
    }
    const operations: StoreOperation[] = [
      { type: "delete", key: importKey(state.group) },
      { type: "put", key: oldGenerationKey(state.group, before.generation), value: EMPTY },
    ];
    this.#write(operations, done, () => {
      state.import = null;
      this.#host.abandoned(state, before.generation);
      refuse("stale", null);
    });
  }

  #install(
    progress: ImportProgress,
    operations: StoreOperation[],
    replaced: number | null,
    done: Done<ImportResult>,
  ): void {
    const state = this.#state;
    const { group } = state;
    const old = state.generation;
    const { generation, index, meta } = progress;
    operations.push(
      {
        type: "put",
        key: generationsKey(group),
        value: encodeGenerations({ current: generation, next: state.nextGeneration }),
      },
      { type: "put", key: appliedKey(group), value: encodeApplied({ index, meta }) },
      { type: "delete", key: importKey(group) },
      { type: "put", key: oldGenerationKey(group, old), value: EMPTY },
    );
    state.switching = true;
    this.#write(
      operations,
      (error, result) => {
        state.switching = false;
        this.#host.notSwitched(state);
        done(error, result);
      },
      () => {
        state.adopt(generation, index, meta, false);
        this.#host.switched(state, old);
        if (replaced !== null) this.#host.abandoned(state, replaced);
        done(null, { next: null, installed: true, refused: null });
      },
    );
  }

  #empty(done: Done): void {
    const state = this.#state;
    const { group } = state;
    const old = state.generation;
    const staged = state.import?.generation ?? null;
    const generation = state.nextGeneration++;
    const operations: StoreOperation[] = [
      {
        type: "put",
        key: generationsKey(group),
        value: encodeGenerations({ current: generation, next: state.nextGeneration }),
      },
      { type: "delete", key: appliedKey(group) },
      { type: "delete", key: importKey(group) },
      { type: "put", key: oldGenerationKey(group, old), value: EMPTY },
    ];
    if (staged !== null) {
      operations.push({ type: "put", key: oldGenerationKey(group, staged), value: EMPTY });
    }
    state.switching = true;
    this.#host.store.write(operations, (error) => {
      this.#resets--;
      if (error === null) {
        state.midEntry = false;
        state.adopt(generation, 0, EMPTY, true);
        this.#host.switched(state, old);
        if (staged !== null) this.#host.abandoned(state, staged);
      } else {
        state.switching = false;
        this.#host.notSwitched(state);
        if (error.kind !== "full") this.#host.fail(error);
      }
      done(error);
    });
  }

  /** A full disk is the sender's to try again; any other failure is final. */
  #write(operations: readonly StoreOperation[], done: Done<ImportResult>, then: () => void): void {
    this.#host.store.write(operations, (error) => {
      if (error === null) {
        then();
        return;
      }
      if (error.kind !== "full") this.#host.fail(error);
      done(error);
    });
  }
}

/** The first piece says what snapshot it is of; later ones do not. */
function checkHeader(
  header: SnapshotHeader | null,
  snapshot: SnapshotId,
  cursor: Uint8Array,
  intact: boolean,
): void {
  if (!intact) return;
  if ((cursor.length === 0) !== (header !== null))
    throw new CodecError("the header is not in the first piece");
  if (header !== null && header.index !== snapshot.index) {
    throw new CodecError(`announced for index ${snapshot.index}, but taken at ${header.index}`);
  }
}

function putEntries(
  operations: StoreOperation[],
  prefix: Uint8Array,
  entries: readonly SnapshotEntry[],
): void {
  for (const { space, id, value } of entries) {
    operations.push({ type: "put", key: recordKey(prefix, space, id), value });
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
