/**
 * A set that starts empty: `add` x, `remove` x, `contains` x (true or false), `read` (an array, in any order). `add` and
 * `remove` may return whether they changed the set, or null.
 */
import type { HistoryValue, Operation } from "../../history/event.ts";
import { REFUSED, type Compiled, type Model, type Part } from "../model.ts";
import { badOutput, group, partitionByKey, token, unknownFunction } from "./arguments.ts";

const FUNCTIONS = ["add", "remove", "contains", "read"] as const;

export type SetOp = SetElementOp | SetReadOp;

export interface SetElementOp extends Compiled {
  readonly kind: "add" | "remove" | "contains";
  readonly element: string;
  /** Whether the element must be there before; null when the operation did not say. */
  readonly before: boolean | null;
}

export interface SetReadOp extends Compiled {
  readonly kind: "read";
  /** Null when the outcome is unknown. */
  readonly elements: ReadonlySet<string> | null;
}

export function compileSetOp(operation: Operation): SetOp {
  const { f } = operation;
  switch (f) {
    case "add":
    case "remove": {
      const changed = flag(operation);
      const before = changed === null ? null : f === "add" ? !changed : changed;
      const element = token(operation.input);
      const effect = `${f} ${element}`;
      const readOnly = before !== null && before === (f === "add");
      return { kind: f, element, before, effect, signature: `${effect} ${before}`, readOnly };
    }
    case "contains": {
      const before = flag(operation);
      if (before === null && operation.outcome === "ok") return badOutput(operation, "true or false");
      const element = token(operation.input);
      const effect = `contains ${element}`;
      return { kind: f, element, before, effect, signature: `${effect} ${before}`, readOnly: true };
    }
    case "read": {
      const elements = operation.outcome === "ok" ? elementsOf(operation) : null;
      return { kind: f, elements, effect: "read", signature: "read", readOnly: true };
    }
    default:
      return unknownFunction(operation, "set", FUNCTIONS);
  }
}

function flag(operation: Operation): boolean | null {
  const { outcome, input, output } = operation;
  if (outcome !== "ok" || output === null) return null;
  if (typeof output === "boolean") return output;
  // Some recorders repeat the argument in the completion.
  return token(output) === token(input) ? null : badOutput(operation, "true, false or null");
}

/** Large sets are read often, and an operation is compiled by every search of an explanation. */
const known = new WeakMap<object, ReadonlySet<string>>();

function elementsOf(operation: Operation): ReadonlySet<string> {
  const { output } = operation;
  if (output === null) return new Set();
  if (!Array.isArray(output)) return badOutput(operation, "an array");
  let elements = known.get(output);
  if (elements === undefined) {
    elements = new Set((output as readonly HistoryValue[]).map(token));
    known.set(output, elements);
  }
  return elements;
}

/** Without an operation that sees the whole set, its elements are independent of each other. */
export function partitionSet(operations: readonly Operation[]): readonly Part[] {
  return partitionByKey(operations).flatMap((part) =>
    part.operations.some((operation) => operation.f === "read" && operation.outcome === "ok")
      ? [part]
      : group(
          part.operations,
          (operation) => token(operation.input),
          (operation) => `${part.label}, element ${token(operation.input)}`,
        ),
  );
}

/** A set of elements as bits; equal sets are one object, so that equality is identity. */
interface SetState {
  readonly id: number;
  readonly bits: Int32Array;
  readonly hash: number;
}

