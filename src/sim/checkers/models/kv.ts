/**
 * A map of registers with transactions: `read`, `write`, `cas`, `delete` of one key as in the register model, and `txn`,
 * whose value is a list of steps ["r", key, null], ["w", key, value], ["d", key] that happen as one operation. In an `ok`
 * the steps carry what the reads saw: ["r", key, value]. Reads see the writes before them in the same transaction.
 */
import type { HistoryValue, Operation } from "../../history/event.ts";
import { REFUSED, type Compiled, type Model, type Part } from "../model.ts";
import { badInput, badOutput, token, unknownFunction } from "./arguments.ts";
import { compileRegisterOp, stepRegister, type RegisterOp } from "./register.ts";

const FUNCTIONS = ["read", "write", "cas", "delete", "txn"] as const;
const ABSENT = token(null);

interface TxnStep {
  readonly key: string;
  /** A read whose result is unknown is left out. */
  readonly kind: "read" | "write";
  readonly value: string;
}

export interface KvOp extends Compiled {
  readonly steps: readonly TxnStep[] | null;
  readonly single: { readonly key: string; readonly op: RegisterOp } | null;
}

/** The keys of an operation, as tokens. */
export function keysOf(operation: Operation): readonly string[] {
  if (operation.f !== "txn") return [token(operation.key)];
  return stepsOf(operation, operation.input, badInput).map((step) => token(step[1] as HistoryValue));
}

export function compileKvOp(operation: Operation): KvOp {
  if (operation.f !== "txn") {
    if (!(FUNCTIONS as readonly string[]).includes(operation.f)) {
      return unknownFunction(operation, "kv", FUNCTIONS);
    }
    const key = token(operation.key);
    const op = compileRegisterOp(operation);
    return {
      steps: null,
      single: { key, op },
      effect: `${key} ${op.effect}`,
      signature: `${key} ${op.signature}`,
      readOnly: op.readOnly,
      ...(op.needs === undefined ? {} : { needs: op.needs.map((value) => pair(key, value)) }),
      ...(op.gives === undefined ? {} : { gives: op.gives.map((value) => pair(key, value)) }),
    };
  }
  const wanted = stepsOf(operation, operation.input, badInput);
  const ok = operation.outcome === "ok";
  const seen = ok ? stepsOf(operation, operation.output, badOutput) : wanted;
  if (
    seen.length !== wanted.length ||
    seen.some((step, index) => token(step[1]!) !== token(wanted[index]![1]!))
  ) {
    return badOutput(operation, "the steps of the invocation, with what the reads saw");
  }
  const steps = wanted.flatMap((step, index): TxnStep[] => {
    const key = token(step[1] as HistoryValue);
    if (step[0] === "w") return [{ key, kind: "write", value: token(step[2] ?? null) }];
    if (step[0] === "d") return [{ key, kind: "write", value: ABSENT }];
    return ok ? [{ key, kind: "read", value: token(seen[index]![2] ?? null) }] : [];
  });
  const spell = (kinds: readonly TxnStep[]): string =>
    kinds.map((step) => `${step.kind} ${step.key} ${step.value}`).join("; ");
  const writes = steps.filter((step) => step.kind === "write");
  return {
    steps,
    single: null,
    effect: spell(writes),
    signature: spell(steps),
    readOnly: writes.length === 0,
    needs: readsFromOutside(steps),
    gives: lastWrites(writes),
  };
}

/** What the steps read that they have not written themselves. */
function readsFromOutside(steps: readonly TxnStep[]): readonly string[] {
  const written = new Set<string>();
  return steps.flatMap((step) => {
    if (step.kind === "write") written.add(step.key);
    else if (!written.has(step.key)) return [pair(step.key, step.value)];
    return [];
  });
}

function lastWrites(writes: readonly TxnStep[]): readonly string[] {
  return [...new Map(writes.map((step) => [step.key, pair(step.key, step.value)])).values()];
}

/** A value of a key, as the model's `needs` and `gives` name it. */
function pair(key: string, value: string): string {
  return `${key} ${value}`;
}

