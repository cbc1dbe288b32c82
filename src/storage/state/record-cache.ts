/**
 * Records read from the store and unchanged since: one bound for the whole node. Two halves, young and old: what is found
 * in the old half moves to the young one, and when the young half is full, the old one is thrown away as a whole. That is
 * close to least-recently-used, for two map look-ups a read and no list to keep.
 *
 * A record that changes leaves the cache, so nothing here ever hides a newer value.
 */
import { recordCost, SPACE_OVERHEAD } from "./layer.ts";

interface CachedSpace {
  readonly records: Map<string, Uint8Array>;
  bytes: number;
}

type Half = Map<string, CachedSpace>;

export class RecordCache {
  readonly #limit: number;
  readonly #parts = new Set<CachePart>();
  youngBytes = 0;
  oldBytes = 0;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  get bytes(): number {
    return this.youngBytes + this.oldBytes;
  }

  /** One group's share. */
  part(): CachePart {
    const part = new CachePart(this);
    this.#parts.add(part);
    return part;
  }

  forget(part: CachePart): void {
    part.clear();
    this.#parts.delete(part);
  }

  /** Too large a record would push out everything else. */
  admits(cost: number): boolean {
    return cost * 8 <= this.#limit;
  }

  /** Ages everything if `bytes` more would not fit into the young half. */
  makeRoom(bytes: number): void {
    if ((this.youngBytes + bytes) * 2 <= this.#limit) return;
    for (const part of this.#parts) part.age();
    this.oldBytes = this.youngBytes;
    this.youngBytes = 0;
  }
}

export class CachePart {
  readonly #cache: RecordCache;
  #young: Half = new Map();
  #old: Half = new Map();

  constructor(cache: RecordCache) {
    this.#cache = cache;
  }

  get(space: string, id: string): Uint8Array | undefined {
    const young = this.#young.get(space)?.records.get(id);
    if (young !== undefined) return young;
    const old = this.#old.get(space)?.records.get(id);
    if (old === undefined) return undefined;
    this.#cache.oldBytes -= removeFrom(this.#old, space, id);
    this.add(space, id, old);
    return old;
  }

  add(space: string, id: string, value: Uint8Array): void {
    const cost = recordCost(id, value);
    if (!this.#cache.admits(cost)) return;
    this.#cache.makeRoom(cost + SPACE_OVERHEAD);
    let cached = this.#young.get(space);
    if (cached === undefined) {
      cached = { records: new Map(), bytes: SPACE_OVERHEAD };
      this.#young.set(space, cached);
      this.#cache.youngBytes += SPACE_OVERHEAD;
    }
    cached.records.set(id, value);
    cached.bytes += cost;
    this.#cache.youngBytes += cost;
  }

  remove(space: string, id: string): void {
    const young = removeFrom(this.#young, space, id);
    if (young > 0) this.#cache.youngBytes -= young;
    else this.#cache.oldBytes -= removeFrom(this.#old, space, id);
  }

  drop(space: string): void {
    this.#cache.youngBytes -= dropFrom(this.#young, space);
    this.#cache.oldBytes -= dropFrom(this.#old, space);
  }

  clear(): void {
    for (const space of [...this.#young.keys(), ...this.#old.keys()]) this.drop(space);
  }

  /** For the cache: the old half goes, the young one becomes old. */
  age(): void {
    this.#old = this.#young;
    this.#young = new Map();
  }
}

function removeFrom(half: Half, space: string, id: string): number {
  const cached = half.get(space);
  const value = cached?.records.get(id);
  if (cached === undefined || value === undefined) return 0;
  const cost = recordCost(id, value);
  cached.records.delete(id);
  cached.bytes -= cost;
  if (cached.records.size > 0) return cost;
  half.delete(space);
  return cost + cached.bytes;
}

function dropFrom(half: Half, space: string): number {
  const cached = half.get(space);
  if (cached === undefined) return 0;
  half.delete(space);
  return cached.bytes;
}
