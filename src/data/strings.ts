/** Strings: setting and getting whole values. */
import { binaryString } from "../core/bytes.ts";
import type { RecordReader, RecordWriter } from "../core/records.ts";
import { Failure, OK, type Reply } from "../core/reply.ts";
import { failureOrNull, keyArg } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { allKeys, everyOtherKey, firstKey, readCommand, writeCommand } from "./define.ts";
import { EXPIRY_UNITS, positiveExpireMoment, type ExpiryUnit } from "./expiry-time.ts";
import { VALUE_TOO_LARGE, WRONG_TYPE, wrongArity } from "./failures.ts";
import { bodyOffset, expireAt, stringValue, withExpiry, type Header } from "./header.ts";
import {
  findKey,
  findKeyToReplace,
  findKeyToWrite,
  isString,
  removeKey,
  storeKey,
  storeString,
} from "./keys.ts";
import type { ShardContext } from "./shard-state.ts";
import { parseStringOptions } from "./string-options.ts";

/** What GET answers for this header. */
function valueReply(header: Header | undefined): Uint8Array | null | Failure {
  if (header === undefined) return null;
  return isString(header) ? stringValue(header) : WRONG_TYPE;
}

function get(records: RecordReader, args: Args, context: ShardContext): Reply {
  return valueReply(findKey(records, context, keyArg(args, 0)));
}

function strlen(records: RecordReader, args: Args, context: ShardContext): Reply {
  const header = findKey(records, context, keyArg(args, 0));
  if (header === undefined) return 0;
  return isString(header) ? header.length - bodyOffset(header) : WRONG_TYPE;
}

function mget(records: RecordReader, args: Args, context: ShardContext): Reply {
  return args.map((key) => {
    const value = valueReply(findKey(records, context, binaryString(key)));
    return value instanceof Failure ? null : value;
  });
}

function set(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const value = args[1]!;
  if (value.length > context.maxValueBytes) return VALUE_TOO_LARGE;
  if (args.length > 2) return setWithOptions(records, args, context);
  const key = keyArg(args, 0);
  storeString(records, context, key, findKeyToReplace(records, context, key), value, 0);
  return OK;
}

function setWithOptions(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const options = parseStringOptions(args, 2, "set");
  if (options instanceof Failure) return options;
  const { condition, expiry } = options;
  const moment = expiryMoment(expiry, context, "set");
  if (moment instanceof Failure) return moment;

  const key = keyArg(args, 0);
  const find = options.get ? findKeyToWrite : findKeyToReplace;
  const old = find(records, context, key);
  const previous = options.get ? valueReply(old) : null;
  if (previous instanceof Failure) return previous;
  if (condition === (old === undefined ? "xx" : "nx")) return options.get ? previous : null;

  const kept = expiry === "keep" && old !== undefined ? expireAt(old) : moment;
  storeString(records, context, key, old, args[1]!, kept);
  return options.get ? previous : OK;
}

/** The moment that an EX, PX, EXAT or PXAT option means; 0 without one. */
function expiryMoment(
  expiry: { readonly arg: Uint8Array; readonly unit: ExpiryUnit } | string | null,
  context: ShardContext,
  command: string,
): number | Failure {
  return expiry === null || typeof expiry === "string"
    ? 0
    : positiveExpireMoment(expiry.arg, expiry.unit, context.time, command);
}

/** Redis reads SET's duration before it looks at the key. */
function validateSet(args: Args): Failure | null {
  if (args.length === 2) return null;
  const options = parseStringOptions(args, 2, "set");
  if (options instanceof Failure) return options;
  const { expiry } = options;
  return typeof expiry === "object" && expiry !== null
    ? validateDuration(expiry.arg, expiry.unit, "set")
    : null;
}

/** At time 0, only what fails at every time fails. */
function validateDuration(arg: Uint8Array, unit: ExpiryUnit, command: string): Failure | null {
  return failureOrNull(positiveExpireMoment(arg, unit, 0, command));
}

function setnx(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const value = args[1]!;
  if (value.length > context.maxValueBytes) return VALUE_TOO_LARGE;
  const key = keyArg(args, 0);
  if (findKeyToReplace(records, context, key) !== undefined) return 0;
  storeString(records, context, key, undefined, value, 0);
  return 1;
}

