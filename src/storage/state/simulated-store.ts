/**
 * The twin of the level store in the simulated world. The disk outlives its node: what was written is there when the
 * store is opened again, and a crash decides by chance how much of what was under way is.
 */
import { binaryBytes, binaryString } from "../../core/bytes.ts";
import { DiskError } from "../../core/world.ts";
import type {
  Clock,
  Done,
  Random,
  Store,
  StoreEntry,
  StoreOperation,
  StoreRange,
  StoreSnapshot,
} from "../../core/world.ts";
import type { Millis } from "../../core/machine.ts";
import { successor } from "./keys.ts";
import { SortedMap } from "./sorted-map.ts";
import type { SortedView } from "./sorted-map.ts";

/** A uniform delay of every asynchronous operation. */
export interface Latency {
  readonly min: Millis;
  readonly max: Millis;
}

export interface SimulatedStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Default: half a millisecond to three. */
  readonly latency?: Latency;
}

/** What was asked of the disk since it was made, over all openings. */
export interface StoreCounts {
  gets: number;
  ranges: number;
  writes: number;
  puts: number;
  deletes: number;
}

const PATH = "state";
const CLEAR_PAGE = 64;

export class SimulatedStoreDisk {
  readonly counts: StoreCounts = { gets: 0, ranges: 0, writes: 0, puts: 0, deletes: 0 };
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #latency: Latency;
  readonly #map = new SortedMap();
  #open: SimulatedStore | null = null;
  #full = false;
  #stalled = false;
  #waiting: (() => void)[] = [];
  #failNext = false;
  #crashes = 0;

  constructor(options: SimulatedStoreOptions) {
    this.#clock = options.clock;
    this.#random = options.random;
    this.#latency = options.latency ?? { min: 0.5, max: 3 };
  }

