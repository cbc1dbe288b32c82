/** Strings: parts of values. */
import type { RecordReader, RecordWriter } from "../core/records.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { failureOrNull, integerArg, keyArg, offsetArg } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstKey, readCommand, writeCommand } from "./define.ts";
import { VALUE_TOO_LARGE, WRONG_TYPE } from "./failures.ts";
import { bodyOffset, expireAt, newHeader, STRING, stringValue, type Header } from "./header.ts";
import { EMPTY, findKey, findKeyToWrite, isString, storeKey } from "./keys.ts";
import { clampToSafe, type Int } from "./numbers.ts";
import type { ShardContext } from "./shard-state.ts";

const OFFSET_OUT_OF_RANGE = new Failure("ERR offset is out of range");

/**
 * A header with the value of `old` (or nothing) stretched by zero bytes to at least `length`, to be filled in by the
 * caller and stored. The expiry stays.
 */
export function stretchedString(old: Header | undefined, length: number, context: ShardContext): Header {
  if (old === undefined) return newHeader(STRING, context.version, 0, length);
  const body = bodyOffset(old);
  const header = newHeader(STRING, context.version, expireAt(old), Math.max(length, old.length - body));
  header.set(old.subarray(body), body);
  return header;
}

function append(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const key = keyArg(args, 0);
  const old = findKeyToWrite(records, context, key);
  if (old !== undefined && !isString(old)) return WRONG_TYPE;
  const before = old === undefined ? 0 : old.length - bodyOffset(old);
  const suffix = args[1]!;
  const length = before + suffix.length;
  if (length > context.maxValueBytes) return VALUE_TOO_LARGE;
  const header = stretchedString(old, length, context);
  header.set(suffix, bodyOffset(header) + before);
  storeKey(records, context, key, old, header);
  return length;
}

function setrange(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const offset = parseSetrange(args);
  if (offset instanceof Failure) return offset;
  const key = keyArg(args, 0);
  const old = findKeyToWrite(records, context, key);
  if (old !== undefined && !isString(old)) return WRONG_TYPE;
  const before = old === undefined ? 0 : old.length - bodyOffset(old);
  const patch = args[2]!;
  if (patch.length === 0) return before;
  if (offset + patch.length > context.maxValueBytes) return VALUE_TOO_LARGE;
  const header = stretchedString(old, offset + patch.length, context);
  header.set(patch, bodyOffset(header) + offset);
  storeKey(records, context, key, old, header);
  return header.length - bodyOffset(header);
}

function parseSetrange(args: Args): number | Failure {
  const offset = offsetArg(args[1]!);
  return offset instanceof Failure || offset >= 0 ? offset : OFFSET_OUT_OF_RANGE;
}

/** From `start` to `end`, inclusive. */
export interface Span<T extends Int = Int> {
  readonly start: T;
  readonly end: T;
}

export function parseSpan(args: Args): Span | Failure {
  const start = integerArg(args[1]!);
  if (start instanceof Failure) return start;
  const end = integerArg(args[2]!);
  return end instanceof Failure ? end : { start, end };
}

/** A span whose negative ends count from the back, cut to [0, length). Null when nothing is in it. */
export function resolveSpan({ start, end }: Span, length: number): Span<number> | null {
  if (start < 0 && end < 0 && start > end) return null;
  const from = fromBack(clampToSafe(start), length);
  const to = Math.min(fromBack(clampToSafe(end), length), length - 1);
  return from > to ? null : { start: from, end: to };
}

/** An index that may count from the back, not before the beginning. */
export function fromBack(index: number, length: number): number {
  return Math.max(index < 0 ? length + index : index, 0);
}

function getrange(records: RecordReader, args: Args, context: ShardContext): Reply {
  const asked = parseSpan(args);
  if (asked instanceof Failure) return asked;
  const header = findKey(records, context, keyArg(args, 0));
  if (header === undefined) return EMPTY;
  if (!isString(header)) return WRONG_TYPE;
  return partOf(stringValue(header), asked);
}

export function partOf(value: Uint8Array, asked: Span): Uint8Array {
  const span = resolveSpan(asked, value.length);
  return span === null ? EMPTY : value.subarray(span.start, span.end + 1);
}

const validateSpan = (args: Args): Failure | null => failureOrNull(parseSpan(args));

export const stringPartCommands: readonly CommandSpec[] = [
  writeCommand({ name: "append", arity: 3, keys: firstKey, run: append }),
  writeCommand({
    name: "setrange",
    arity: 4,
    keys: firstKey,
    validate: (args) => failureOrNull(parseSetrange(args)),
    run: setrange,
  }),
  readCommand({ name: "getrange", arity: 4, keys: firstKey, validate: validateSpan, run: getrange }),
  readCommand({ name: "substr", arity: 4, keys: firstKey, validate: validateSpan, run: getrange }),
];
