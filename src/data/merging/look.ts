/** What a command sees of the shard, and what one that writes does to it. */
import { invariant } from "../../core/assert.ts";
import type { LoadedRange, RangeRequest, RecordReader } from "../../core/records.ts";
import { Failure } from "../../core/reply.ts";
import type { Args } from "../contract.ts";
import { WRONG_TYPE } from "../failures.ts";
import {
  causalContexts,
  changed,
  contextOf,
  type Dot,
  type DotFun,
  dotSets,
  type Mutation,
  nextDot,
  type Stamp,
  type Written,
} from "../lattices/index.ts";
import { SeededRandom } from "../random.ts";
import {
  addressOf,
  type FIELD,
  type Kind,
  KINDS,
  MEMBER,
  spanOfKey,
  spanOfKind,
  splitAddress,
  STRING,
} from "./address.ts";
import { type Cell, cells, changedCell, isDue } from "./cells.ts";
import { encodeDelta, type Item, type Store, storesOf } from "./delta.ts";
import { type Counts, countOf, totalOf } from "./headers.ts";
import { type Held, ITEMS, type Items } from "./items.ts";
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

  /** What the item holds. */
  protected store(key: string, kind: Kind, part: string): Store {
    const address = addressOf(key, kind, part);
    this.trace?.point(address);
    return this.items.store(address, kind);
  }

  /** The cell of a string or field, unless it is empty or due. */
  cell(key: string, kind: typeof STRING | typeof FIELD, part = ""): Cell | undefined {
    const cell = this.store(key, kind, part) as Cell;
    return cells.isEmpty(cell) || isDue(cell, this.now) ? undefined : cell;
  }

  /** A failure when the key holds other kinds only. */
  string(key: string): Cell | undefined | Failure {
    return this.cell(key, STRING) ?? (this.hasElements(key) ? WRONG_TYPE : undefined);
  }

  hasMember(key: string, member: string): boolean {
    const address = addressOf(key, MEMBER, member);
    this.trace?.point(address);
    return this.items.has(address, MEMBER);
  }

  /** Whether the key has an item of one of the kinds; a due string is none. */
  has(key: string, ...kinds: readonly Kind[]): boolean {
    const counts = this.counts(key);
    for (const kind of kinds)
      if (countOf(counts, kind) > 0 && (kind !== STRING || this.#hasString(key))) return true;
    return false;
  }

  #hasString(key: string): boolean {
    return !isDue(this.items.store(addressOf(key, STRING), STRING) as Cell, this.now);
  }

  /** It has members or fields. */
  hasElements(key: string): boolean {
    const { members, fields } = this.counts(key);
    return members + fields > 0;
  }

  /** How many there are; a failure when the key holds other kinds only. */
  size(key: string, kind: typeof MEMBER | typeof FIELD): number | Failure {
    const counts = this.counts(key);
    const count = countOf(counts, kind);
    if (count > 0 || totalOf(counts) === 0) return count;
    return this.has(key, ...KINDS) ? WRONG_TYPE : 0;
  }

  /** For a read that asks whether, or how much, there is: all that is below the key, unless it is too much to look at. */
  traceKey(key: string): void {
    if (totalOf(this.counts(key)) <= MOST_ELEMENTS) this.trace?.span(spanOfKey(key));
  }

  /** All items of the keys; a failure when they are too many. */
  allOf(keys: Iterable<string>): readonly RangeRequest[] | Failure {
    const requests: RangeRequest[] = [];
    let total = 0;
    for (const key of new Set(keys)) {
      const items = totalOf(this.counts(key));
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
  /** By address. */
  readonly #changed = new Map<string, Held>();
  #dots: Dot[] = [];
  /** The counters of this batch's own dots: from the first up to the next one. */
  #first = 1;
  #next = 1;
  /** The item that was asked for last: most commands look at one and then change it. */
  #last: { readonly key: string; readonly kind: Kind; readonly part: string; readonly held: Held } | null =
    null;

  begin(): void {
    this.#changed.clear();
    this.#dots = [];
    this.#last = null;
    this.#first = nextDot(this.meta.context, this.meta.clock.node).counter;
    this.#next = this.#first;
  }

  stamp(): Stamp {
    return this.meta.stamp(this.now);
  }

  override counts(key: string): Counts {
    return this.items.countsForChange(key);
  }

  protected override store(key: string, kind: Kind, part: string): Store {
    return this.items.storeOf(this.#hold(key, kind, part));
  }

  override hasMember(key: string, member: string): boolean {
    return !dotSets.isEmpty(this.store(key, MEMBER, member) as DotFun<null>);
  }

  changeCell(key: string, kind: typeof STRING | typeof FIELD, part: string, mutation: Mutation<Cell>): void {
    const held = this.#hold(key, kind, part);
    const cell = this.items.storeOf(held) as Cell;
    const dot = this.#nextDot();
    const { store, replaced } = mutation(cell, dot);
    if (this.#note(held, cells.dots(store), replaced, dot))
      this.items.change(held, changedCell(cell, store, replaced));
  }

  changeMember(key: string, member: string, mutation: Mutation<DotFun<null>>): void {
    const held = this.#hold(key, MEMBER, member);
    const dots = this.items.storeOf(held) as DotFun<null>;
    const dot = this.#nextDot();
    const { store, replaced } = mutation(dots, dot);
    if (this.#note(held, dotSets.dots(store), replaced, dot))
      this.items.change(held, changed(dots, store, replaced));
  }

  /** Removes all that is seen of the item. */
  remove(key: string, kind: Kind, part = ""): void {
    const held = this.#hold(key, kind, part);
    const stores = storesOf(kind);
    if (this.#note(held, NONE, stores.dots(this.items.storeOf(held)), null))
      this.items.change(held, stores.empty);
  }

  /** The same, by the item's address. */
  removeAt(address: string): void {
    const { key, kind, part } = splitAddress(address);
    this.remove(key, kind, part);
  }

  /** Removes an item whose time has come, here only: every replica comes to that by itself. */
  forget(key: string, kind: Kind): void {
    this.items.change(this.#hold(key, kind, ""), storesOf(kind).empty);
  }

  /** Writes down what has changed so far: records are about to be loaded. */
  commit(): void {
    this.#last = null;
    this.items.commit();
  }

  /** Ends the batch: takes its events into the context, and returns them for the others. */
  finish(): Uint8Array | null {
    const delta = this.#dots.length === 0 ? null : this.#delta();
    this.commit();
    this.#changed.clear();
    return delta;
  }

  #delta(): Uint8Array {
    const context = contextOf(this.#dots);
    this.meta.context = causalContexts.join(this.meta.context, context);
    const items: Item[] = [];
    for (const held of this.#changed.values()) {
      const { address, kind, key } = held;
      items.push({ address, kind, key, store: this.#writtenOf(this.items.storeOf(held)) });
    }
    return encodeDelta({ context, scopes: null, items });
  }

  #hold(key: string, kind: Kind, part: string): Held {
    const last = this.#last;
    if (last !== null && last.key === key && last.kind === kind && last.part === part) return last.held;
    const held = this.items.hold(addressOf(key, kind, part), kind, key);
    this.#last = { key, kind, part, held };
    return held;
  }

  #nextDot(): Dot {
    return { replica: this.meta.clock.node, counter: this.#next };
  }

  /** False: the change neither wrote nor replaced anything. `dot`: what it might write under. */
  #note(held: Held, written: readonly Dot[], replaced: readonly Dot[], dot: Dot | null): boolean {
    if (written.length > 0) {
      invariant(written[0]!.counter === dot?.counter, "a change wrote under another dot than its own");
      this.#next++;
    } else if (replaced.length === 0) return false;
    for (const each of written) this.#dots.push(each);
    for (const each of replaced) this.#dots.push(each);
    this.#changed.set(held.address, held);
    return true;
  }

  /** Of the store what this batch wrote. */
  #writtenOf(store: Store): Store {
    return "writes" in store
      ? { writes: this.#own(store.writes), counts: this.#own(store.counts) }
      : this.#own(store);
  }

  #own<V>(values: DotFun<V>): DotFun<V> {
    return values.every((value) => this.#isOwn(value))
      ? values
      : values.filter((value) => this.#isOwn(value));
  }

  #isOwn({ dot }: Written<unknown>): boolean {
    return dot.replica === this.meta.clock.node && dot.counter >= this.#first;
  }
}

const NONE: readonly Dot[] = [];
