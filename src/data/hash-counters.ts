/** Hash fields as numbers. */
import { binaryBytes } from "../core/bytes.ts";
import type { RecordWriter } from "../core/records.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { failureOrNull, integerArg, keyArg } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstKey, writeCommand } from "./define.ts";
import { NOT_A_FLOAT, VALUE_TOO_LARGE, WOULD_BE_NAN, WOULD_OVERFLOW } from "./failures.ts";
import { elementSpace } from "./header.ts";
import { findHashToWrite, storeField } from "./hashes.ts";
import {
  addLongDoubles,
  formatLongDouble,
  parseLongDouble,
  ZERO,
  type FiniteLongDouble,
} from "./long-double.ts";
import { addIntegers, parseInteger } from "./numbers.ts";
import type { ShardContext } from "./shard-state.ts";

const NOT_AN_INTEGER_FIELD = new Failure("ERR hash value is not an integer");
const NOT_A_FLOAT_FIELD = new Failure("ERR hash value is not a float");
const INFINITE_INCREMENT = new Failure("ERR value is NaN or Infinity");

function hincrby(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const increment = integerArg(args[2]!);
  if (increment instanceof Failure) return increment;
  const key = keyArg(args, 0);
  const hash = findHashToWrite(records, key, context);
  if (hash instanceof Failure) return hash;
  const field = keyArg(args, 1);
  const stored = hash === undefined ? undefined : records.get(elementSpace(hash), field);
  const value = stored === undefined ? 0 : parseInteger(stored);
  if (value === undefined) return NOT_AN_INTEGER_FIELD;
  const sum = addIntegers(value, increment);
  if (sum === undefined) return WOULD_OVERFLOW;
  if (field.length > context.maxValueBytes) return VALUE_TOO_LARGE;
  storeField(records, context, key, hash, field, binaryBytes(String(sum)));
  return sum;
}

function parseIncrement(arg: Uint8Array): FiniteLongDouble | Failure {
  const increment = parseLongDouble(arg);
  if (increment === undefined) return NOT_A_FLOAT;
  return typeof increment === "string" ? INFINITE_INCREMENT : increment;
}

function hincrbyfloat(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const increment = parseIncrement(args[2]!);
  if (increment instanceof Failure) return increment;
  const key = keyArg(args, 0);
  const hash = findHashToWrite(records, key, context);
  if (hash instanceof Failure) return hash;
  const field = keyArg(args, 1);
  const stored = hash === undefined ? undefined : records.get(elementSpace(hash), field);
  const value = stored === undefined ? ZERO : parseLongDouble(stored);
  if (value === undefined) return NOT_A_FLOAT_FIELD;
  const sum = addLongDoubles(value, increment);
  if (sum === undefined || typeof sum === "string") return WOULD_BE_NAN;
  if (field.length > context.maxValueBytes) return VALUE_TOO_LARGE;
  const text = binaryBytes(formatLongDouble(sum));
  storeField(records, context, key, hash, field, text);
  return text;
}

export const hashCounterCommands: readonly CommandSpec[] = [
  writeCommand({
    name: "hincrby",
    arity: 4,
    keys: firstKey,
    validate: (args) => failureOrNull(integerArg(args[2]!)),
    run: hincrby,
  }),
  writeCommand({
    name: "hincrbyfloat",
    arity: 4,
    keys: firstKey,
    validate: (args) => failureOrNull(parseIncrement(args[2]!)),
    run: hincrbyfloat,
  }),
];
