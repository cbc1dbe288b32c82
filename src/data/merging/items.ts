/**
 * The items of a shard in their records, with all that is derived from them: the index by leaves, the tree and its leaves,
 * the keys' headers and the expiry index. Every change of an item goes through `change`, so that the invariants of RECORDS.md are
 * kept in one place.
 *
 * What is changed is decoded, and stays so while it is: `commit` writes the records, once for all that an entry has done to an item.
 * It comes at the end of each entry, and before records are loaded in the middle of one. Cells that were changed
 * lately are remembered beyond that, so that a key that is written often is not decoded again.
 */
import { ByteReader, ByteWriter, binaryBytes } from "../../core/bytes.ts";
import { hash64, type Hash64 } from "../../core/hash64.ts";
import { MerkleTree, NO_ENTRY } from "../../core/merkle-tree.ts";
import type { LoadedRange, RangeRequest, RecordWriter } from "../../core/records.ts";
import { u64 } from "../header.ts";
import { fromBytes } from "../lattices/index.ts";
import { type Kind, MEMBER, type Span, STRING } from "./address.ts";
import { Ages } from "./ages.ts";
import { type Cell, expiryOf, SMALL_BYTES } from "./cells.ts";
import { type Store, storesOf } from "./delta.ts";
import { type Counts, encodeCounts, Header, totalOf } from "./headers.ts";
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

/** What a shard remembers of cells decoded, in bytes, roughly; and as much again of headers. */
const REMEMBERED_BYTES = 1 << 20;
const HELD_BYTES = 400;
const HEADER_BYTES = 150;
/** A longer item takes more than `HELD_BYTES` decoded: it is decoded anew each time. */
const LONGEST_KEPT = 256;

/** An item that is being changed, or was lately. */
export interface Held {
  readonly address: string;
  readonly kind: Kind;
  readonly key: string;
  /** As it is now; null: as the record has it. */
  store: Store | null;
  /** Of the record: whether there is one, what the tree has of it, and the expiry under which it is indexed. */
  stored: boolean;
  entry: Hash64;
  expiry: number;
  /** Where its address lies in the order of the tree's leaves. */
  readonly place: number;
  /** The record is to be written. */
  changed: boolean;
}

export class Items {
  readonly tree = new MerkleTree(SHAPE);
  readonly #records: RecordWriter;
  readonly #meta: Meta;
  readonly #noteExpiry: (at: number) => void;
  readonly #cells: Ages<Held>;
  /** Until the next commit: a set has too many, and they are short. */
  readonly #members = new Map<string, Held>();
  readonly #headers: Ages<Header>;
  #changed: Held[] = [];
  #changedHeaders: Header[] = [];

