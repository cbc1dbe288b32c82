/**
 * A list that starts empty: `append` x and `read` (an array). An `append` may return the new length, or null.
 *
 * A list only grows, so the longest read tells what every shorter list was: each state of a legal order is a prefix of
 * it, or extends it. The model uses that: its state is just the length, an append is legal only where the longest read
 * has it, and appends that no read saw come after all reads. No legal order is lost by this.
 */
import type { HistoryValue, Operation } from "../../history/event.ts";
import { REFUSED, type Compiled, type Model } from "../model.ts";
import { badOutput, token, unknownFunction } from "./arguments.ts";

const FUNCTIONS = ["append", "read"] as const;

export interface ListOp extends Compiled {
  readonly kind: "append" | "read";
  /** What is appended. */
  readonly element: string;
  /** The length that the list must have afterwards; null when the operation did not say. */
  readonly length: number | null;
  /** What a read saw. */
  readonly elements: readonly string[] | null;
}

export function compileListOp(operation: Operation): ListOp {
  const known = operation.outcome === "ok";
  switch (operation.f) {
    case "append": {
      const length = known ? operation.output : null;
      if (length !== null && typeof length !== "number")
        return badOutput(operation, "the new length or null");
      const element = token(operation.input);
      const effect = `append ${element}`;
      return {
        kind: "append",
        element,
        length,
        elements: null,
        effect,
        signature: `${effect} ${length}`,
        readOnly: false,
      };
    }
    case "read": {
      const elements = known ? elementsOf(operation) : null;
      const length = elements === null ? null : elements.length;
      return {
        kind: "read",
        element: "",
        length,
        elements,
        effect: "read",
        signature: "read",
        readOnly: true,
      };
    }
    default:
      return unknownFunction(operation, "list", FUNCTIONS);
  }
}

/** Long lists are read often, and an operation is compiled by every search of an explanation. */
const known = new WeakMap<object, readonly string[]>();

function elementsOf(operation: Operation): readonly string[] {
  const { output } = operation;
  if (output === null) return [];
  if (!Array.isArray(output)) return badOutput(operation, "an array");
  let elements = known.get(output);
  if (elements === undefined) {
    elements = (output as readonly HistoryValue[]).map(token);
    known.set(output, elements);
  }
  return elements;
}

export function listModel(operations: readonly Operation[]): Model<number, ListOp> {
  let longest: readonly string[] = [];
  for (const operation of operations) {
    if (operation.f !== "read" || operation.outcome !== "ok") continue;
    const elements = elementsOf(operation);
    if (elements.length > longest.length) longest = elements;
  }
  const prefixes = new WeakMap<ListOp, boolean>();
  const isPrefix = (op: ListOp): boolean => {
    let answer = prefixes.get(op);
    if (answer === undefined) {
      answer = op.elements!.every((element, index) => element === longest[index]);
      prefixes.set(op, answer);
    }
    return answer;
  };
  return {
    init: 0,
    compile: compileListOp,
    step(state, op) {
      if (op.kind === "read") {
        return op.elements === null || (op.length === state && isPrefix(op)) ? { ok: true, state } : REFUSED;
      }
      if (state < longest.length && longest[state] !== op.element) return REFUSED;
      return op.length === null || op.length === state + 1 ? { ok: true, state: state + 1 } : REFUSED;
    },
    key: (state) => state,
    describe: (state) =>
      state <= longest.length
        ? describeEnd(longest.slice(0, state))
        : `${describeEnd(longest)} and ${state - longest.length} more`,
    hopeless(state, op) {
      if (op.kind === "read") return op.elements !== null && (op.length! < state || !isPrefix(op));
      return op.length !== null && op.length < state + 1;
    },
    // Only the next element of the longest read can be appended, and nothing else moves the list on; beyond it only an
    // append that returned a greater length can want one that nobody saw.
    helps: (state, _optional, blocked) => state < longest.length || blocked.length !== null,
  };
}

function describeEnd(elements: readonly string[]): string {
  const shown = elements.slice(-5);
  return `${elements.length} elements: [${elements.length > shown.length ? "..., " : ""}${shown.join(", ")}]`;
}