  /** Refused as `locked` while an earlier handle is neither closed nor crashed. */
  open(done: Done<Store>): void {
    if (this.#open !== null) {
      this.#clock.defer(() => done(new DiskError("locked", PATH, "the store is open already")));
      return;
    }
    const store = new SimulatedStore(this, this.#map);
    this.#open = store;
    this.after(store, () => done(null, store));
  }

  /**
   * The process dies: its handle never calls back again. Writes under way are lost or survive, each as a whole and never
   * without the ones before it. Completed ones survive.
   */
  crash(): void {
    this.#crashes++;
    const store = this.#open;
    this.#open = null;
    this.#waiting = [];
    store?.crash(() => this.#random.next() < 0.5);
  }

  /** While it is set, writes fail with `full` and change nothing. */
  setFull(full: boolean): void {
    this.#full = full;
  }

  /** The next write fails with `io`: by chance it is done or not. The handle takes no further one. */
  failNextWrite(fails = true): void {
    this.#failNext = fails;
  }

  /** While it is set, nothing asynchronous comes to an end. */
  setStalled(stalled: boolean): void {
    this.#stalled = stalled;
    if (stalled) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resume of waiting) resume();
  }

  /** Number of keys, for tests of what is left behind. */
  get size(): number {
    return this.#map.size;
  }

  /** For the handle: runs `step` after the latency of the disk, unless the handle is dead by then. */
  after(store: SimulatedStore, step: () => void): void {
    const { min, max } = this.#latency;
    this.#clock.setTimer(min + this.#random.next() * (max - min), () => {
      if (this.#open !== store) return;
      if (this.#stalled) this.#waiting.push(() => this.after(store, step));
      else step();
    });
  }

  /** For the handle: the error that the write at hand ends with, and whether it takes place nevertheless. */
  fault(): { readonly error: DiskError; readonly happens: boolean } | null {
    if (this.#failNext) {
      this.#failNext = false;
      const error = new DiskError("io", PATH, "simulated input/output error");
      return { error, happens: this.#random.next() < 0.5 };
    }
    if (this.#full) {
      return { error: new DiskError("full", PATH, "No space left on the simulated device"), happens: false };
    }
    return null;
  }

  /** For a handle that was closed, while no crash has come since. */
  answerAfterClose(answer: () => void): void {
    const crashes = this.#crashes;
    this.#clock.defer(() => {
      if (this.#crashes === crashes) answer();
    });
  }

  /** For the handle: it is closed. */
  closed(store: SimulatedStore): void {
    if (this.#open === store) this.#open = null;
  }
}

const closedError = (): DiskError => new DiskError("io", PATH, "the store is closed");

class SimulatedSnapshot implements StoreSnapshot {
  view: SortedView | null;

  constructor(view: SortedView) {
    this.view = view;
  }

  release(): void {
    this.view = null;
  }
}

interface QueuedWrite {
  readonly operations: readonly StoreOperation[];
  readonly done: Done;
  visible: boolean;
}

class SimulatedStore implements Store {
  readonly #disk: SimulatedStoreDisk;
  readonly #map: SortedMap;
  /** The first one is under way. */
  #writes: QueuedWrite[] = [];
  #writing = false;
  #closing: Done | null = null;
  #failed: DiskError | null = null;
  #dead = false;

  constructor(disk: SimulatedStoreDisk, map: SortedMap) {
    this.#disk = disk;
    this.#map = map;
  }

  get(key: Uint8Array): Uint8Array | undefined {
    if (this.#dead) throw closedError();
    this.#disk.counts.gets++;
    return this.#map.get(binaryString(key));
  }

  write(operations: readonly StoreOperation[], done: Done): void {
    if (this.#refusesWhenClosed(done)) return;
    this.#disk.counts.writes++;
    this.#writes.push({ operations, done, visible: false });
    if (this.#writing) return;
    this.#writing = true;
    this.#startWrite();
  }

  range(
    range: StoreRange,
    done: Done<{ readonly entries: readonly StoreEntry[]; readonly more: boolean }>,
  ): void {
    if (this.#refusesWhenClosed(done)) return;
    this.#disk.counts.ranges++;
    const view = this.#viewOf(range.snapshot);
    this.#disk.after(this, () => {
      const entries: StoreEntry[] = [];
      let bytes = 0;
      for (const { key, value } of view.range(binaryString(range.from), binaryString(range.to))) {
        if (entries.length >= range.limit || bytes > range.limitBytes) {
          done(null, { entries, more: true });
          return;
        }
        entries.push({ key, value });
        bytes += key.length + value.length;
      }
      done(null, { entries, more: false });
    });
  }

  clear(from: Uint8Array, to: Uint8Array, done: Done<Uint8Array | null>): void {
    if (this.#refusesWhenClosed(done)) return;
    this.#disk.after(this, () => {
      if (this.#failed !== null) {
        done(this.#failed);
        return;
      }
      const first = [...this.#map.view().range(binaryString(from), binaryString(to))].slice(0, CLEAR_PAGE);
      for (const { id } of first) {
        this.#disk.counts.deletes++;
        this.#map.delete(id);
      }
      const last = first.at(-1);
      done(null, last === undefined ? null : successor(binaryBytes(last.id)));
    });
  }

  snapshot(): StoreSnapshot {
    return new SimulatedSnapshot(this.#map.view());
  }

  close(done: Done): void {
    this.#closing = done;
    if (!this.#writing) this.#closeNow(done);
  }

  /** For the disk. */
  crash(survives: () => boolean): void {
    this.#dead = true;
    for (const write of this.#writes) {
      if (write.visible) continue;
      if (this.#failed !== null || !survives()) break;
      this.#apply(write.operations);
    }
    this.#writes = [];
  }

  /** A handle that crashed says nothing any more; one that was closed says so. */
  #refusesWhenClosed<T>(done: Done<T>): boolean {
    if (!this.#dead) return false;
    this.#disk.answerAfterClose(() => done(closedError()));
    return true;
  }

  #closeNow(done: Done): void {
    this.#closing = null;
    this.#failed ??= closedError();
    this.#disk.after(this, () => {
      this.#dead = true;
      this.#disk.closed(this);
      done(null);
    });
  }

  #viewOf(snapshot: StoreSnapshot | undefined): SortedView {
    if (snapshot === undefined) return this.#map.view();
    if (!(snapshot instanceof SimulatedSnapshot) || snapshot.view === null) {
      throw new DiskError("io", PATH, "the snapshot is released or of another store");
    }
    return snapshot.view;
  }

  /** A write can be read some time before its caller learns that it is durable. */
  #startWrite(): void {
    const write = this.#writes[0];
    if (write === undefined) {
      this.#writing = false;
      if (this.#closing !== null) this.#closeNow(this.#closing);
      return;
    }
    this.#disk.after(this, () => {
      const fault = this.#failed === null ? this.#disk.fault() : { error: this.#failed, happens: false };
      if (fault === null || fault.happens) this.#apply(write.operations);
      write.visible = true;
      // A full disk can be tried again; after any other failure the state of the store is unknown.
      if (fault !== null && fault.error.kind !== "full") this.#failed = fault.error;
      this.#disk.after(this, () => {
        this.#writes.shift();
        write.done(fault === null ? null : fault.error);
        this.#startWrite();
      });
    });
  }

  #apply(operations: readonly StoreOperation[]): void {
    for (const operation of operations) {
      const id = binaryString(operation.key);
      if (operation.type === "put") {
        this.#disk.counts.puts++;
        this.#map.set(id, operation.key, operation.value);
      } else {
        this.#disk.counts.deletes++;
        this.#map.delete(id);
      }
    }
  }
}
