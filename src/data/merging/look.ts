/** What a command sees of the shard, and what one that writes does to it. */
import { invariant } from "../../core/assert.ts";
import type { LoadedRange, RangeRequest, RecordReader } from "../../core/records.ts";
import { Failure } from "../../core/reply.ts";
import type { Args } from "../contract.ts";
import { WRONG_TYPE } from "../failures.ts";
import {
  causalContexts,
  contextOf,
  type Dot,
  type DotFun,
  type Mutation,
  nextDot,
  type Stamp,
} from "../lattices/index.ts";
import { SeededRandom } from "../random.ts";
import {
  addressOf,
  FIELD,
  type Kind,
  KINDS,
  MEMBER,
  spanOfKey,
  spanOfKind,
  splitAddress,
  STRING,
} from "./address.ts";
import { type Cell, isDue } from "./cells.ts";
import { encodeDelta, type Store, storesOf } from "./delta.ts";
import { type Counts, ITEMS, type Items } from "./items.ts";
import type { Meta } from "./meta.ts";
import type { Trace } from "./reading.ts";
import type { Reply } from "../../core/reply.ts";

/** No command looks at more elements than this at once. */
export const MOST_ELEMENTS = 100_000;

export const TOO_LARGE = new Failure(
  `ERR the collection has more than ${MOST_ELEMENTS} elements; walk with SSCAN or HSCAN, remove with SREM or HDEL piece by piece`,
  "too-large",
);

export type Entries = LoadedRange["entries"];

const NO_ENTRIES: Entries = [];

export interface ReadCommand {
  readonly access: "read";
  ranges?(look: Look, args: Args): readonly RangeRequest[];
  run(look: Look, args: Args): Reply;
}

export interface WriteCommand {
  readonly access: "write";
  ranges?(look: Look, args: Args): readonly RangeRequest[];
  run(writing: Writing, args: Args): Reply;
}

export type MergingCommand = ReadCommand | WriteCommand;

export type Conflicts = "latest" | "siblings";

export class Look {
  /** Wall clock in milliseconds: of the batch, or of the reader. */
  now = 0;
  loaded: readonly LoadedRange[] = [];
  trace: Trace | null = null;
  /** What the keyspace makes of concurrent writes. */
  readonly conflicts: Conflicts;
  readonly meta: Meta;
  readonly records: RecordReader;
  protected readonly items: Items;
  readonly #random = new SeededRandom();

  constructor(records: RecordReader, items: Items, meta: Meta, conflicts: Conflicts) {
    this.conflicts = conflicts;
    this.records = records;
    this.items = items;
    this.meta = meta;
  }

  seed(seed: number, position: number): void {
    this.#random.reseed(seed, position);
  }

  random(): number {
    return this.#random.next();
  }

  counts(key: string): Counts {
    return this.items.counts(key);
  }

  /** The cell of a string or field, unless it is empty or due. */
  cell(key: string, kind: typeof STRING | typeof FIELD, part = ""): Cell | undefined {
    const address = addressOf(key, kind, part);
    this.trace?.point(address);
    if (this.items.bytes(address) === undefined) return undefined;
    const cell = this.items.store(address, kind) as Cell;
    return isDue(cell, this.now) ? undefined : cell;
  }

  /** A failure when the key holds other kinds only. */
  string(key: string): Cell | undefined | Failure {
    return this.cell(key, STRING) ?? (this.has(key, MEMBER, FIELD) ? WRONG_TYPE : undefined);
  }

  hasMember(key: string, member: string): boolean {
    const address = addressOf(key, MEMBER, member);
    this.trace?.point(address);
    return this.items.bytes(address) !== undefined;
  }

  /** Whether the key has an item of one of the kinds; a due string is none. */
  has(key: string, ...kinds: readonly Kind[]): boolean {
    const counts = this.counts(key);
    return kinds.some((kind) => {
      if (!counts.has(kind)) return false;
      return kind !== STRING || !isDue(this.items.store(addressOf(key, STRING), STRING) as Cell, this.now);
    });
  }

  /** How many there are; a failure when the key holds other kinds only. */
  size(key: string, kind: typeof MEMBER | typeof FIELD): number | Failure {
    const count = this.counts(key).get(kind) ?? 0;
    return count === 0 && this.has(key, ...KINDS) ? WRONG_TYPE : count;
  }

  /** For a read that asks whether, or how much, there is: all that is below the key, unless it is too much to look at. */
  traceKey(key: string): void {
    let total = 0;
    for (const count of this.counts(key).values()) total += count;
    if (total <= MOST_ELEMENTS) this.trace?.span(spanOfKey(key));
  }

