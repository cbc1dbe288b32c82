/** What the clients do, operation by operation. */
import { below, chanceFor } from "./chance.ts";
import { keyChooser } from "./keys.ts";
import type { BenchSettings } from "./settings.ts";

export type OperationKind = "get" | "set" | "incr" | "sadd" | "del";

export interface PlannedOperation {
  readonly kind: OperationKind;
  /** The number of the key. */
  readonly key: number;
  /** Of a set: which of the values; of an addition: which member. */
  readonly item: number;
}

export interface Plan {
  next(): PlannedOperation;
}

/** Values that differ, so that nothing on the way compresses or recognises them. */
export const VALUES = 1_024;
/** A set has at most so many members, so that its size does not grow with the run. */
export const MEMBERS = 1_000;

type Choices = Pick<BenchSettings, "workload" | "readRatio" | "keys" | "distribution" | "seed">;

export class WorkloadPlan implements Plan {
  /** The keys that something was written to, for whoever cleans up. */
  readonly written: KeySet;
  readonly #settings: Choices;
  readonly #key: () => number;
  readonly #mix;
  readonly #items;

  constructor(settings: Choices, written: KeySet) {
    const { distribution, keys, seed, workload } = settings;
    this.#settings = settings;
    this.written = written;
    this.#key = keyChooser(distribution, keys, chanceFor(seed, "keys"));
    this.#mix = chanceFor(seed, "mix");
    this.#items = chanceFor(seed, workload === "sadd" ? "members" : "values");
  }

  next(): PlannedOperation {
    const key = this.#key();
    const kind = this.#kind();
    if (kind !== "get") this.written.add(key);
    return { kind, key, item: below(this.#items, kind === "sadd" ? MEMBERS : VALUES) };
  }

  #kind(): OperationKind {
    const { workload, readRatio } = this.#settings;
    if (workload !== "mixed") return workload;
    return this.#mix.next() < readRatio ? "get" : "set";
  }
}

/** Every key once: to have something to read, and to clean up. */
export class EachKeyPlan implements Plan {
  readonly #kind: "set" | "del";
  readonly #keys: Iterator<number>;

  constructor(kind: "set" | "del", keys: Iterable<number>) {
    this.#kind = kind;
    this.#keys = keys[Symbol.iterator]();
  }

  /** To be asked as often as there are keys. */
  next(): PlannedOperation {
    const { value, done } = this.#keys.next();
    if (done === true) throw new RangeError("there are no more keys");
    return { kind: this.#kind, key: value, item: value % VALUES };
  }
}

/** All keys of a run. */
export function* everyKey(count: number): Generator<number> {
  for (let key = 0; key < count; key++) yield key;
}

/** Numbers from 0 to below `limit`, a bit each. */
export class KeySet implements Iterable<number> {
  readonly #bits: Uint8Array;
  readonly #limit: number;
  #size = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#bits = new Uint8Array(Math.ceil(limit / 8));
  }

  get size(): number {
    return this.#size;
  }

  add(key: number): void {
    const bit = 1 << (key & 7);
    if ((this.#bits[key >> 3]! & bit) !== 0) return;
    this.#bits[key >> 3]! |= bit;
    this.#size++;
  }

  delete(key: number): void {
    const bit = 1 << (key & 7);
    if ((this.#bits[key >> 3]! & bit) === 0) return;
    this.#bits[key >> 3]! &= ~bit;
    this.#size--;
  }

  *[Symbol.iterator](): Iterator<number> {
    for (let key = 0; key < this.#limit; key++) {
      if ((this.#bits[key >> 3]! & (1 << (key & 7))) !== 0) yield key;
    }
  }
}
