/** What a node holds in memory about one group's records. Plain state: the rules are with those who change it. */
import type { DiskError } from "../../core/world.ts";
import type { GroupId } from "../../core/ids.ts";
import type { LogIndex } from "../../core/machine.ts";
import type { ImportProgress } from "./control.ts";
import { recordPrefix } from "./keys.ts";
import { Layer } from "./layer.ts";
import type { CachePart } from "./record-cache.ts";
import type { IndexChanges, RecordIndex } from "./record-index.ts";

export const EMPTY = new Uint8Array(0);

/** A layer that ends at an entry's boundary and is on its way to the store. No longer changed. */
export interface Sealed {
  readonly layer: Layer;
  readonly index: LogIndex;
  readonly meta: Uint8Array;
  /** What the store's index of records has to learn once the layer is there. */
  readonly indexChanges: IndexChanges;
}

/** Wants to know when everything up to `index` is in the store. */
export interface FlushWaiter {
  readonly index: LogIndex;
  readonly run: (error: DiskError | null) => void;
}

/** A read looks in the overlay, then in the flushing layer, then in the cache, then in the store. */
export class GroupState {
  readonly group: GroupId;
  generation: number;
  nextGeneration: number;
  /** What the keys of the current generation's records start with. */
  prefix: Uint8Array;

  overlay = new Layer();
  flushing: Sealed | null = null;
  readonly cache: CachePart;
  /** Spaces that are in the node's index of records, by their numbers there. */
  readonly #indexed = new Map<string, number>();
  /** Nothing has ever come to the store but what was noted in the index: it was empty when this process opened it. */
  allIndexed = false;
  /** Every dropped space whose records may still be in the store. They are hidden from reads. */
  readonly dropped = new Set<string>();
  /** Those of them that stand on the store's purge list. */
  readonly listed = new Set<string>();

  /** The last entry that was applied as a whole, and what the host gave with it. */
  appliedIndex: LogIndex = 0;
  #meta: Uint8Array | (() => Uint8Array) = EMPTY;
  /** What the store's records reflect. */
  durableIndex: LogIndex = 0;
  durableMeta: Uint8Array = EMPTY;

  /** Between `begin` and `applied`: the overlay must not be sealed now. */
  midEntry = false;
  /** To be sealed as soon as it can be. */
  wantsFlush = false;
  /** A received snapshot is about to take the place of the records. */
  switching = false;
  destroyed = false;
  waiters: FlushWaiter[] = [];
  import: ImportProgress | null = null;

  constructor(group: GroupId, cache: CachePart, generation = 1, nextGeneration = 2) {
    this.group = group;
    this.cache = cache;
    this.generation = generation;
    this.nextGeneration = nextGeneration;
    this.prefix = recordPrefix(group, generation);
  }

  /** Made only when it is needed: a flush takes over many entries. Never in the middle of one. */
  get meta(): Uint8Array {
    if (typeof this.#meta === "function") this.#meta = this.#meta();
    return this.#meta;
  }

  set meta(meta: Uint8Array | (() => Uint8Array)) {
    this.#meta = meta;
  }

  /** The number of a space in the index of this generation's records. */
  indexed(space: string, index: RecordIndex): number {
    let number = this.#indexed.get(space);
    if (number === undefined) {
      number = index.newSpace();
      this.#indexed.set(space, number);
    }
    return number;
  }

  /** Nothing of a dropped space is in the store any more; what the index has of it stands under a number that nobody asks for. */
  forgetDropped(space: string): void {
    this.dropped.delete(space);
    this.listed.delete(space);
    this.#indexed.delete(space);
  }

  /** The records are those of another generation from now on; `empty`: there are none yet. */
  adopt(generation: number, index: LogIndex, meta: Uint8Array, empty: boolean): void {
    this.switching = false;
    this.generation = generation;
    this.prefix = recordPrefix(this.group, generation);
    this.appliedIndex = this.durableIndex = index;
    this.meta = this.durableMeta = meta;
    this.import = null;
    this.dropped.clear();
    this.listed.clear();
    this.cache.clear();
    this.#indexed.clear();
    this.allIndexed = empty;
  }

  /** The store lacks something that has been applied. */
  get dirty(): boolean {
    return this.appliedIndex > this.durableIndex;
  }
}
