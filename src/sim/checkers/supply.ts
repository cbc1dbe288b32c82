/**
 * For objects whose state is one value: which operations produce a value and which need it. A search that sees that a
 * value is still needed, and that nobody is left who can produce it in time, can turn back at once.
 */
import type { Operation } from "../history/event.ts";
import type { Compiled } from "./model.ts";

/** Operations in the order of invocation. */
interface ByCall {
  readonly indices: readonly number[];
  /** The latest return of the first n + 1 of them. */
  readonly latestReturn: readonly number[];
}

/**
 * Knows the required operations only; they are given in the order of invocation, and by their index from then on. Times
 * are lines. In all questions everything that returned before `deadline` is placed.
 */
export class SupplyAndDemand {
  readonly #required: readonly { readonly operation: Operation; readonly op: Compiled }[];
  readonly #suppliers: ReadonlyMap<string, ByCall>;
  readonly #demanders: ReadonlyMap<string, ByCall>;
  readonly #demandersByReturn = new Map<string, readonly number[]>();
  readonly #avoiders: ByCall;
  /** Per operation: whoever is invoked after this time comes after a change that came after the operation. */
  readonly #horizon: Float64Array;
  /** The first return of an operation that changes anything. */
  readonly #firstChange: number;

  constructor(required: readonly { readonly operation: Operation; readonly op: Compiled }[]) {
    this.#required = required;
    const suppliers = new Map<string, number[]>();
    const demanders = new Map<string, number[]>();
    const avoiders: number[] = [];
    required.forEach(({ op }, index) => {
      for (const value of op.gives ?? []) append(suppliers, value, index);
      for (const value of op.needs ?? []) append(demanders, value, index);
      if (op.avoids !== undefined) avoiders.push(index);
    });
    const byCall = (indices: readonly number[]): ByCall => {
      let latest = 0;
      return {
        indices,
        latestReturn: indices.map((index) => (latest = Math.max(latest, this.#return(index)))),
      };
    };
    const all = (lists: ReadonlyMap<string, readonly number[]>): ReadonlyMap<string, ByCall> =>
      new Map([...lists].map(([value, indices]) => [value, byCall(indices)]));
    this.#suppliers = all(suppliers);
    this.#demanders = all(demanders);
    for (const [value, indices] of demanders) {
      this.#demandersByReturn.set(
        value,
        [...indices].sort((a, b) => this.#return(a) - this.#return(b)),
      );
    }
    this.#avoiders = byCall(avoiders);
    const changes = [...required.keys()].filter((index) => required[index]!.op.gives !== undefined);
    this.#horizon = this.#horizons(changes);
    this.#firstChange = changes.reduce((first, index) => Math.min(first, this.#return(index)), Infinity);
  }

  /** Whether an operation that is not placed yet, and that is invoked before `time`, produces the value. */
  canSupply(value: string, time: number, deadline: number, placed: Uint8Array): boolean {
    const suppliers = this.#suppliers.get(value);
    return suppliers !== undefined && this.#someUnplaced(suppliers, time, deadline, placed, () => true);
  }

  /** The return of the next operation that needs the value and is not placed yet; Infinity when there is none. */
  nextDemand(value: string, deadline: number, placed: Uint8Array): number {
    const indices = this.#demandersByReturn.get(value);
    if (indices === undefined) return Infinity;
    const start = firstAtLeast(indices, deadline, (index) => this.#return(index));
    for (let position = start; position < indices.length; position++) {
      if (placed[indices[position]!] === 0) return this.#return(indices[position]!);
    }
    return Infinity;
  }

  /**
   * For a single value: whether an operation that produces what this one needs may come right before it, that is, begins
   * before its return and is not certainly overwritten before its call. `isInitial`: the object starts with the value.
   */
  canBeServed(index: number, value: string, isInitial: boolean): boolean {
    if (isInitial && this.#firstChange >= this.#call(index)) return true;
    const suppliers = this.#suppliers.get(value);
    if (suppliers === undefined) return false;
    const { indices } = suppliers;
    const end = firstAtLeast(indices, this.#return(index), (other) => this.#call(other));
    for (let position = end - 1; position >= 0; position--) {
      const other = indices[position]!;
      if (other !== index && this.#horizon[other]! >= this.#call(index)) return true;
    }
    return false;
  }

  /**
   * Whether the blind operation `index`, which is open, can be placed right before any other blind one, together with the
   * operations that need its value, and nobody would miss it: all that could still see it are open reads.
   * `canBecome` answers whether the state can be a value at some moment before a time.
   */
  isFree(
    index: number,
    deadline: number,
    placed: Uint8Array,
    canBecome: (value: string, time: number) => boolean,
  ): boolean {
    const value = this.#required[index]!.op.gives![0]!;
    const horizon = this.#horizon[index]!;
    const demanders = this.#demanders.get(value);
    const isKept = (other: number): boolean =>
      !this.#required[other]!.op.readOnly || this.#call(other) > deadline;
    if (demanders !== undefined && this.#someUnplaced(demanders, horizon, deadline, placed, isKept))
      return false;
    return !this.#someUnplaced(this.#avoiders, horizon, deadline, placed, (other) => {
      const { avoids } = this.#required[other]!.op;
      return avoids !== value && canBecome(avoids!, this.#return(other));
    });
  }

  /** Calls back with the open operations that need the value and are not placed yet. */
  forOpenDemanders(
    value: string,
    deadline: number,
    placed: Uint8Array,
    visit: (index: number) => void,
  ): void {
    const demanders = this.#demanders.get(value);
    if (demanders === undefined) return;
    this.#someUnplaced(demanders, deadline, deadline, placed, (index) => {
      visit(index);
      return false;
    });
  }

  /** Looks at those invoked before `time`, from the last one back to where everything is placed. */
  #someUnplaced(
    { indices, latestReturn }: ByCall,
    time: number,
    deadline: number,
    placed: Uint8Array,
    test: (index: number) => boolean,
  ): boolean {
    const end = firstAtLeast(indices, time, (index) => this.#call(index));
    for (let position = end - 1; position >= 0; position--) {
      if (latestReturn[position]! < deadline) return false;
      const index = indices[position]!;
      if (placed[index] === 0 && test(index)) return true;
    }
    return false;
  }

  #horizons(changes: readonly number[]): Float64Array {
    const earliestReturn = new Float64Array(changes.length + 1).fill(Infinity);
    for (let position = changes.length - 1; position >= 0; position--) {
      earliestReturn[position] = Math.min(earliestReturn[position + 1]!, this.#return(changes[position]!));
    }
    return Float64Array.from(
      this.#required.keys(),
      (index) => earliestReturn[firstAtLeast(changes, this.#return(index), (other) => this.#call(other))]!,
    );
  }

  #call(index: number): number {
    return this.#required[index]!.operation.call;
  }

  #return(index: number): number {
    return this.#required[index]!.operation.return;
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
