/**
 * A store that refuses writes as `full` before the volume is. LevelDB does not survive a full disk well: a write that
 * fails half way leaves the end of its own log unknown, and only opening it anew helps. So it is not driven into one.
 */
import { DiskError } from "../../core/world.ts";
import type { Done, Store, StoreEntry, StoreOperation, StoreRange, StoreSnapshot } from "../../core/world.ts";

interface QueuedWrite {
  readonly operations: readonly StoreOperation[];
  readonly done: Done;
}

/** A write goes through LevelDB's log and, later, its tables. */
const COPIES = 2;

export class ReservedStore implements Store {
  readonly #store: Store;
  readonly #free: (done: Done<number>) => void;
  readonly #reserveBytes: number;
  /** Looked at in turn, so that writes keep their order. */
  readonly #writes: QueuedWrite[] = [];
  #checking = false;
  #closing: Done | null = null;

  /** `reserveBytes` are left to compaction. Deletions, which make room in the end, may use three quarters of them. */
  constructor(store: Store, free: (done: Done<number>) => void, reserveBytes: number) {
    this.#store = store;
    this.#free = free;
    this.#reserveBytes = reserveBytes;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    return this.#store.get(key);
  }

  write(operations: readonly StoreOperation[], done: Done): void {
    this.#writes.push({ operations, done });
    if (this.#checking) return;
    this.#checking = true;
    this.#checkNext();
  }

  range(
    range: StoreRange,
    done: Done<{ readonly entries: readonly StoreEntry[]; readonly more: boolean }>,
  ): void {
    this.#store.range(range, done);
  }

  clear(from: Uint8Array, to: Uint8Array, done: Done<Uint8Array | null>): void {
    this.#store.clear(from, to, done);
  }

  snapshot(): StoreSnapshot {
    return this.#store.snapshot();
  }

  /** After the answers to all writes. */
  close(done: Done): void {
    if (!this.#checking) this.#store.close(done);
    else this.#closing = done;
  }

  #checkNext(): void {
    const write = this.#writes.shift();
    if (write === undefined) {
      this.#checking = false;
      const closing = this.#closing;
      this.#closing = null;
      if (closing !== null) this.#store.close(closing);
      return;
    }
    this.#free((error, available = 0) => {
      const needed = this.#needs(write.operations);
      if (error !== null) write.done(error);
      else if (available >= needed) this.#store.write(write.operations, write.done);
      else write.done(new DiskError("full", "state", `${available} bytes free, ${needed} needed`));
      this.#checkNext();
    });
  }

  #needs(operations: readonly StoreOperation[]): number {
    let bytes = 0;
    let puts = false;
    for (const operation of operations) {
      bytes += operation.key.length;
      if (operation.type === "put") {
        puts = true;
        bytes += operation.value.length;
      }
    }
    return bytes * COPIES + (puts ? this.#reserveBytes : this.#reserveBytes / 4);
  }
}
