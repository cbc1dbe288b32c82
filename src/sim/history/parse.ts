/** Reads the history format. Every complaint names its line. */
import {
  EVENT_TYPES,
  HistoryError,
  type EventType,
  type HistoryEvent,
  type HistoryKey,
  type HistoryValue,
  type Operation,
  type ProcessId,
} from "./event.ts";
import { pairOperations } from "./pair.ts";

export interface History {
  readonly events: readonly HistoryEvent[];
  readonly operations: readonly Operation[];
}

/**
 * Parses and pairs a whole history.
 * @throws HistoryError for an empty history and for anything malformed, with the line.
 */
export function parseHistory(text: string): History {
  if (text.trim() === "") throw new HistoryError(0, "the history is empty: there is nothing to check");
  const lines = text.split("\n");
  if (lines.at(-1)!.trim() === "") lines.pop();
  const events = lines.map((line, index) => parseEvent(line, index + 1));
  return { events, operations: pairOperations(events) };
}

/**
 * Parses one line; `line` is its number, for the message.
 * @throws HistoryError
 */
export function parseEvent(text: string, line: number): HistoryEvent {
  if (text.trim() === "") throw new HistoryError(line, "is blank; every line holds one event");
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch (error) {
    throw new HistoryError(line, `is not JSON (${error instanceof Error ? error.message : String(error)})`);
  }
  if (typeof raw !== "object" || raw === null || Array.isArray(raw)) {
    throw new HistoryError(line, "is not a JSON object");
  }
  const fields = raw as Readonly<Record<string, unknown>>;
  const node = optional(fields, "node", line, isProcess, "a string or a number");
  const session = optional(fields, "session", line, isProcess, "a string or a number");
  const version = optional(fields, "version", line, isNumber, "a number");
  const error = optional(fields, "error", line, isString, "a string");
  return {
    process: required(fields, "process", line, isProcess, "a string or a number"),
    type: required(fields, "type", line, isEventType, EVENT_TYPES.join(", ")),
    f: required(fields, "f", line, isName, "the name of a function"),
    key: optional(fields, "key", line, isKey, "a string, a number or null") ?? null,
    value: optional(fields, "value", line, isValue, "a JSON scalar, an array of them, or null") ?? null,
    time: required(fields, "time", line, isNumber, "milliseconds as a number"),
    ...(node === undefined ? {} : { node }),
    ...(session === undefined ? {} : { session }),
    ...(version === undefined ? {} : { version }),
    ...(error === undefined ? {} : { error }),
  };
}

type Guard<T> = (value: unknown) => value is T;

function required<T>(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  line: number,
  guard: Guard<T>,
  expected: string,
): T {
  const value = optional(fields, name, line, guard, expected);
  if (value === undefined) throw new HistoryError(line, `"${name}" is missing (expected: ${expected})`);
  return value;
}

function optional<T>(
  fields: Readonly<Record<string, unknown>>,
  name: string,
  line: number,
  guard: Guard<T>,
  expected: string,
): T | undefined {
  const value = fields[name];
  if (value === undefined) return undefined;
  if (!guard(value)) {
    throw new HistoryError(line, `"${name}" is ${JSON.stringify(value)} (expected: ${expected})`);
  }
  return value;
}

const isString: Guard<string> = (value) => typeof value === "string";
const isName: Guard<string> = (value): value is string => typeof value === "string" && value !== "";
const isNumber: Guard<number> = (value): value is number =>
  typeof value === "number" && Number.isFinite(value);
const isProcess: Guard<ProcessId> = (value): value is ProcessId => isName(value) || isNumber(value);
const isKey: Guard<HistoryKey> = (value): value is HistoryKey =>
  value === null || isString(value) || isNumber(value);
const isEventType: Guard<EventType> = (value): value is EventType =>
  (EVENT_TYPES as readonly unknown[]).includes(value);
const isValue: Guard<HistoryValue> = (value): value is HistoryValue =>
  value === null ||
  typeof value === "string" ||
  typeof value === "boolean" ||
  isNumber(value) ||
  (Array.isArray(value) && value.every(isValue));
