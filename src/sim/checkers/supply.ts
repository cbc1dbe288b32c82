/**
 * For objects whose state is one value: which operations produce a value and which need it. A search that sees that a
 * value is still needed, and that nobody is left who can produce it in time, can turn back at once.
 */
import type { Operation } from "../history/event.ts";
import type { Compiled } from "./model.ts";

interface Suppliers {
  /** In the order of invocation. */
  readonly indices: readonly number[];
  /** The latest return of the first n + 1 of them. */
  readonly latestReturn: readonly number[];
}

/** Knows the required operations only; they are given in the order of invocation, and by their index from then on. */
export class SupplyAndDemand {
  readonly #operations: readonly Operation[];
  readonly #suppliers = new Map<string, Suppliers>();
  /** In the order of return. */
  readonly #demanders = new Map<string, readonly number[]>();

  constructor(required: readonly { readonly operation: Operation; readonly op: Compiled }[]) {
    this.#operations = required.map((entry) => entry.operation);
    const suppliers = new Map<string, number[]>();
    const demanders = new Map<string, number[]>();
    required.forEach(({ op }, index) => {
      if (op.gives !== undefined) append(suppliers, op.gives, index);
      if (op.needs !== undefined) append(demanders, op.needs, index);
    });
    for (const [value, indices] of suppliers) {
      let latest = 0;
      const latestReturn = indices.map(
        (index) => (latest = Math.max(latest, this.#operations[index]!.return)),
      );
      this.#suppliers.set(value, { indices, latestReturn });
    }
    for (const [value, indices] of demanders) {
      indices.sort((a, b) => this.#operations[a]!.return - this.#operations[b]!.return);
      this.#demanders.set(value, indices);
    }
  }

  /**
   * Whether an operation that is not placed yet, and that is invoked before `time`, produces the value. Everything that
   * returned before `deadline` is placed.
   */
  canSupply(value: string, time: number, deadline: number, placed: Uint8Array): boolean {
    const suppliers = this.#suppliers.get(value);
    if (suppliers === undefined) return false;
    const { indices, latestReturn } = suppliers;
    const end = firstAtLeast(indices, time, (index) => this.#operations[index]!.call);
    for (let position = end - 1; position >= 0; position--) {
      if (latestReturn[position]! < deadline) return false;
      if (placed[indices[position]!] === 0) return true;
    }
    return false;
  }

  /** The return of the next operation that needs the value and is not placed yet; Infinity when there is none. */
  nextDemand(value: string, deadline: number, placed: Uint8Array): number {
    const indices = this.#demanders.get(value);
    if (indices === undefined) return Infinity;
    const start = firstAtLeast(indices, deadline, (index) => this.#operations[index]!.return);
    for (let position = start; position < indices.length; position++) {
      if (placed[indices[position]!] === 0) return this.#operations[indices[position]!]!.return;
    }
    return Infinity;
  }
}

function firstAtLeast(indices: readonly number[], bound: number, of: (index: number) => number): number {
  let low = 0;
  let high = indices.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (of(indices[middle]!) < bound) low = middle + 1;
    else high = middle;
  }
  return low;
}

function append(lists: Map<string, number[]>, key: string, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
