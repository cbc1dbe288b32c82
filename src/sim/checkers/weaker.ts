/**
 * Weaker histories: fewer operations, or fewer demands, such that an order of the whole history contains an order of the
 * weaker one. When a weaker history is refused, so is the whole; it is often refused a thousand times faster, because a
 * contradiction is nearly always a local one. When it is accepted nothing is known.
 */
import type { HistoryValue, Operation } from "../history/event.ts";
import { token } from "./models/arguments.ts";
import { compileKvOp } from "./models/kv.ts";
import { compileRegisterOp, type RegisterOp } from "./models/register.ts";
import { compileSetOp } from "./models/set.ts";

/**
 * The last `width` operations of a register that returned until this line, and before them only those that produced a
 * value which these see. What a compare-and-set expected long ago is forgotten, and so is who found another value than
 * expected.
 */
export function registerWindow(
  operations: readonly Operation[],
  line: number,
  width: number,
): readonly Operation[] {
  const entries = operations
    .filter((operation) => operation.outcome !== "fail" && operation.call <= line)
    .map((operation) => ({ operation, op: compileRegisterOp(operation) }));
  const returned = entries
    .filter(({ operation }) => operation.return <= line)
    .sort((a, b) => a.operation.return - b.operation.return);
  const window = returned.slice(-width).filter(({ op }) => op.avoids === undefined);
  const inWindow = new Set(window.map(({ operation }) => operation));
  const isKept = (op: RegisterOp): boolean => op.gives !== undefined && needed.has(op.gives[0]!);
  const unknown = entries.filter(({ operation }) => operation.return > line);
  const needed = new Set(window.flatMap(({ op }) => op.needs ?? []));
  // Also what an unknown compare-and-set would have needed.
  for (let size = -1; size !== needed.size;) {
    size = needed.size;
    for (const { op } of unknown) if (isKept(op)) for (const value of op.needs ?? []) needed.add(value);
  }
  return entries.flatMap(({ operation, op }) => {
    if (inWindow.has(operation)) return [operation];
    if (!isKept(op)) return [];
    return [operation.return <= line ? blindly(operation, op) : forgotten(operation)];
  });
}

/** As a write that does not ask what was there. */
function blindly(operation: Operation, op: RegisterOp): Operation {
  if (op.kind === "write") return operation;
  const input = op.kind === "cas" ? (operation.input as readonly HistoryValue[])[1]! : null;
  return { ...operation, f: "write", input, output: null };
}

/** The operation, without the knowledge that it happened. */
export function forgotten(operation: Operation): Operation {
  return { ...operation, outcome: "info", output: null, completed: Infinity, return: Infinity };
}

/** Every element of a set by itself: a read of the whole set becomes a question for each element. */
export function setByElement(operations: readonly Operation[]): readonly Operation[] {
  const elements = new Map<string, HistoryValue>();
  let reads = 0;
  for (const operation of operations) {
    if (operation.f === "read") {
      if (operation.outcome !== "ok") continue;
      reads++;
      for (const element of (operation.output ?? []) as readonly HistoryValue[])
        elements.set(token(element), element);
    } else {
      elements.set(token(operation.input), operation.input);
    }
  }
  if (reads * elements.size > MOST_QUESTIONS) return [];
  return operations.flatMap((operation) => {
    if (operation.f !== "read") return [operation];
    const op = compileSetOp(operation);
    if (op.kind !== "read" || op.elements === null) return [];
    const seen = op.elements;
    return [...elements].map(
      ([element, input]): Operation => ({ ...operation, f: "contains", input, output: seen.has(element) }),
    );
  });
}

const MOST_QUESTIONS = 1_000_000;

/** Every key of a map by itself: a transaction becomes one operation on each of its keys. */
export function kvByKey(operations: readonly Operation[]): readonly Operation[] {
  return operations.flatMap((operation) => {
    if (operation.f !== "txn" || operation.outcome === "fail") return [operation];
    const keys = new Map<string, { read?: string; written?: string }>();
    for (const { key, kind, value } of compileKvOp(operation).steps!) {
      let access = keys.get(key);
      if (access === undefined) keys.set(key, (access = {}));
      if (kind === "write") access.written = value;
      else if (access.written === undefined) access.read ??= value;
    }
    return [...keys].map(([key, { read, written }]): Operation => {
      const single = { ...operation, key: JSON.parse(key) as string | number };
      if (written === undefined) return { ...single, f: "read", input: null, output: valueOf(read!) };
      if (read === undefined) return { ...single, f: "write", input: valueOf(written), output: null };
      return { ...single, f: "cas", input: [valueOf(read), valueOf(written)], output: true };
    });
  });
}

function valueOf(text: string): HistoryValue {
  return JSON.parse(text) as HistoryValue;
}