export function setModel(operations: readonly Operation[]): Model<SetState, SetOp> {
  const ops = operations.filter((operation) => operation.outcome !== "fail").map(compileSetOp);
  const places = numberElements(ops);
  const removed = new Set(ops.flatMap((op) => (op.kind === "remove" ? [op.element] : [])));
  const elements = [...places.keys()];
  const intern = internStates(Math.max(1, (places.size + 31) >> 5));
  const reads = new WeakMap<SetReadOp, Int32Array>();

  const bitsOf = (op: SetReadOp): Int32Array => {
    let bits = reads.get(op);
    if (bits === undefined) {
      bits = new Int32Array(intern.empty.bits.length);
      for (const element of op.elements ?? []) {
        const place = places.get(element)!;
        bits[place >> 5]! |= 1 << (place & 31);
      }
      reads.set(op, bits);
    }
    return bits;
  };
  const has = (state: SetState, element: string): boolean => {
    const place = places.get(element)!;
    return (state.bits[place >> 5]! & (1 << (place & 31))) !== 0;
  };

  const elementReads = ops.filter((op) => op.kind === "read" && op.elements !== null).length;
  const isTraced = elementReads * elements.length <= MOST_TRACED;

  return {
    init: intern.empty,
    compile(operation) {
      const op = compileSetOp(operation);
      return isTraced ? { ...op, ...presence(op, elements) } : op;
    },
    step(state, op) {
      if (op.kind === "read") {
        return op.elements === null || sameBits(state.bits, bitsOf(op)) ? { ok: true, state } : REFUSED;
      }
      const present = has(state, op.element);
      if (op.before !== null && op.before !== present) return REFUSED;
      if (op.kind === "contains" || present === (op.kind === "add")) return { ok: true, state };
      return { ok: true, state: intern.toggle(state, places.get(op.element)!) };
    },
    key: (state) => state.id,
    values: {
      isSingle: false,
      holds: (state, value) => has(state, value.slice(1)) === value.startsWith("+"),
      replaced(from, to) {
        const values: string[] = [];
        for (let word = 0; word < from.bits.length; word++) {
          for (let changed = from.bits[word]! ^ to.bits[word]!; changed !== 0;) {
            const bit = 31 - Math.clz32(changed);
            const element = elements[(word << 5) + bit]!;
            values.push(has(from, element) ? `+${element}` : `-${element}`);
            changed &= ~(1 << bit);
          }
        }
        return values;
      },
    },
    describe: (state) => `{${elements.filter((element) => has(state, element)).join(", ")}}`,
    hopeless(state, op) {
      // An element that nothing ever removes stays.
      if (op.kind !== "read") {
        return op.before === false && !removed.has(op.element) && has(state, op.element);
      }
      if (op.elements === null) return false;
      const bits = bitsOf(op);
      for (let word = 0; word < bits.length; word++) {
        let extra = state.bits[word]! & ~bits[word]!;
        while (extra !== 0) {
          const bit = 31 - Math.clz32(extra);
          if (!removed.has(elements[(word << 5) + bit]!)) return true;
          extra &= ~(1 << bit);
        }
      }
      return false;
    },
    inert: (state, op) => op.kind === "add" && !removed.has(op.element) && has(state, op.element),
    // Blind changes of one element overwrite each other and those of different elements commute: an optional one can
    // wait until an operation that sees its element is blocked.
    helps(_state, optional, blocked) {
      if (optional.kind === "read") return false;
      if (blocked.kind !== "read") return blocked.element === optional.element;
      return (
        blocked.elements !== null && blocked.elements.has(optional.element) === (optional.kind === "add")
      );
    },
  };
}

/** Reads times elements. Beyond it the search does without knowing which presence is still needed. */
const MOST_TRACED = 3_000_000;

/** The values of a set are the presence (`+x`) or absence (`-x`) of each element. */
function presence(
  op: SetOp,
  elements: readonly string[],
): { readonly needs?: readonly string[]; readonly gives?: readonly string[] } {
  if (op.kind === "read") {
    if (op.elements === null) return {};
    const seen = op.elements;
    return { needs: elements.map((element) => (seen.has(element) ? `+${element}` : `-${element}`)) };
  }
  const needs = op.before === null ? {} : { needs: [`${op.before ? "+" : "-"}${op.element}`] };
  if (op.readOnly) return needs;
  return { ...needs, gives: [`${op.kind === "add" ? "+" : "-"}${op.element}`] };
}

function numberElements(ops: readonly SetOp[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const op of ops) {
    for (const element of op.kind === "read" ? (op.elements ?? []) : [op.element]) {
      if (!places.has(element)) places.set(element, places.size);
    }
  }
  return places;
}

function sameBits(a: Int32Array, b: Int32Array): boolean {
  for (let word = 0; word < a.length; word++) {
    if (a[word] !== b[word]) return false;
  }
  return true;
}

function internStates(words: number): {
  readonly empty: SetState;
  toggle(state: SetState, place: number): SetState;
} {
  const empty: SetState = { id: 0, bits: new Int32Array(words), hash: 0 };
  const known = new Map<number, SetState[]>([[0, [empty]]]);
  let count = 1;
  return {
    empty,
    toggle(state, place) {
      const bits = state.bits.slice();
      bits[place >> 5]! ^= 1 << (place & 31);
      const hash = state.hash ^ Math.imul(place + 1, 0x9e3779b1) ^ Math.imul(place + 7, 0x85ebca6b);
      let bucket = known.get(hash);
      if (bucket === undefined) known.set(hash, (bucket = []));
      let found = bucket.find((other) => sameBits(other.bits, bits));
      if (found === undefined) {
        found = { id: count++, bits, hash };
        bucket.push(found);
      }
      return found;
    },
  };
}
