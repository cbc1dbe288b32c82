/** Strings as numbers: 64-bit integers, and long doubles as Redis has them on x86. */
import { binaryBytes } from "../core/bytes.ts";
import type { RecordWriter } from "../core/records.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { failureOrNull, integerArg, keyArg } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstKey, writeCommand } from "./define.ts";
import { NOT_A_FLOAT, NOT_AN_INTEGER, WOULD_BE_NAN, WOULD_OVERFLOW, WRONG_TYPE } from "./failures.ts";
import { bodyOffset, stringValue } from "./header.ts";
import { findKeyToWrite, isString, storeText } from "./keys.ts";
import { addLongDoubles, formatLongDouble, parseLongDouble, ZERO } from "./long-double.ts";
import { addIntegers, LONG_MIN, parseInteger, type Int } from "./numbers.ts";
import type { ShardContext } from "./shard-state.ts";

const DECREMENT_OVERFLOW = new Failure("ERR decrement would overflow");

function addToKey(records: RecordWriter, args: Args, context: ShardContext, increment: Int): Reply {
  const key = keyArg(args, 0);
  const old = findKeyToWrite(records, context, key);
  let value: Int | undefined = 0;
  if (old !== undefined) {
    if (!isString(old)) return WRONG_TYPE;
    value = parseInteger(old, bodyOffset(old));
    if (value === undefined) return NOT_AN_INTEGER;
  }
  const sum = addIntegers(value, increment);
  if (sum === undefined) return WOULD_OVERFLOW;
  storeText(records, context, key, old, String(sum));
  return sum;
}

export function parseDecrement(arg: Uint8Array): Int | Failure {
  const decrement = integerArg(arg);
  if (decrement instanceof Failure) return decrement;
  return decrement === LONG_MIN ? DECREMENT_OVERFLOW : decrement;
}

function incrby(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const increment = integerArg(args[1]!);
  return increment instanceof Failure ? increment : addToKey(records, args, context, increment);
}

function decrby(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const decrement = parseDecrement(args[1]!);
  return decrement instanceof Failure ? decrement : addToKey(records, args, context, -decrement);
}

/** Redis looks at the key before it reads the increment. */
function incrbyfloat(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const key = keyArg(args, 0);
  const old = findKeyToWrite(records, context, key);
  if (old !== undefined && !isString(old)) return WRONG_TYPE;
  const value = old === undefined ? ZERO : parseLongDouble(stringValue(old));
  const increment = parseLongDouble(args[1]!);
  if (value === undefined || increment === undefined) return NOT_A_FLOAT;
  const sum = addLongDoubles(value, increment);
  if (sum === undefined || typeof sum === "string") return WOULD_BE_NAN;
  const text = formatLongDouble(sum);
  storeText(records, context, key, old, text);
  return binaryBytes(text);
}

export const counterCommands: readonly CommandSpec[] = [
  writeCommand({ name: "incr", arity: 2, keys: firstKey, run: (r, args, c) => addToKey(r, args, c, 1) }),
  writeCommand({ name: "decr", arity: 2, keys: firstKey, run: (r, args, c) => addToKey(r, args, c, -1) }),
  writeCommand({
    name: "incrby",
    arity: 3,
    keys: firstKey,
    validate: (args) => failureOrNull(integerArg(args[1]!)),
    run: incrby,
  }),
  writeCommand({
    name: "decrby",
    arity: 3,
    keys: firstKey,
    validate: (args) => failureOrNull(parseDecrement(args[1]!)),
    run: decrby,
  }),
  writeCommand({ name: "incrbyfloat", arity: 3, keys: firstKey, run: incrbyfloat }),
];