function stepsOf(
  operation: Operation,
  value: HistoryValue,
  complain: (operation: Operation, expected: string) => never,
): readonly (readonly HistoryValue[])[] {
  const wellFormed =
    Array.isArray(value) &&
    (value as readonly HistoryValue[]).every(
      (step) =>
        Array.isArray(step) &&
        (step[0] === "r" || step[0] === "w" || step[0] === "d") &&
        (typeof step[1] === "string" || typeof step[1] === "number"),
    );
  if (!wellFormed)
    return complain(operation, 'a list of ["r", key, value], ["w", key, value] and ["d", key]');
  return value as readonly (readonly HistoryValue[])[];
}

/** Keys that no chain of transactions connects are independent. */
export function partitionKv(operations: readonly Operation[]): readonly Part[] {
  const parent = new Map<string, string>();
  const find = (key: string): string => {
    let root = key;
    for (let up = parent.get(root); up !== undefined && up !== root; up = parent.get(root)) root = up;
    parent.set(key, root);
    return root;
  };
  for (const operation of operations) {
    const [first, ...others] = keysOf(operation);
    if (first === undefined) continue;
    for (const other of others) parent.set(find(other), find(first));
  }
  const parts = new Map<string, Operation[]>();
  for (const operation of operations) {
    const [first] = keysOf(operation);
    // A transaction without steps touches nothing.
    if (first === undefined) continue;
    const root = find(first);
    const part = parts.get(root);
    if (part === undefined) parts.set(root, [operation]);
    else part.push(operation);
  }
  return [...parts.values()].map((part) => {
    const keys = [...new Set(part.flatMap(keysOf))];
    const shown = keys.slice(0, 5).join(", ");
    const label = keys.length === 1 ? `key ${shown}` : `keys ${shown}${keys.length > 5 ? ", ..." : ""}`;
    return { label, operations: part };
  });
}

interface KvState {
  readonly id: string;
  readonly values: readonly string[];
  readonly pairs: ReadonlySet<string>;
}

export function kvModel(operations: readonly Operation[]): Model<KvState, KvOp> {
  const places = new Map<string, number>();
  const observed = new Set<string>();
  let conditional = false;
  for (const operation of operations) {
    if (operation.outcome === "fail") continue;
    const op = compileKvOp(operation);
    for (const key of keysOf(operation)) if (!places.has(key)) places.set(key, places.size);
    for (const value of op.needs ?? []) observed.add(value);
    if (op.single?.op.avoids !== undefined) conditional = true;
  }
  const keys = [...places.keys()];
  const init = keys.map(() => ABSENT);
  const stateOf = (values: readonly string[]): KvState => ({
    id: values.join("\n"),
    values,
    pairs: new Set(values.map((value, place) => pair(keys[place]!, value))),
  });

  return {
    init: stateOf(init),
    compile(operation) {
      const op = compileKvOp(operation);
      // Writes of unknown outcome that nobody saw need not have happened.
      const useless =
        operation.outcome === "info" && !conditional && !op.gives?.some((value) => observed.has(value));
      return useless ? { ...op, readOnly: true } : op;
    },
    step(state, op) {
      if (op.single !== null) {
        const place = places.get(op.single.key)!;
        const next = stepRegister(state.values[place]!, op.single.op);
        if (!next.ok) return REFUSED;
        return next.state === state.values[place]
          ? { ok: true, state }
          : { ok: true, state: replaced(place, next.state) };
      }
      let values: string[] | null = null;
      for (const step of op.steps!) {
        const place = places.get(step.key)!;
        const now = (values ?? state.values)[place];
        if (step.kind === "read") {
          if (now !== step.value) return REFUSED;
        } else if (now !== step.value) {
          values ??= [...state.values];
          values[place] = step.value;
        }
      }
      return { ok: true, state: values === null ? state : stateOf(values) };

      function replaced(place: number, value: string): KvState {
        const copy = [...state.values];
        copy[place] = value;
        return stateOf(copy);
      }
    },
    key: (state) => state.id,
    values: {
      isSingle: false,
      holds: (state, value) => state.pairs.has(value),
      replaced: (from, to) => [...from.pairs].filter((value) => !to.pairs.has(value)),
    },
    describe: (state) =>
      `{${keys.flatMap((key, place) => (state.values[place] === ABSENT ? [] : [`${key}: ${state.values[place]}`])).join(", ")}}`,
  };
}

/** A part that is a single register in disguise can be checked as one. */
export function isSingleRegister(operations: readonly Operation[]): boolean {
  return operations.every((operation) => operation.f !== "txn");
}