  constructor(
    records: RecordWriter,
    meta: Meta,
    noteExpiry: (at: number) => void,
    rememberedBytes = REMEMBERED_BYTES,
  ) {
    this.#records = records;
    this.#meta = meta;
    this.#noteExpiry = noteExpiry;
    this.#cells = new Ages(rememberedBytes / 2, ({ address }) => HELD_BYTES + address.length);
    this.#headers = new Ages(rememberedBytes / 2, ({ key }) => HEADER_BYTES + key.length);
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

  /** The record, at rest. */
  bytes(address: string): Uint8Array | undefined {
    return this.#records.get(ITEMS, address);
  }

  /** As it is now, for a look. */
  store(address: string, kind: Kind): Store {
    return this.#lookUp(address, kind)?.store ?? decode(kind, this.bytes(address));
  }

  has(address: string, kind: Kind): boolean {
    const held = this.#lookUp(address, kind);
    if (held === undefined) return this.bytes(address) !== undefined;
    return held.store === null ? held.stored : !storesOf(kind).isEmpty(held.store);
  }

  counts(key: string): Counts {
    return this.#headers.peek(key) ?? new Header(key, this.#records.get(KEYS, key));
  }

  /** As `counts`, and remembers it: somebody is about to change the key. */
  countsForChange(key: string): Counts {
    return this.#header(key);
  }

  /** For a change. It is the same until `commit`. */
  hold(address: string, kind: Kind, key: string): Held {
    const known = kind === MEMBER ? this.#members.get(address) : this.#cells.get(address);
    if (known !== undefined) return known;
    const bytes = this.bytes(address);
    const store = decode(kind, bytes);
    const held: Held = {
      address,
      kind,
      key,
      store,
      stored: bytes !== undefined,
      entry: bytes === undefined ? NO_ENTRY : this.#entryOf(address, bytes),
      expiry: kind === STRING ? expiryOf(store as Cell) : 0,
      place: placeOf(address),
      changed: false,
    };
    if (kind === MEMBER) this.#members.set(address, held);
    else this.#cells.add(address, held);
    return held;
  }

  /** As it is now. */
  storeOf(held: Held): Store {
    return (held.store ??= decode(held.kind, this.bytes(held.address)));
  }

  /** Puts `store` in the place of what the item held. */
  change(held: Held, store: Store): void {
    const { isEmpty } = storesOf(held.kind);
    const was = !isEmpty(this.storeOf(held));
    held.store = store;
    if (was === isEmpty(store)) this.#count(held.key, held.kind, was ? -1 : 1);
    if (held.changed) return;
    held.changed = true;
    this.#changed.push(held);
  }

  /** Writes the records of what has changed. */
  commit(): void {
    for (const held of this.#changed) this.#write(held);
    this.#changed = [];
    for (const header of this.#changedHeaders) this.#writeHeader(header);
    if (this.#changedHeaders.length > 0) this.#changedHeaders = [];
    if (this.#members.size > 0) this.#members.clear();
    this.#cells.age();
    this.#headers.age();
  }

  #lookUp(address: string, kind: Kind): Held | undefined {
    return kind === MEMBER ? this.#members.get(address) : this.#cells.peek(address);
  }

  #write(held: Held): void {
    held.changed = false;
    const { address, kind, place } = held;
    const store = held.store!;
    if (storesOf(kind).isEmpty(store)) {
      if (!held.stored) return;
      held.stored = false;
      this.#records.delete(ITEMS, address);
      this.#records.delete(INDEX, u32(place) + address);
      this.#noteInTree(held, NO_ENTRY);
      this.#indexExpiry(held, 0);
      return;
    }
    writer.binary(address);
    const start = writer.length;
    storesOf(kind).encode(writer, store);
    const entry = writer.finish();
    const length = entry.length - start;
    const bytes = length > SMALL_BYTES ? entry.subarray(start) : entry.slice(start);
    const hash = this.tree.hashEntry(entry);
    if (!keepsDecoded(store, length)) held.store = null;
    if (held.stored && sameHash(hash, held.entry) && equal(bytes, this.bytes(address)!)) return;
    this.#records.put(ITEMS, address, bytes);
    if (!held.stored) this.#records.put(INDEX, u32(place) + address, NOTHING);
    held.stored = true;
    this.#noteInTree(held, hash);
    if (kind === STRING) this.#indexExpiry(held, expiryOf(store as Cell));
  }

  #entryOf(address: string, bytes: Uint8Array): Hash64 {
    writer.binary(address);
    writer.raw(bytes);
    return this.tree.hashEntry(writer.finish());
  }

  #noteInTree(held: Held, entry: Hash64): void {
    const { tree } = this;
    const leaf = tree.leafAt(held.place);
    tree.replace(leaf, held.entry, entry);
    held.entry = entry;
    const { high, low } = tree.hashOf(tree.firstLeaf + leaf);
    if (high === 0 && low === 0) {
      this.#records.delete(LEAVES, u32(leaf));
      return;
    }
    const bytes = new Uint8Array(8);
    putU32(bytes, 0, high);
    putU32(bytes, 4, low);
    this.#records.put(LEAVES, u32(leaf), bytes);
  }

  #header(key: string): Header {
    const known = this.#headers.get(key);
    if (known !== undefined) return known;
    const header = new Header(key, this.#records.get(KEYS, key));
    this.#headers.add(key, header);
    return header;
  }

  #count(key: string, kind: Kind, by: 1 | -1): void {
    const header = this.#header(key);
    if (by === 1 && totalOf(header) === 0) this.#meta.keys++;
    header.add(kind, by);
    if (by === -1 && totalOf(header) === 0) this.#meta.keys--;
    if (header.changed) return;
    header.changed = true;
    this.#changedHeaders.push(header);
  }

  #writeHeader(header: Header): void {
    header.changed = false;
    if (totalOf(header) > 0) this.#records.put(KEYS, header.key, encodeCounts(header));
    else if (header.stored) this.#records.delete(KEYS, header.key);
    header.stored = totalOf(header) > 0;
  }

  #indexExpiry(held: Held, to: number): void {
    const from = held.expiry;
    if (from === to) return;
    held.expiry = to;
    if (from !== 0) this.#records.delete(EXPIRIES, u64(from) + held.key);
    if (to === 0) return;
    this.#records.put(EXPIRIES, u64(to) + held.key, NOTHING);
    this.#noteExpiry(to);
  }
}

/** What is written goes to the store within seconds, and is forgotten then. */
const writer = new ByteWriter(256, { slabs: true });

function decode(kind: Kind, bytes: Uint8Array | undefined): Store {
  const stores = storesOf(kind);
  return bytes === undefined ? stores.empty : fromBytes(stores, bytes);
}

/** It is small, and holds no view of anything larger. */
function keepsDecoded(store: Store, length: number): boolean {
  if (length > LONGEST_KEPT) return false;
  return !("writes" in store) || store.writes.every(({ value: { value } }) => value.length <= SMALL_BYTES);
}

const sameHash = (a: Hash64, b: Hash64): boolean => a.high === b.high && a.low === b.low;

function putU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

const placeOf = (address: string): number => hash64(binaryBytes(address), SHAPE.seed).high;

/** Sorts as the leaves do, and within a leaf by hash. */
export function indexId(address: string): string {
  return u32(placeOf(address)) + address;
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

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
