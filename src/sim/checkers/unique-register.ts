/**
 * A register in which no value is written twice can be checked without a search (Gibbons and Korach, "Testing shared
 * memories", 1997). Whoever reads a value, or swaps it for another, is tied to the one write of it: they form a block in
 * which nothing else can happen, because the value never comes back. A compare-and-set continues the block of the value
 * that it expects.
 *
 * A block must contain every moment between the first return and the last invocation of its operations: its zone. When
 * the first return comes first, the block occupies its zone (a forward zone); otherwise it fits into any one moment of it
 * (a backward zone). A linearization exists if and only if real time agrees within each block, no two forward zones
 * overlap, and no backward zone lies within a forward one. O(n log n), however many operations have an unknown outcome:
 * those whose value nobody saw did not happen, the others did.
 */
import type { Operation } from "../history/event.ts";
import type { Decision } from "./model.ts";
import { compileRegisterOp, type RegisterOp } from "./models/register.ts";
import { token } from "./models/arguments.ts";
import { agreesWithRealTime, inOrder, type Ranked } from "./order-constraints.ts";

const INITIAL = token(null);
const IMPOSSIBLE: Decision = { verdict: "refused" };

interface Entry {
  readonly operation: Operation;
  readonly op: RegisterOp;
}

interface Block {
  /** Each with its place in the block. */
  readonly members: Ranked[];
  earliestReturn: number;
  latestCall: number;
}

/** Null when the register is used in another way, or the answer needs a search. */
export function decideUniqueRegister(operations: readonly Operation[]): Decision | null {
  const entries = operations
    .filter((operation) => operation.outcome !== "fail")
    .map((operation): Entry => ({ operation, op: compileRegisterOp(operation) }));
  const producers = producersOf(entries);
  if (producers === null) return null;

  const happened = whatHappened(entries, producers);
  if (happened === null) return IMPOSSIBLE;
  const blocks = blocksOf(happened);
  if (blocks === null) return IMPOSSIBLE;

  const ranked: Ranked[] = [];
  let rank = 0;
  for (const block of inZoneOrder(blocks)) {
    for (const { operation, rank: place } of block.members) ranked.push({ operation, rank: rank + place });
    rank += block.members.length * 2 + 2;
  }
  if (!agreesWithRealTime(ranked)) return IMPOSSIBLE;

  const differing = entries.filter(
    (entry) => entry.op.kind === "differs" && entry.operation.outcome === "ok",
  );
  return insertDiffering(inOrder(ranked), differing);
}

/** Who produces each value; null when a value has two producers, or the initial one comes back. */
function producersOf(entries: readonly Entry[]): ReadonlyMap<string, Entry> | null {
  const producers = new Map<string, Entry>();
  for (const entry of entries) {
    const gives = entry.op.gives?.[0];
    if (gives === undefined) {
      if (entry.op.kind === "delete-some" || entry.op.kind === "delete-none") return null;
      continue;
    }
    if (gives === INITIAL || producers.has(gives)) return null;
    producers.set(gives, entry);
  }
  return producers;
}

/**
 * The operations that must have happened, except failed compare-and-sets: the acknowledged ones, and those whose value
 * one of them saw. Null: a value was seen that nobody wrote.
 */
function whatHappened(
  entries: readonly Entry[],
  producers: ReadonlyMap<string, Entry>,
): ReadonlySet<Entry> | null {
  const happened = new Set<Entry>();
  const todo = entries.filter((entry) => entry.operation.outcome === "ok" && entry.op.kind !== "differs");
  for (let entry = todo.pop(); entry !== undefined; entry = todo.pop()) {
    if (happened.has(entry)) continue;
    happened.add(entry);
    const needs = entry.op.needs?.[0];
    if (needs === undefined || needs === INITIAL) continue;
    const producer = producers.get(needs);
    if (producer === undefined) return null;
    todo.push(producer);
  }
  return happened;
}

/** The initial value's block comes first. Null: two operations swapped the same value, or a swap has no beginning. */
function blocksOf(happened: ReadonlySet<Entry>): readonly Block[] | null {
  const reads = new Map<string, Entry[]>();
  const swaps = new Map<string, Entry>();
  const writes: Entry[] = [];
  for (const entry of happened) {
    const needs = entry.op.needs?.[0];
    if (needs === undefined) {
      writes.push(entry);
    } else if (entry.op.readOnly) {
      const list = reads.get(needs);
      if (list === undefined) reads.set(needs, [entry]);
      else list.push(entry);
    } else {
      if (swaps.has(needs)) return null;
      swaps.set(needs, entry);
    }
  }
  let count = 0;
  const build = (write: Entry | null): Block => {
    const block: Block = { members: [], earliestReturn: Infinity, latestCall: -Infinity };
    let rank = 0;
    const add = ({ operation }: Entry): void => {
      block.members.push({ operation, rank });
      block.earliestReturn = Math.min(block.earliestReturn, operation.return);
      block.latestCall = Math.max(block.latestCall, operation.call);
      count++;
    };
    let value = INITIAL;
    if (write !== null) {
      add(write);
      value = write.op.gives![0]!;
    }
    for (;;) {
      rank++;
      for (const read of reads.get(value) ?? []) add(read);
      const swap = swaps.get(value);
      if (swap === undefined) return block;
      rank++;
      add(swap);
      value = swap.op.gives![0]!;
    }
  };
  const blocks = [build(null), ...writes.map(build)];
  return count === happened.size ? blocks : null;
}

