/**
 * A cell: what a string and the field of a hash are. A register, whose concurrent writes stay beside each other until
 * a write replaces them, and a counter that is added to it. So `SET k 0` and then `INCR k` on two sides come to 2.
 *
 * Increments never touch the register and a write takes away the subtotals that it has seen; an increment that it had not seen stays,
 * with all that its replica had added before (lattices/resettable-counter.ts).
 */
import { binaryBytes } from "../../core/bytes.ts";
import {
  chain,
  changed,
  type Codec,
  compareStamps,
  counterStores,
  counterValue,
  counting,
  counts,
  type Dot,
  type DotFun,
  dotFun,
  type DotStore,
  type Mutation,
  type Stamp,
  stamps,
  type Subtotal,
} from "../lattices/index.ts";
import { parseInteger } from "../numbers.ts";
import { replicaId } from "../../core/ids.ts";

export interface Write {
  readonly stamp: Stamp;
  readonly value: Uint8Array;
  /** Milliseconds since 1970; 0: never. From then on the whole cell is absent, as far as this write is the one that counts. */
  readonly expiry: number;
}

export interface Cell {
  readonly writes: DotFun<Write>;
  readonly counts: DotFun<Subtotal>;
}

const NOTHING = new Uint8Array(0);

/** A value of up to so many bytes is always a copy: who keeps it keeps no larger buffer with it. */
export const SMALL_BYTES = 64;

const writeCodec: Codec<Write> = {
  encode(writer, { stamp, value, expiry }) {
    stamps.encode(writer, stamp);
    writer.varint(expiry);
    writer.bytes(value);
  },
  decode(reader) {
    const stamp = stamps.decode(reader);
    const expiry = counts.decode(reader);
    const value = reader.raw(counts.decode(reader));
    return { stamp, expiry, value: own(value) };
  },
};

/** A dot stands for one write, so that two values of one dot are equal; the order is for the law's sake. */
const writes = dotFun(
  chain<Write>(
    "write",
    { stamp: { wall: 0, logical: 0, node: replicaId(0) }, value: NOTHING, expiry: 0 },
    (left, right) => compareStamps(left.stamp, right.stamp),
    writeCodec,
  ),
);

export const cells: DotStore<Cell> = {
  empty: { writes: [], counts: [] },
  isEmpty: (cell) => cell.writes.length === 0 && cell.counts.length === 0,
  dots(cell) {
    if (cell.writes.length === 0) return counterStores.dots(cell.counts);
    const dots = writes.dots(cell.writes);
    return cell.counts.length === 0 ? dots : [...dots, ...counterStores.dots(cell.counts)];
  },
  join: (left, leftKnows, right, rightKnows) =>
    withoutReplaced({
      writes: writes.join(left.writes, leftKnows, right.writes, rightKnows),
      counts: counterStores.join(left.counts, leftKnows, right.counts, rightKnows),
    }),
  leq: (left, leftKnows, right) =>
    writes.leq(left.writes, leftKnows, right.writes) &&
    counterStores.leq(left.counts, leftKnows, right.counts),
  encode(writer, cell) {
    writes.encode(writer, cell.writes);
    counterStores.encode(writer, cell.counts);
  },
  decode(reader) {
    const register = writes.decode(reader);
    return { writes: register, counts: counterStores.decode(reader) };
  },
};

/**
 * A replica always sees its own earlier writes, and replaces them: what it wrote before is gone, though nobody has said so *here*. It can
 * come here late, after a scoped delta has brought the later write alone, and its subtotal would count twice.
 */
function withoutReplaced({ writes: register, counts: subtotals }: Cell): Cell {
  return { writes: newestOfEach(register), counts: newestOfEach(subtotals) };
}

/** Dots ascend, so that the last one of a replica is its newest. */
function newestOfEach<V>(store: DotFun<V>): DotFun<V> {
  if (store.length < 2) return store;
  return store.filter(({ dot }, at) => store[at + 1]?.dot.replica !== dot.replica);
}

/** The cell after a change that was made on it here: see `changed`. */
export function changedCell(cell: Cell, written: Cell, replaced: readonly Dot[]): Cell {
  return withoutReplaced({
    writes: changed(cell.writes, written.writes, replaced),
    counts: changed(cell.counts, written.counts, replaced),
  });
}

/** The write that a plain read shows: of concurrent ones that with the greatest stamp. */
export function shown(cell: Cell): Write | undefined {
  let best: Write | undefined;
  for (const { value } of cell.writes)
    if (best === undefined || compareStamps(value.stamp, best.stamp) > 0) best = value;
  return best;
}

/** When the cell will be absent; 0: never. */
export const expiryOf = (cell: Cell): number => shown(cell)?.expiry ?? 0;

export function isDue(cell: Cell, now: number): boolean {
  const expiry = expiryOf(cell);
  return expiry !== 0 && expiry <= now;
}

/** What GET shows, whether due or not: undefined for an empty cell. A register that is no integer hides the counter. */
export function textOf(cell: Cell): Uint8Array | undefined {
  const write = shown(cell);
  if (cell.counts.length === 0) return write?.value;
  const number = numberOf(cell);
  return number === undefined ? write?.value : binaryBytes(String(number));
}

/** What the cell comes to as a number; undefined when its register is no integer. */
export function numberOf(cell: Cell): bigint | undefined {
  const write = shown(cell);
  const base = write === undefined ? 0 : parseInteger(write.value);
  return base === undefined ? undefined : BigInt(base) + counterValue(cell.counts);
}

/** Replaces all that is seen. */
export function writing(value: Uint8Array, expiry: number, stamp: Stamp): Mutation<Cell> {
  const kept = own(value);
  return (cell, dot) => ({
    store: { writes: [{ dot, value: { stamp, value: kept, expiry } }], counts: [] },
    replaced: cells.dots(cell),
  });
}

const own = (value: Uint8Array): Uint8Array => (value.length > SMALL_BYTES ? value : value.slice());

/** Replaces only what its writer has seen. */
export function resolving(value: Uint8Array, stamp: Stamp, seen: (dot: Dot) => boolean): Mutation<Cell> {
  const kept = own(value);
  return (cell, dot) => ({
    store: { writes: [{ dot, value: { stamp, value: kept, expiry: 0 } }], counts: [] },
    replaced: cells.dots(cell).filter(seen),
  });
}

/** Writes the register anew with another expiry. The counter stays as it is: to fold it in would count it twice. */
export function expiring(expiry: number, stamp: Stamp): Mutation<Cell> {
  return (cell, dot) => ({
    store: { writes: [{ dot, value: { stamp, value: shown(cell)?.value ?? ZERO, expiry } }], counts: [] },
    replaced: writes.dots(cell.writes),
  });
}

const ZERO = binaryBytes("0");

export function adding(by: bigint): Mutation<Cell> {
  return (cell, dot: Dot) => {
    const { store, replaced } = counting(by)(cell.counts, dot);
    return { store: { writes: [], counts: store }, replaced };
  };
}
