/**
 * The items of a shard in their records, with all that is derived from them: the index by leaves, the tree and its leaves,
 * the keys' headers and the expiry index. Every change of an item goes through `change`, so that the invariants of RECORDS.md are
 * kept in one place.
 */
import { ByteReader, ByteWriter, binaryBytes } from "../../core/bytes.ts";
import { hash64 } from "../../core/hash64.ts";
import { MerkleTree } from "../../core/merkle-tree.ts";
import type { LoadedRange, RangeRequest, RecordWriter } from "../../core/records.ts";
import { u64 } from "../header.ts";
import { fromBytes, toBytes } from "../lattices/index.ts";
import { type Address, type Kind, KINDS, type Span, splitAddress, STRING } from "./address.ts";
import { type Cell, expiryOf } from "./cells.ts";
import { type Store, storesOf } from "./delta.ts";
import type { Meta } from "./meta.ts";

export const ITEMS = "m";
export const INDEX = "n";
export const KEYS = "k";
export const EXPIRIES = "x";
export const LEAVES = "t";

/** One shape for all replicas of Kvorum: they compare their trees. */
const SHAPE = { fanout: 16, depth: 4, seed: 0x6b76_6d74 };
const HASHES_PER_LEAF = 2 ** 32 / SHAPE.fanout ** SHAPE.depth;
const NOTHING = new Uint8Array(0);

/** How many items of each kind a key has. */
export type Counts = ReadonlyMap<Kind, number>;

const NO_ITEMS: Counts = new Map();

export class Items {
  readonly tree = new MerkleTree(SHAPE);
  readonly #records: RecordWriter;
  readonly #meta: Meta;
  readonly #noteExpiry: (at: number) => void;

  constructor(records: RecordWriter, meta: Meta, noteExpiry: (at: number) => void) {
    this.#records = records;
    this.#meta = meta;
    this.#noteExpiry = noteExpiry;
  }

  /** What has to be loaded for `open`. */
  readonly opening: RangeRequest = { space: LEAVES, from: "", limit: SHAPE.fanout ** SHAPE.depth };

  /** Makes the tree of its stored leaves. */
  open({ entries }: LoadedRange): void {
    for (const { id, value } of entries) {
      const leaf = new ByteReader(binaryBytes(id)).u32();
      const reader = new ByteReader(value);
      this.tree.restore(leaf, { high: reader.u32(), low: reader.u32() });
    }
  }

  /** Nothing is in these leaves: said by the tree, without a look at the index. */
  areEmpty(first: number, last: number): boolean {
    for (let leaf = first; leaf <= last; leaf++)
      if (!this.tree.has(this.tree.firstLeaf + leaf, 0, 0)) return false;
    return true;
  }

  bytes(address: string): Uint8Array | undefined {
    return this.#records.get(ITEMS, address);
  }

  store(address: string, kind: Kind): Store {
    const bytes = this.bytes(address);
    return bytes === undefined ? storesOf(kind).empty : fromBytes(storesOf(kind), bytes);
  }

  counts(key: string): Counts {
    const header = this.#records.get(KEYS, key);
    return header === undefined ? NO_ITEMS : decodeCounts(header);
  }

  /** Puts `store` in the place of what the item held. */
  change(address: string, store: Store): void {
    const split = splitAddress(address);
    const stores = storesOf(split.kind);
    const before = this.bytes(address);
    const after = stores.isEmpty(store) ? undefined : toBytes(stores, store);
    if (before === undefined ? after === undefined : after !== undefined && equal(before, after)) return;
    if (after === undefined) this.#records.delete(ITEMS, address);
    else this.#records.put(ITEMS, address, after);
    this.#noteInTree(address, before, after);
    if (before === undefined) this.#count(split, address, 1);
    if (after === undefined) this.#count(split, address, -1);
    if (split.kind === STRING) this.#indexExpiry(split.key, before, after);
  }

  #noteInTree(address: string, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const key = binaryBytes(address);
    this.tree.update(key, before ?? null, after ?? null);
    const leaf = this.tree.leafOf(key);
    const { high, low } = this.tree.hashOf(this.tree.firstLeaf + leaf);
    if (high === 0 && low === 0) {
      this.#records.delete(LEAVES, u32(leaf));
      return;
    }
    const writer = new ByteWriter(8);
    writer.u32(high);
    writer.u32(low);
    this.#records.put(LEAVES, u32(leaf), writer.finish());
  }

  #count({ key, kind }: Address, address: string, by: 1 | -1): void {
    if (by === 1) this.#records.put(INDEX, indexId(address), NOTHING);
    else this.#records.delete(INDEX, indexId(address));
    const counts = new Map(this.counts(key));
    if (counts.size === 0) this.#meta.keys++;
    const count = (counts.get(kind) ?? 0) + by;
    if (count === 0) counts.delete(kind);
    else counts.set(kind, count);
    if (counts.size > 0) {
      this.#records.put(KEYS, key, encodeCounts(counts));
      return;
    }
    this.#meta.keys--;
    this.#records.delete(KEYS, key);
  }

  #indexExpiry(key: string, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    const from = expiryOfBytes(before);
    const to = expiryOfBytes(after);
    if (from === to) return;
    if (from !== 0) this.#records.delete(EXPIRIES, u64(from) + key);
    if (to === 0) return;
    this.#records.put(EXPIRIES, u64(to) + key, NOTHING);
    this.#noteExpiry(to);
  }
}

function expiryOfBytes(bytes: Uint8Array | undefined): number {
  return bytes === undefined ? 0 : expiryOf(fromBytes(storesOf(STRING), bytes) as Cell);
}

/** Sorts as the leaves do, and within a leaf by hash. */
export function indexId(address: string): string {
  return u32(hash64(binaryBytes(address), SHAPE.seed).high) + address;
}

export const addressOfIndexId = (id: string): string => id.slice(4);

/** Where the index names the items of a leaf. */
export function spanOfLeaves(first: number, last: number): Span {
  const end = (last + 1) * HASHES_PER_LEAF;
  return { from: u32(first * HASHES_PER_LEAF), to: end === 2 ** 32 ? null : u32(end) };
}

/** The leaves that a part of the index touches. */
export function leavesOfSpan({ from, to }: Span): { readonly first: number; readonly last: number } {
  const leafAt = (id: string): number => {
    const bytes = binaryBytes(id.padEnd(4, "\0"));
    return Math.floor(new ByteReader(bytes).u32() / HASHES_PER_LEAF);
  };
  return { first: leafAt(from), last: to === null ? 2 ** 32 / HASHES_PER_LEAF - 1 : leafAt(to) };
}

function u32(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

export function decodeCounts(header: Uint8Array): Counts {
  const reader = new ByteReader(header);
  const counts = new Map<Kind, number>();
  for (const kind of KINDS) {
    const count = reader.varint();
    if (count > 0) counts.set(kind, count);
  }
  reader.end();
  return counts;
}

function encodeCounts(counts: Counts): Uint8Array {
  const writer = new ByteWriter(8);
  for (const kind of KINDS) writer.varint(counts.get(kind) ?? 0);
  return writer.finish();
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
