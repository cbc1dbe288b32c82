/**
 * Deletes, in the background, what nothing can reach any more: dropped spaces, old generations, destroyed groups. Each
 * stands on a list in the store until its last record is gone, so that a restart goes on with it.
 */
import type { Clock, DiskError, Store, StoreOperation, TimerHandle } from "../../core/world.ts";
import type { Millis } from "../../core/machine.ts";
import type { KeyRange } from "./keys.ts";

export interface PurgeItem {
  /** Everything in them is deleted, the last range last. */
  readonly ranges: readonly KeyRange[];
  /** The item's place on the list in the store. */
  readonly entry: Uint8Array;
  /** Probably a handful of records: worth deleting together with others. */
  readonly small: boolean;
  readonly done: () => void;
}

export interface PurgeHost {
  readonly store: Store;
  readonly clock: Clock;
  fail(error: DiskError): void;
}

/** Small items looked at together; their deletions share one write. */
const TOGETHER = 64;
/** Up to this many records an item counts as small. */
const FEW = 64;
const FEW_BYTES = 64 * 1024;
const RETRY: Millis = 1000;

export class Purger {
  problem: string | null = null;
  /** Items whose records are all deleted. */
  purged = 0;

  readonly #host: PurgeHost;
  #small: PurgeItem[] = [];
  #large: PurgeItem[] = [];
  #pending = 0;
  #busy = false;
  #stopped = false;
  readonly #idle: (() => void)[] = [];
  /** Between two steps, or until the next attempt. */
  #timer: TimerHandle | null = null;

  constructor(host: PurgeHost) {
    this.#host = host;
  }

  /** Items that are not wholly deleted. */
  get pending(): number {
    return this.#pending;
  }

  add(item: PurgeItem): void {
    this.#pending++;
    (item.small ? this.#small : this.#large).push(item);
    if (this.#busy || this.#stopped) return;
    this.#busy = true;
    this.#host.clock.defer(() => this.#next());
  }

  /** Calls back when nothing of it is under way any more, soon. What is left goes on after the next start. */
  stop(done: () => void): void {
    this.#stopped = true;
    if (this.#timer !== null) {
      this.#timer.cancel();
      this.#timer = null;
      this.#busy = false;
    }
    if (this.#busy) this.#idle.push(done);
    else done();
  }

  #next(): void {
    if (this.#stopped) {
      this.#busy = false;
      for (const idle of this.#idle.splice(0)) idle();
    } else if (this.#small.length > 0) {
      this.#purgeSmall(this.#small.splice(0, TOGETHER));
    } else if (this.#large.length > 0) {
      this.#purgeLarge(this.#large.shift()!);
    } else {
      this.#busy = false;
    }
  }

  #purgeSmall(items: readonly PurgeItem[]): void {
    const operations: StoreOperation[] = [];
    const emptied: PurgeItem[] = [];
    let left = items.length;
    let failure: DiskError | null = null;
    const looked = (item: PurgeItem, error: DiskError | null, keys: readonly Uint8Array[] | null): void => {
      failure ??= error;
      if (keys !== null) {
        for (const key of keys) operations.push({ type: "delete", key });
        operations.push({ type: "delete", key: item.entry });
        emptied.push(item);
      } else if (error === null) {
        this.#large.push(item);
      }
      if (--left > 0) return;
      if (failure !== null) this.#failed(failure, items);
      else if (emptied.length === 0) this.#next();
      else this.#write(operations, emptied);
    };
    for (const item of items) {
      const range = item.ranges[0]!;
      this.#host.store.range({ ...range, limit: FEW, limitBytes: FEW_BYTES }, (error, found) => {
        const whole = error === null && found !== undefined && !found.more;
        looked(item, error, whole ? found.entries.map((entry) => entry.key) : null);
      });
    }
  }

  /** Step by step, with a pause after each that is as long as it took: at most half of what the store can do is spent on it. */
  #purgeLarge(item: PurgeItem): void {
    const { store, clock } = this.#host;
    const clear = (which: number, from: Uint8Array): void => {
      const began = clock.now();
      store.clear(from, item.ranges[which]!.to, (error, next) => {
        if (error !== null) this.#failed(error, [item]);
        // What is left stands on the list, for the next start.
        else if (this.#stopped) this.#next();
        else if (next !== null && next !== undefined)
          this.#after(clock.now() - began, () => clear(which, next));
        else beginRange(which + 1);
      });
    };
    const beginRange = (which: number): void => {
      const range = item.ranges[which];
      if (range !== undefined) clear(which, range.from);
      else this.#write([{ type: "delete", key: item.entry }], [item]);
    };
    beginRange(0);
  }

  /** Unless it is stopped before. */
  #after(delay: Millis, run: () => void): void {
    this.#timer = this.#host.clock.setTimer(delay, () => {
      this.#timer = null;
      run();
    });
  }

  #write(operations: readonly StoreOperation[], items: readonly PurgeItem[]): void {
    this.#host.store.write(operations, (error) => {
      if (error !== null) {
        this.#failed(error, items);
        return;
      }
      this.problem = null;
      this.purged += items.length;
      this.#pending -= items.length;
      for (const item of items) item.done();
      this.#next();
    });
  }

  /** Deleting needs space as well: on a full disk it is tried again later. */
  #failed(error: DiskError, items: readonly PurgeItem[]): void {
    this.problem = error.message;
    if (error.kind !== "full") {
      this.#stopped = true;
      this.#host.fail(error);
    }
    if (this.#stopped) {
      this.#next();
      return;
    }
    for (const item of items) if (!this.#large.includes(item)) this.#large.push(item);
    this.#after(RETRY, () => this.#next());
  }
}
