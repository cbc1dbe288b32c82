/** What all models share in reading operations. */
import { HistoryError, type HistoryValue, type Operation } from "../../history/event.ts";
import type { Part } from "../model.ts";

/** A value as a string: equal strings if and only if the values are equal. */
export function token(value: HistoryValue): string {
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

export function unknownFunction(operation: Operation, model: string, known: readonly string[]): never {
  throw new HistoryError(
    operation.call,
    `the ${model} model does not know "${operation.f}" (it knows: ${known.join(", ")})`,
  );
}

export function badInput(operation: Operation, expected: string): never {
  throw new HistoryError(
    operation.call,
    `${operation.f} has the value ${token(operation.input)} (expected: ${expected})`,
  );
}

export function badOutput(operation: Operation, expected: string): never {
  throw new HistoryError(
    operation.return === Infinity ? operation.call : operation.return,
    `${operation.f} ended with the value ${token(operation.output)} (expected: ${expected})`,
  );
}

export function partitionByKey(operations: readonly Operation[]): readonly Part[] {
  return group(
    operations,
    (operation) => token(operation.key),
    (operation) => (operation.key === null ? "the object" : `key ${token(operation.key)}`),
  );
}

export function group(
  operations: readonly Operation[],
  keyOf: (operation: Operation) => string,
  labelOf: (operation: Operation) => string,
): readonly Part[] {
  const parts = new Map<string, { label: string; operations: Operation[] }>();
  for (const operation of operations) {
    const key = keyOf(operation);
    const part = parts.get(key);
    if (part === undefined) parts.set(key, { label: labelOf(operation), operations: [operation] });
    else part.operations.push(operation);
  }
  return [...parts.values()];
}
