/**
 * What replicas say to each other about items.
 *
 * ```
 * event delta  = 1 | context | items                     the events of a batch: exactly these were written or removed
 * scoped delta = 2 | context | scopes | items            all that is within the scopes; the context is all that the sender knows
 * scopes       = count varint | (space u8 | from | to, "" for the end) × count
 * items        = count varint | (address | store) × count                 addresses ascending
 * ```
 *
 * What the sender of a scoped delta knows but does not hold *there* was removed. Elsewhere its context says nothing, so that
 * the receiver takes into its own context only the dots that the items hold.
 */
import { ByteReader, ByteWriter, CodecError, binaryString } from "../../core/bytes.ts";
import type { ReplicaId } from "../../core/ids.ts";
import {
  type CausalContext,
  causalContexts,
  counts,
  type Dot,
  dotSets,
  type DotFun,
  type DotStore,
  knows,
  texts,
} from "../lattices/index.ts";
import { type Kind, MEMBER, type Span, splitAddress } from "./address.ts";
import { type Cell, cells } from "./cells.ts";

export type Store = Cell | DotFun<null>;

export function storesOf(kind: Kind): DotStore<Store> {
  return (kind === MEMBER ? dotSets : cells) as DotStore<Store>;
}

export interface Item {
  readonly address: string;
  readonly kind: Kind;
  readonly key: string;
  readonly store: Store;
}

/** A part of the space of items, or of the index by leaves. */
export interface Scope extends Span {
  readonly space: "items" | "index";
}

export interface Delta {
  readonly context: CausalContext;
  /** Null: an event delta. */
  readonly scopes: readonly Scope[] | null;
  readonly items: readonly Item[];
}

const EVENT = 1;
const SCOPED = 2;
const SPACES = ["items", "index"] as const;

const writer = new ByteWriter();

/** Items in any order. */
export function encodeDelta({ context, scopes, items }: Delta): Uint8Array {
  writer.u8(scopes === null ? EVENT : SCOPED);
  causalContexts.encode(writer, context);
  if (scopes !== null) encodeScopes(writer, scopes);
  writer.varint(items.length);
  for (const { address, kind, store } of items.toSorted((a, b) => (a.address < b.address ? -1 : 1))) {
    writer.binary(address);
    storesOf(kind).encode(writer, store);
  }
  return writer.finish();
}

/** Throws `CodecError` unless it is a delta, whole, with every dot in its context and at one place. */
export function decodeDelta(bytes: Uint8Array): Delta {
  const reader = new ByteReader(bytes);
  const form = reader.u8();
  if (form !== EVENT && form !== SCOPED) throw new CodecError(`a delta of form ${form}`);
  const context = causalContexts.decode(reader);
  const scopes = form === SCOPED ? decodeScopes(reader) : null;
  const items: Item[] = [];
  const places = new Places(context);
  let last = "";
  for (let left = counts.decode(reader); left > 0; left--) {
    const address = texts.decode(reader);
    if (last >= address) throw new CodecError("items out of order");
    last = address;
    const { kind, key } = splitAddress(address);
    const store = storesOf(kind).decode(reader);
    places.addAll(store);
    items.push({ address, kind, key, store });
  }
  reader.end();
  return { context, scopes, items };
}

/** Where dots were found: each in its context, and at one place only. */
class Places {
  readonly #context: CausalContext;
  readonly #seen = new Map<ReplicaId, Set<number>>();

  constructor(context: CausalContext) {
    this.#context = context;
  }

  addAll(store: Store): void {
    if ("writes" in store) {
      for (const { dot } of store.writes) this.#add(dot);
      for (const { dot } of store.counts) this.#add(dot);
    } else {
      for (const { dot } of store) this.#add(dot);
    }
  }

  #add(dot: Dot): void {
    if (!knows(this.#context, dot)) throw new CodecError("a dot outside of its context");
    let counters = this.#seen.get(dot.replica);
    if (counters === undefined) {
      counters = new Set();
      this.#seen.set(dot.replica, counters);
    }
    if (counters.has(dot.counter)) throw new CodecError("one dot at two places");
    counters.add(dot.counter);
  }
}

export function encodeScopes(writer: ByteWriter, scopes: readonly Scope[]): void {
  writer.varint(scopes.length);
  for (const { space, from, to } of scopes) {
    writer.u8(SPACES.indexOf(space));
    writer.binary(from);
    writer.binary(to ?? "");
  }
}

export function decodeScopes(reader: ByteReader): Scope[] {
  const scopes: Scope[] = [];
  for (let left = counts.decode(reader); left > 0; left--) {
    const space = SPACES[reader.u8()];
    if (space === undefined) throw new CodecError("a scope in no space");
    const from = binaryString(reader.bytes());
    const to = binaryString(reader.bytes());
    scopes.push({ space, from, to: to === "" ? null : to });
  }
  return scopes;
}
