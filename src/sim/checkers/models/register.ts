/**
 * A register: `read`, `write` v, `cas` [expected, new], `delete`. It starts as null, and null is what a deleted or
 * missing one reads. A `cas` that ends `ok` has taken place, unless its result is false: then it found another value
 * than expected and changed nothing. The result of a `delete` may say whether there was something to delete.
 */
import type { HistoryValue, Operation } from "../../history/event.ts";
import { REFUSED, type Compiled, type Model, type Step } from "../model.ts";
import { badInput, badOutput, token, unknownFunction } from "./arguments.ts";

const FUNCTIONS = ["read", "write", "cas", "delete"] as const;

/** The state is the token of the value. */
const ABSENT = token(null);

export interface RegisterOp extends Compiled {
  /** `differs`: a compare-and-set that failed. */
  readonly kind: "read" | "write" | "cas" | "differs" | "delete" | "delete-some" | "delete-none";
  /** What the operation expects; for a write, what it writes. */
  readonly value: string;
  /** Of a `cas`: what it writes. */
  readonly next?: string;
}

export function compileRegisterOp(operation: Operation): RegisterOp {
  const ok = operation.outcome === "ok";
  switch (operation.f) {
    case "read":
      return readOp(token(operation.output));
    case "write":
      return writeOp(token(operation.input));
    case "cas": {
      const [expected, next] = pairOf(operation);
      const failed = ok && operation.output === false;
      return failed ? differsOp(token(expected)) : casOp(token(expected), token(next));
    }
    case "delete":
      return deleteOp(ok ? operation.output : null, operation);
    default:
      return unknownFunction(operation, "register", FUNCTIONS);
  }
}

function readOp(value: string): RegisterOp {
  return { kind: "read", value, effect: "read", signature: `read ${value}`, readOnly: true, needs: [value] };
}

function writeOp(value: string): RegisterOp {
  const effect = `write ${value}`;
  return { kind: "write", value, effect, signature: effect, readOnly: false, gives: [value], blind: true };
}

function casOp(expected: string, next: string): RegisterOp {
  const effect = `cas ${expected} ${next}`;
  const base = { kind: "cas", value: expected, next, effect, signature: effect, needs: [expected] } as const;
  return expected === next ? { ...base, readOnly: true } : { ...base, readOnly: false, gives: [next] };
}

function differsOp(expected: string): RegisterOp {
  const effect = `differs ${expected}`;
  return { kind: "differs", value: expected, effect, signature: effect, readOnly: true, avoids: expected };
}

function deleteOp(found: HistoryValue, operation: Operation): RegisterOp {
  const base = { value: ABSENT, effect: `write ${ABSENT}` } as const;
  if (found === null) {
    return { ...base, kind: "delete", signature: base.effect, readOnly: false, gives: [ABSENT], blind: true };
  }
  if (found === true) {
    const avoids = ABSENT;
    return {
      ...base,
      kind: "delete-some",
      signature: "delete-some",
      readOnly: false,
      gives: [ABSENT],
      avoids,
    };
  }
  if (found === false) {
    return { ...base, kind: "delete-none", signature: "delete-none", readOnly: true, needs: [ABSENT] };
  }
  return badOutput(operation, "true, false or null");
}

function pairOf(operation: Operation): readonly [HistoryValue, HistoryValue] {
  const { input } = operation;
  if (!Array.isArray(input) || input.length !== 2) return badInput(operation, "[expected, new]");
  return [input[0] as HistoryValue, input[1] as HistoryValue];
}

export function registerModel(): Model<string, RegisterOp> {
  return {
    init: ABSENT,
    compile: compileRegisterOp,
    step: stepRegister,
    key: (state) => state,
    describe: (state) => (state === ABSENT ? "absent" : state),
    values: { isSingle: true, holds: (state, value) => state === value, replaced: (from) => [from] },
    // A blind write that nothing observes can be left out; so an optional one is worth a try only if it makes the value
    // that a blocked operation, or another optional compare-and-set, needs. Anything may help one that must differ.
    helps: (_state, optional, blocked) =>
      blocked.needs === undefined || blocked.needs[0] === optional.gives?.[0],
  };
}

export function stepRegister(state: string, op: RegisterOp): Step<string> {
  switch (op.kind) {
    case "read":
      return state === op.value ? { ok: true, state } : REFUSED;
    case "write":
    case "delete":
      return { ok: true, state: op.value };
    case "cas":
      return state === op.value ? { ok: true, state: op.next! } : REFUSED;
    case "differs":
      return state === op.value ? REFUSED : { ok: true, state };
    case "delete-some":
      return state === ABSENT ? REFUSED : { ok: true, state: ABSENT };
    case "delete-none":
      return state === ABSENT ? { ok: true, state } : REFUSED;
  }
}
