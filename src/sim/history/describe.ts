/** Operations in words. */
import type { HistoryValue, Operation } from "./event.ts";

/** `line 12-15: process 3 read "x" -> 7 [10.5 ms to 12 ms]` */
export function describeOperation(operation: Operation): string {
  const lines =
    operation.return === Infinity ? `line ${operation.call}` : `line ${operation.call}-${operation.return}`;
  const where = operation.node === undefined ? "" : ` at node ${operation.node}`;
  return `${lines}: process ${operation.process} ${describeCall(operation)}${where} ${describeTimes(operation)}`;
}

/** `read "x" -> 7` */
export function describeCall(operation: Operation): string {
  const key = operation.key === null ? "" : ` ${JSON.stringify(operation.key)}`;
  const input =
    operation.input === null && operation.f !== "write" ? "" : ` ${describeValue(operation.input)}`;
  return `${operation.f}${key}${input}${describeOutcome(operation)}`;
}

function describeOutcome(operation: Operation): string {
  switch (operation.outcome) {
    case "ok": {
      if (operation.f === "read") return ` -> ${describeValue(operation.output)}`;
      // Some recorders repeat the argument in the completion.
      const output = describeValue(operation.output);
      const saysNothing = operation.output === null || output === describeValue(operation.input);
      return saysNothing ? "" : ` -> ${output}`;
    }
    case "fail":
      return " (failed)";
    case "info":
      return " (outcome unknown)";
  }
}

function describeTimes(operation: Operation): string {
  const end = operation.completed === Infinity ? "open" : `${milliseconds(operation.completed)} ms`;
  return `[${milliseconds(operation.invoked)} ms to ${end}]`;
}

function milliseconds(time: number): number {
  return Math.round(time * 1000) / 1000;
}

const LONGEST_VALUE = 60;

/** JSON, shortened in the middle: the last elements of a list are the interesting ones. */
export function describeValue(value: HistoryValue): string {
  const text = JSON.stringify(value);
  if (text.length <= LONGEST_VALUE) return text;
  const half = (LONGEST_VALUE - 5) >> 1;
  return `${text.slice(0, half)} ... ${text.slice(-half)}`;
}