  /** All items of the keys; a failure when they are too many. */
  allOf(keys: Iterable<string>): readonly RangeRequest[] | Failure {
    const requests: RangeRequest[] = [];
    let total = 0;
    for (const key of new Set(keys)) {
      let items = 0;
      for (const count of this.counts(key).values()) items += count;
      total += items;
      if (items > 0) requests.push({ space: ITEMS, from: spanOfKey(key).from, limit: items });
    }
    return total > MOST_ELEMENTS ? TOO_LARGE : requests;
  }

  /** All elements of one kind. */
  whole(key: string, kind: typeof MEMBER | typeof FIELD): readonly RangeRequest[] {
    const size = this.size(key, kind);
    if (size instanceof Failure || size === 0 || size > MOST_ELEMENTS) return [];
    return [{ space: ITEMS, from: spanOfKind(key, kind).from, limit: size }];
  }

  /** What `whole` loaded, as the `at`th range. */
  wholeEntries(key: string, kind: typeof MEMBER | typeof FIELD, at = 0): Entries | Failure {
    const size = this.size(key, kind);
    if (size instanceof Failure) return size;
    if (size > MOST_ELEMENTS) return TOO_LARGE;
    this.trace?.span(spanOfKind(key, kind));
    return size === 0 ? NO_ENTRIES : this.loaded[at]!.entries;
  }
}

/** A batch of commands at work: what it wrote and removed. */
export class Writing extends Look {
  maxValueBytes = 0;
  readonly #changed = new Set<string>();
  readonly #dots: Dot[] = [];
  /** The counters of this batch's own dots: from the first up to the next one. */
  #first = 1;
  #next = 1;

  begin(): void {
    this.#changed.clear();
    this.#dots.length = 0;
    this.#first = nextDot(this.meta.context, this.meta.clock.node).counter;
    this.#next = this.#first;
  }

  stamp(): Stamp {
    return this.meta.stamp(this.now);
  }

  change(address: string, mutation: Mutation<Store>): void {
    const { kind } = splitAddress(address);
    const stores = storesOf(kind);
    const store = this.items.store(address, kind);
    const dot = { replica: this.meta.clock.node, counter: this.#next };
    const { store: written, replaced } = mutation(store, dot);
    const dots = [...stores.dots(written), ...replaced];
    if (dots.length === 0) return;
    if (!stores.isEmpty(written)) {
      invariant(dots[0]!.counter === dot.counter, "a change wrote under another dot than its own");
      this.#next++;
    }
    this.#dots.push(...dots);
    this.#changed.add(address);
    this.items.change(address, stores.join(store, this.meta.context, written, contextOf(dots)));
  }

  changeCell(key: string, kind: typeof STRING | typeof FIELD, part: string, mutation: Mutation<Cell>): void {
    this.change(addressOf(key, kind, part), mutation as Mutation<Store>);
  }

  changeMember(key: string, member: string, mutation: Mutation<DotFun<null>>): void {
    this.change(addressOf(key, MEMBER, member), mutation as Mutation<Store>);
  }

  /** Removes all that is seen of the item. */
  remove(address: string): void {
    const { kind } = splitAddress(address);
    const stores = storesOf(kind);
    this.change(address, (store) => ({ store: stores.empty, replaced: stores.dots(store) }));
  }

  /** Removes an item whose time has come, here only: every replica comes to that by itself. */
  forget(address: string): void {
    this.items.change(address, storesOf(splitAddress(address).kind).empty);
  }

  /** Ends the batch: takes its events into the context, and returns them for the others. */
  finish(): Uint8Array | null {
    if (this.#dots.length === 0) return null;
    const context = contextOf(this.#dots);
    this.meta.context = causalContexts.join(this.meta.context, context);
    const items = [...this.#changed].map((address) => {
      const { kind } = splitAddress(address);
      return { address, kind, store: this.#writtenOf(this.items.store(address, kind)) };
    });
    return encodeDelta({ context, scopes: null, items });
  }

  /** Of the store what this batch wrote. */
  #writtenOf(store: Store): Store {
    const own = <V>(values: DotFun<V>): DotFun<V> =>
      values.filter(({ dot }) => dot.replica === this.meta.clock.node && dot.counter >= this.#first);
    return "writes" in store ? { writes: own(store.writes), counts: own(store.counts) } : own(store);
  }
}
