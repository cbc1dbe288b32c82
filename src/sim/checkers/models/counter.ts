/**
 * A counter that starts at 0: `increment` n (1 when the value is null; may be negative) and `read`. An increment may
 * return the new value, or null. Missing counters read as 0.
 */
import type { Operation } from "../../history/event.ts";
import { REFUSED, type Compiled, type Model } from "../model.ts";
import { badInput, badOutput, unknownFunction } from "./arguments.ts";

const FUNCTIONS = ["read", "increment"] as const;

export interface CounterOp extends Compiled {
  /** 0 for a read. */
  readonly amount: number;
  /** What the counter must hold afterwards; null when the operation did not say. */
  readonly after: number | null;
}

export function compileCounterOp(operation: Operation): CounterOp {
  const known = operation.outcome === "ok";
  switch (operation.f) {
    case "read": {
      const { output } = operation;
      if (known && typeof output !== "number") return badOutput(operation, "a number");
      const after = known ? (output as number) : null;
      return { amount: 0, after, effect: "read", signature: `read ${after}`, readOnly: true };
    }
    case "increment": {
      const amount = operation.input ?? 1;
      if (typeof amount !== "number") return badInput(operation, "a number or null");
      const after = known ? operation.output : null;
      if (after !== null && typeof after !== "number") return badOutput(operation, "a number or null");
      const effect = `increment ${amount}`;
      return { amount, after, effect, signature: `${effect} ${after}`, readOnly: amount === 0 };
    }
    default:
      return unknownFunction(operation, "counter", FUNCTIONS);
  }
}

export function counterModel(operations: readonly Operation[]): Model<number, CounterOp> {
  const ops = operations.filter((operation) => operation.outcome !== "fail").map(compileCounterOp);
  const grows = ops.every((op) => op.amount >= 0);
  const shrinks = ops.every((op) => op.amount <= 0);
  return {
    init: 0,
    compile: compileCounterOp,
    step(state, op) {
      const after = state + op.amount;
      return op.after === null || op.after === after ? { ok: true, state: after } : REFUSED;
    },
    key: (state) => state,
    describe: String,
    hopeless(state, op) {
      if (op.after === null) return false;
      const before = op.after - op.amount;
      return (grows && before < state) || (shrinks && before > state);
    },
    // Increments commute: an optional one can wait until an operation that saw the counter is blocked.
    helps: (_state, _optional, blocked) => blocked.after !== null,
  };
}
