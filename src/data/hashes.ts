/** Hashes: every field is a record of its own. */
import { binaryBytes, binaryString } from "../core/bytes.ts";
import type { RecordReader, RecordWriter } from "../core/records.ts";
import { Failure, MapReply, OK, type Reply } from "../core/reply.ts";
import { keyArg } from "./arguments.ts";
import type { CommandName } from "./command-ids.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstKey, readCommand, writeCommand } from "./define.ts";
import { findCollection, loadWhole, wholeEntries } from "./elements.ts";
import { VALUE_TOO_LARGE, WRONG_TYPE, wrongArity } from "./failures.ts";
import { copyOf, elementCount, elementSpace, HASH, headerType, type Header } from "./header.ts";
import { elementSpaceToWrite, findKeyToWrite, storeCollection } from "./keys.ts";
import type { ShardContext } from "./shard-state.ts";

export function findHash(
  records: RecordReader,
  args: Args,
  context: ShardContext,
): Header | undefined | Failure {
  return findCollection(records, context, keyArg(args, 0), HASH);
}

export function findHashToWrite(
  records: RecordWriter,
  key: string,
  context: ShardContext,
): Header | undefined | Failure {
  const header = findKeyToWrite(records, context, key);
  return header === undefined || headerType(header) === HASH ? header : WRONG_TYPE;
}

function valueOf(records: RecordReader, hash: Header | undefined, field: Uint8Array): Uint8Array | undefined {
  return hash === undefined ? undefined : records.get(elementSpace(hash), binaryString(field));
}

/** Stores the field and counts it if it is new. `value` is kept. */
export function storeField(
  records: RecordWriter,
  context: ShardContext,
  key: string,
  hash: Header | undefined,
  field: string,
  value: Uint8Array,
): void {
  const space = elementSpaceToWrite(context, hash);
  const added = hash === undefined || records.get(space, field) === undefined ? 1 : 0;
  records.put(space, field, value);
  storeCollection(records, context, key, hash, HASH, (hash === undefined ? 0 : elementCount(hash)) + added);
}

/** How many fields are new, or why nothing was stored. */
function setFields(records: RecordWriter, args: Args, context: ShardContext, name: string): number | Failure {
  if (args.length % 2 === 0) return wrongArity(name);
  const key = keyArg(args, 0);
  const hash = findHashToWrite(records, key, context);
  if (hash instanceof Failure) return hash;
  for (let i = 1; i < args.length; i++) if (args[i]!.length > context.maxValueBytes) return VALUE_TOO_LARGE;

  const space = elementSpaceToWrite(context, hash);
  let added = 0;
  for (let i = 1; i < args.length; i += 2) {
    const field = keyArg(args, i);
    if (records.get(space, field) === undefined) added++;
    records.put(space, field, copyOf(args[i + 1]!));
  }
  storeCollection(records, context, key, hash, HASH, (hash === undefined ? 0 : elementCount(hash)) + added);
  return added;
}

function hset(records: RecordWriter, args: Args, context: ShardContext): Reply {
  return setFields(records, args, context, "hset");
}

function hmset(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const added = setFields(records, args, context, "hmset");
  return added instanceof Failure ? added : OK;
}

function hsetnx(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const key = keyArg(args, 0);
  const hash = findHashToWrite(records, key, context);
  if (hash instanceof Failure) return hash;
  if (valueOf(records, hash, args[1]!) !== undefined) return 0;
  if (Math.max(args[1]!.length, args[2]!.length) > context.maxValueBytes) return VALUE_TOO_LARGE;
  storeField(records, context, key, hash, keyArg(args, 1), copyOf(args[2]!));
  return 1;
}

function hdel(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const key = keyArg(args, 0);
  const hash = findHashToWrite(records, key, context);
  if (hash instanceof Failure) return hash;
  if (hash === undefined) return 0;
  const space = elementSpace(hash);
  let removed = 0;
  for (let i = 1; i < args.length; i++) {
    const field = keyArg(args, i);
    if (records.get(space, field) === undefined) continue;
    records.delete(space, field);
    removed++;
  }
  if (removed > 0) storeCollection(records, context, key, hash, HASH, elementCount(hash) - removed);
  return removed;
}

function hget(records: RecordReader, args: Args, context: ShardContext): Reply {
  const hash = findHash(records, args, context);
  return hash instanceof Failure ? hash : (valueOf(records, hash, args[1]!) ?? null);
}

function hmget(records: RecordReader, args: Args, context: ShardContext): Reply {
  const hash = findHash(records, args, context);
  return hash instanceof Failure ? hash : args.slice(1).map((field) => valueOf(records, hash, field) ?? null);
}

function hexists(records: RecordReader, args: Args, context: ShardContext): Reply {
  const hash = findHash(records, args, context);
  if (hash instanceof Failure) return hash;
  return valueOf(records, hash, args[1]!) === undefined ? 0 : 1;
}

function hstrlen(records: RecordReader, args: Args, context: ShardContext): Reply {
  const hash = findHash(records, args, context);
  return hash instanceof Failure ? hash : (valueOf(records, hash, args[1]!)?.length ?? 0);
}

function hlen(records: RecordReader, args: Args, context: ShardContext): Reply {
  const hash = findHash(records, args, context);
  if (hash instanceof Failure) return hash;
  return hash === undefined ? 0 : elementCount(hash);
}

type Entries = Exclude<ReturnType<typeof wholeEntries>, Failure>;

/** HGETALL, HKEYS and HVALS: fields in byte order. */
function wholeHash(name: CommandName, reply: (entries: Entries) => Reply): CommandSpec {
  return readCommand({
    name,
    arity: 2,
    keys: firstKey,
    ranges: (records, args, context) => loadWhole(records, context, keyArg(args, 0), HASH),
    run(records, args, context) {
      const entries = wholeEntries(records, context, keyArg(args, 0), HASH);
      return entries instanceof Failure ? entries : reply(entries);
    },
  });
}

function validateFields(name: "hset" | "hmset"): (args: Args) => Failure | null {
  return (args) => (args.length % 2 === 1 ? null : wrongArity(name));
}

export const hashCommands: readonly CommandSpec[] = [
  writeCommand({ name: "hset", arity: -4, keys: firstKey, validate: validateFields("hset"), run: hset }),
  writeCommand({ name: "hmset", arity: -4, keys: firstKey, validate: validateFields("hmset"), run: hmset }),
  writeCommand({ name: "hsetnx", arity: 4, keys: firstKey, run: hsetnx }),
  writeCommand({ name: "hdel", arity: -3, keys: firstKey, run: hdel }),
  readCommand({ name: "hget", arity: 3, keys: firstKey, run: hget }),
  readCommand({ name: "hmget", arity: -3, keys: firstKey, run: hmget }),
  readCommand({ name: "hexists", arity: 3, keys: firstKey, run: hexists }),
  readCommand({ name: "hstrlen", arity: 3, keys: firstKey, run: hstrlen }),
  readCommand({ name: "hlen", arity: 2, keys: firstKey, run: hlen }),
  wholeHash("hgetall", (entries) => new MapReply(entries.map(({ id, value }) => [binaryBytes(id), value]))),
  wholeHash("hkeys", (entries) => entries.map(({ id }) => binaryBytes(id))),
  wholeHash("hvals", (entries) => entries.map(({ value }) => value)),
];
