/**
 * Changes that the store does not have yet: a map of maps, from space and id to the value, or to null where the record
 * was deleted. One layer takes the writes; another, no longer changed, may be on its way to the disk.
 */

/** What a record costs in memory besides its id and value: two map slots, a string header, a view. An estimate. */
const RECORD_OVERHEAD = 96;
export const SPACE_OVERHEAD = 256;

export function recordCost(id: string, value: Uint8Array | null): number {
  return RECORD_OVERHEAD + id.length + (value === null ? 0 : value.length);
}

export class SpaceChanges {
  readonly records = new Map<string, Uint8Array | null>();
  bytes = SPACE_OVERHEAD;
  /** Ids in order, once somebody asked for them; ids that came since then wait in `#fresh`. */
  #sorted: string[] | null = null;
  #fresh: string[] = [];

  /** Returns by how many bytes the layer grew. */
  set(id: string, value: Uint8Array | null): number {
    const before = this.records.get(id);
    let grown: number;
    if (before === undefined) {
      grown = recordCost(id, value);
      if (this.#sorted !== null) this.#fresh.push(id);
    } else {
      grown = (value === null ? 0 : value.length) - (before === null ? 0 : before.length);
    }
    this.records.set(id, value);
    this.bytes += grown;
    return grown;
  }

  /** All ids in byte order. Sorting is paid for once; later only what is new is sorted and merged in. */
  ids(): readonly string[] {
    if (this.#sorted === null) {
      this.#sorted = [...this.records.keys()].sort(byteOrder);
    } else if (this.#fresh.length > 0) {
      this.#sorted = mergeSorted(this.#sorted, this.#fresh.sort(byteOrder));
      this.#fresh = [];
    }
    return this.#sorted;
  }
}

export class Layer {
  readonly spaces = new Map<string, SpaceChanges>();
  /** Spaces dropped in this layer. None of them has records in it. */
  readonly dropped = new Set<string>();
  bytes = 0;
  records = 0;

  get empty(): boolean {
    return this.spaces.size === 0 && this.dropped.size === 0;
  }

  get(space: string, id: string): Uint8Array | null | undefined {
    return this.spaces.get(space)?.records.get(id);
  }

  /** Returns by how many bytes the layer grew. */
  set(space: string, id: string, value: Uint8Array | null): number {
    let grown = 0;
    let changes = this.spaces.get(space);
    if (changes === undefined) {
      changes = new SpaceChanges();
      this.spaces.set(space, changes);
      grown = changes.bytes;
    }
    const records = changes.records.size;
    grown += changes.set(id, value);
    this.records += changes.records.size - records;
    this.bytes += grown;
    return grown;
  }

  /** Returns by how many bytes the layer grew: less than nothing where the space had records in it. */
  drop(space: string): number {
    let grown = SPACE_OVERHEAD + space.length;
    const changes = this.spaces.get(space);
    if (changes !== undefined) {
      this.spaces.delete(space);
      this.records -= changes.records.size;
      grown -= changes.bytes;
    }
    this.dropped.add(space);
    this.bytes += grown;
    return grown;
  }
}

/** Binary strings compare like their bytes. */
function byteOrder(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function mergeSorted(a: readonly string[], b: readonly string[]): string[] {
  const out: string[] = [];
  let j = 0;
  for (const id of a) {
    while (j < b.length && b[j]! < id) out.push(b[j++]!);
    out.push(id);
  }
  while (j < b.length) out.push(b[j++]!);
  return out;
}

/** The first position in `ids` that is not before `id`. */
export function lowerBound(ids: readonly string[], id: string): number {
  let low = 0;
  let high = ids.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ids[middle]! < id) low = middle + 1;
    else high = middle;
  }
  return low;
}