/** SETEX and PSETEX: key, duration, value. */
function setExpiring(name: "setex" | "psetex", unit: ExpiryUnit): CommandSpec {
  return writeCommand({
    name,
    arity: 4,
    keys: firstKey,
    validate: (args) => validateDuration(args[1]!, unit, name),
    run(records, args, context) {
      const moment = positiveExpireMoment(args[1]!, unit, context.time, name);
      if (moment instanceof Failure) return moment;
      const value = args[2]!;
      if (value.length > context.maxValueBytes) return VALUE_TOO_LARGE;
      const key = keyArg(args, 0);
      storeString(records, context, key, findKeyToReplace(records, context, key), value, moment);
      return OK;
    },
  });
}

function getset(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const value = args[1]!;
  if (value.length > context.maxValueBytes) return VALUE_TOO_LARGE;
  const key = keyArg(args, 0);
  const old = findKeyToWrite(records, context, key);
  const previous = valueReply(old);
  if (previous instanceof Failure) return previous;
  storeString(records, context, key, old, value, 0);
  return previous;
}

function getdel(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const key = keyArg(args, 0);
  const old = findKeyToWrite(records, context, key);
  const previous = valueReply(old);
  if (previous instanceof Failure || old === undefined) return previous;
  removeKey(records, context, key, old);
  return previous;
}

function getex(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const options = parseStringOptions(args, 1, "getex");
  if (options instanceof Failure) return options;
  const key = keyArg(args, 0);
  const old = findKeyToWrite(records, context, key);
  const value = valueReply(old);
  if (value instanceof Failure || old === undefined || options.expiry === null) return value;

  const moment = expiryMoment(options.expiry, context, "getex");
  if (moment instanceof Failure) return moment;
  if (moment !== 0 && moment <= context.time) removeKey(records, context, key, old);
  else if (moment !== 0 || expireAt(old) !== 0)
    storeKey(records, context, key, old, withExpiry(old, context.version, moment));
  return value;
}

/** MSET and MSETNX: key, value, key, value, … */
function validatePairs(name: "mset" | "msetnx"): (args: Args) => Failure | null {
  return (args) => (args.length % 2 === 0 ? null : wrongArity(name));
}

function refusePairs(args: Args, context: ShardContext, name: "mset" | "msetnx"): Failure | null {
  if (args.length % 2 !== 0) return wrongArity(name);
  for (let i = 1; i < args.length; i += 2)
    if (args[i]!.length > context.maxValueBytes) return VALUE_TOO_LARGE;
  return null;
}

function storePairs(records: RecordWriter, args: Args, context: ShardContext): void {
  for (let i = 0; i < args.length; i += 2) {
    const key = keyArg(args, i);
    storeString(records, context, key, findKeyToReplace(records, context, key), args[i + 1]!, 0);
  }
}

function mset(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const refused = refusePairs(args, context, "mset");
  if (refused !== null) return refused;
  storePairs(records, args, context);
  return OK;
}

function msetnx(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const refused = refusePairs(args, context, "msetnx");
  if (refused !== null) return refused;
  for (let i = 0; i < args.length; i += 2) {
    if (findKeyToReplace(records, context, keyArg(args, i)) !== undefined) return 0;
  }
  storePairs(records, args, context);
  return 1;
}

export const stringCommands: readonly CommandSpec[] = [
  readCommand({ name: "get", arity: 2, keys: firstKey, run: get }),
  readCommand({ name: "strlen", arity: 2, keys: firstKey, run: strlen }),
  readCommand({ name: "mget", arity: -2, keys: allKeys, acrossShards: "array", run: mget }),
  writeCommand({ name: "set", arity: -3, keys: firstKey, validate: validateSet, run: set }),
  writeCommand({ name: "setnx", arity: 3, keys: firstKey, run: setnx }),
  setExpiring("setex", EXPIRY_UNITS.ex),
  setExpiring("psetex", EXPIRY_UNITS.px),
  writeCommand({ name: "getset", arity: 3, keys: firstKey, run: getset }),
  writeCommand({ name: "getdel", arity: 2, keys: firstKey, run: getdel }),
  writeCommand({
    name: "getex",
    arity: -2,
    keys: firstKey,
    validate: (args) => failureOrNull(parseStringOptions(args, 1, "getex")),
    run: getex,
  }),
  writeCommand({ name: "mset", arity: -3, keys: everyOtherKey, validate: validatePairs("mset"), run: mset }),
  writeCommand({
    name: "msetnx",
    arity: -3,
    keys: everyOtherKey,
    validate: validatePairs("msetnx"),
    run: msetnx,
  }),
];