/** The order of the blocks that is valid if any is. */
function inZoneOrder(blocks: readonly Block[]): readonly Block[] {
  const [initial, ...others] = blocks;
  const forward = others
    .filter((block) => block.earliestReturn < block.latestCall)
    .sort((a, b) => a.earliestReturn - b.earliestReturn);
  const placed = others.map((block) => {
    const isForward = block.earliestReturn < block.latestCall;
    if (isForward) return { block, at: block.latestCall, after: 0 };
    // A moment of the backward zone outside every forward zone: its start, or the end of the zone around that.
    const around = lastStartingBefore(forward, block.latestCall);
    return around !== undefined && around.latestCall > block.latestCall
      ? { block, at: around.latestCall, after: 1 }
      : { block, at: block.latestCall, after: 0 };
  });
  placed.sort((a, b) => a.at - b.at || a.after - b.after || a.block.latestCall - b.block.latestCall);
  return [initial!, ...placed.map((entry) => entry.block)];
}

function lastStartingBefore(forward: readonly Block[], time: number): Block | undefined {
  let low = 0;
  let high = forward.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (forward[middle]!.earliestReturn < time) low = middle + 1;
    else high = middle;
  }
  return forward[low - 1];
}

/**
 * Puts the compare-and-sets that found another value into an order of everything else. They may not fit into this order
 * and yet into another one: then a search has to tell.
 */
function insertDiffering(order: readonly Operation[], differing: readonly Entry[]): Decision | null {
  const values = valuesAlong(order);
  const state = values.at(-1)!;
  if (differing.length === 0) {
    return { verdict: "accepted", order, state: state === INITIAL ? "absent" : state };
  }
  const { earliestGap, latestGap } = gapsAround(order);
  const gaps: Operation[][] = values.map(() => []);
  const chosen: { readonly operation: Operation; readonly gap: number }[] = [];
  for (const { operation, op } of [...differing].sort((a, b) => a.operation.call - b.operation.call)) {
    let first = earliestGap(operation.call);
    const last = latestGap(operation.return);
    for (const other of chosen) {
      if (other.operation.return < operation.call) first = Math.max(first, other.gap);
    }
    let gap = first;
    while (gap <= last && values[gap] === op.value) gap++;
    if (gap > last) return null;
    gaps[gap]!.push(operation);
    chosen.push({ operation, gap });
  }
  const whole = gaps.flatMap((inserted, gap) => (gap < order.length ? [...inserted, order[gap]!] : inserted));
  return { verdict: "accepted", order: whole, state: state === INITIAL ? "absent" : state };
}

/** Between which gaps of an order an operation can be put; gap n is before the nth operation. */
function gapsAround(order: readonly Operation[]): {
  earliestGap(call: number): number;
  latestGap(returned: number): number;
} {
  const positions = [...order.keys()];
  const byReturn = [...positions].sort((a, b) => order[a]!.return - order[b]!.return);
  const byCall = [...positions].sort((a, b) => order[b]!.call - order[a]!.call);
  // The last position among those that returned first, and the first among those that were invoked last.
  let last = 0;
  const lastReturned = byReturn.map((position) => (last = Math.max(last, position + 1)));
  let first = order.length;
  const firstInvoked = byCall.map((position) => (first = Math.min(first, position)));
  const countWhile = (sorted: readonly number[], test: (operation: Operation) => boolean): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (test(order[sorted[middle]!]!)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return {
    earliestGap: (call) => lastReturned[countWhile(byReturn, (other) => other.return < call) - 1] ?? 0,
    latestGap: (returned) =>
      firstInvoked[countWhile(byCall, (other) => other.call > returned) - 1] ?? order.length,
  };
}

/** The value before each operation of the order, and after the last. */
function valuesAlong(order: readonly Operation[]): readonly string[] {
  let value = INITIAL;
  const values = [value];
  for (const operation of order) {
    value = compileRegisterOp(operation).gives?.[0] ?? value;
    values.push(value);
  }
  return values;
}
