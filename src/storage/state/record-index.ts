/**
 * The first bytes of records in the store, by the hash of their keys, in memory: whoever only overwrites a record needs to
 * know what kind it is (a header's first byte says that), not what is in it, and a look-up in LevelDB costs ten times as much
 * as one here, and has it merge its tables (docs/PERFORMANCE.md, "Where it goes").
 *
 * An entry is 12 bytes: 88 bits of a keyed hash and the first byte. Two records that meet in all 88 bits would be taken for one;
 * with ten million of them that has a probability of 10^-13, and nobody can choose keys that do, as the key is secret.
 *
 * 256 tables with linear probing (Knuth, TAOCP 3, 6.4), which grow one by one, so that no growth is felt. Once all memory is
 * used, new entries take the place of old ones.
 */
import { KeyedHash } from "./keyed-hash.ts";

/** What `find` and `firstByte` say instead of a byte. */
export const UNKNOWN = -2;
export const ABSENT = -1;

const TABLES = 256;
const WORDS = 3;
const ENTRY_BYTES = 4 * WORDS;
const FIRST_SLOTS = 64;
/** Of four: how full a table gets. */
const FULL_QUARTERS = 3;

class Table {
  /** Three words an entry; no entry where the first one is 0. */
  words = new Int32Array(FIRST_SLOTS * WORDS);
  entries = 0;

  get slots(): number {
    return this.words.length / WORDS;
  }
}

/** Changes that become known at once, when what they tell of has happened. */
export class IndexChanges {
  words = new Int32Array(64 * (WORDS + 1));
  length = 0;

  add(first: number, second: number, third: number, byte: number): void {
    if (this.length === this.words.length) {
      const grown = new Int32Array(this.words.length * 2);
      grown.set(this.words);
      this.words = grown;
    }
    this.words[this.length] = first;
    this.words[this.length + 1] = second;
    this.words[this.length + 2] = third;
    this.words[this.length + 3] = byte;
    this.length += WORDS + 1;
  }
}

export class RecordIndex {
  readonly #hash: KeyedHash;
  readonly #tables = Array.from({ length: TABLES }, () => new Table());
  readonly #maxSlots: number;
  readonly #covers: (space: string) => boolean;
  #spaces = 0;
  /** Nothing was ever pushed out: what is not here was not added, or was removed again. */
  #lossless = true;

  /**
   * `key`: 16 secret bytes. `covers`: of these spaces, the records are indexed. The memory is `limitBytes` at most, and 200 KiB
   * at least; with 0 nothing is covered.
   */
  constructor(limitBytes: number, key: Uint8Array, covers: (space: string) => boolean) {
    this.#hash = new KeyedHash(key);
    this.#covers = limitBytes === 0 ? () => false : covers;
    let slots = FIRST_SLOTS;
    while (slots * 2 * ENTRY_BYTES * TABLES <= limitBytes) slots *= 2;
    this.#maxSlots = slots;
  }

  get entries(): number {
    return this.#tables.reduce((sum, table) => sum + table.entries, 0);
  }

  get lossless(): boolean {
    return this.#lossless;
  }

  /** Are the records of this space indexed? */
  covers(space: string): boolean {
    return this.#covers(space);
  }

  /** Numbers one space of one generation of one group. */
  newSpace(): number {
    return ++this.#spaces;
  }

  /** The first byte of the record, 0 for an empty one; or UNKNOWN. */
  find(space: number, id: string): number {
    const { first, second, third } = this.#hashed(space, id);
    const { words } = this.#tables[second >>> 24]!;
    const at = slotOf(words, first, second, third) * WORDS;
    return words[at] === 0 ? UNKNOWN : words[at + 2]! & 0xff;
  }

  /** The store has this record, or (null) has it no more. */
  note(space: number, id: string, value: Uint8Array | null): void {
    const { first, second, third } = this.#hashed(space, id);
    this.#set(first, second, third, firstByteOf(value));
  }

  /** To be noted by `apply`, once it is so. */
  prepare(changes: IndexChanges, space: number, id: string, value: Uint8Array | null): void {
    const { first, second, third } = this.#hashed(space, id);
    changes.add(first, second, third, firstByteOf(value));
  }

  apply({ words, length }: IndexChanges): void {
    for (let at = 0; at < length; at += WORDS + 1)
      this.#set(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!);
  }

  #hashed(
    space: number,
    id: string,
  ): { readonly first: number; readonly second: number; readonly third: number } {
    const hash = this.#hash;
    hash.hash(space, id);
    // 0 marks a free slot, and the last eight bits are the record's.
    if (hash.first === 0) hash.first = 1;
    hash.third &= ~0xff;
    return hash;
  }

  #set(first: number, second: number, third: number, byte: number): void {
    const table = this.#tables[second >>> 24]!;
    const { words } = table;
    const slot = slotOf(words, first, second, third);
    const isThere = words[slot * WORDS] !== 0;
    if (byte === ABSENT) {
      if (isThere) remove(table, slot);
    } else if (isThere) {
      words[slot * WORDS + 2] = third | byte;
    } else if (table.entries * 4 < table.slots * FULL_QUARTERS) {
      put(words, slot, first, second, third | byte);
      table.entries++;
    } else if (table.slots < this.#maxSlots) {
      grow(table);
      this.#set(first, second, third, byte);
    } else {
      this.#lossless = false;
      let victim = first & (table.slots - 1);
      while (words[victim * WORDS] === 0) victim = (victim + 1) & (table.slots - 1);
      remove(table, victim);
      this.#set(first, second, third, byte);
    }
  }
}

export function firstByteOf(value: Uint8Array | null | undefined): number {
  return value === null || value === undefined ? ABSENT : value.length === 0 ? 0 : value[0]!;
}

function put(words: Int32Array, slot: number, first: number, second: number, rest: number): void {
  const at = slot * WORDS;
  words[at] = first;
  words[at + 1] = second;
  words[at + 2] = rest;
}

/** Where the entry stands, or else the free slot where it belongs. */
function slotOf(words: Int32Array, first: number, second: number, third: number): number {
  const last = words.length / WORDS - 1;
  for (let slot = first & last; ; slot = (slot + 1) & last) {
    const at = slot * WORDS;
    if (words[at] === 0) return slot;
    if (words[at] === first && words[at + 1] === second && (words[at + 2]! & ~0xff) === third) return slot;
  }
}

/** Moves those behind it up, as far as that brings them nearer to where they belong. */
function remove(table: Table, slot: number): void {
  const { words } = table;
  const last = table.slots - 1;
  let gap = slot;
  for (let next = (gap + 1) & last; words[next * WORDS] !== 0; next = (next + 1) & last) {
    const home = words[next * WORDS]! & last;
    if (((next - home) & last) < ((next - gap) & last)) continue;
    words.copyWithin(gap * WORDS, next * WORDS, (next + 1) * WORDS);
    gap = next;
  }
  words[gap * WORDS] = 0;
  table.entries--;
}

function grow(table: Table): void {
  const old = table.words;
  const words = new Int32Array(old.length * 2);
  const last = words.length / WORDS - 1;
  for (let at = 0; at < old.length; at += WORDS) {
    const first = old[at]!;
    if (first === 0) continue;
    let slot = first & last;
    while (words[slot * WORDS] !== 0) slot = (slot + 1) & last;
    put(words, slot, first, old[at + 1]!, old[at + 2]!);
  }
  table.words = words;
}
