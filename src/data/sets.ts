/** Sets: every member is a record of its own. */
import { binaryBytes, binaryString } from "../core/bytes.ts";
import type { RecordReader, RecordWriter } from "../core/records.ts";
import { Failure, SetReply, type Reply } from "../core/reply.ts";
import { keyArg } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstKey, firstTwoKeys, readCommand, writeCommand } from "./define.ts";
import { findCollection, loadWhole, wholeEntries } from "./elements.ts";
import { VALUE_TOO_LARGE, WRONG_TYPE } from "./failures.ts";
import { elementCount, elementSpace, headerType, SET, type Header } from "./header.ts";
import { elementSpaceToWrite, EMPTY, findKeyToWrite, storeCollection } from "./keys.ts";
import type { ShardContext } from "./shard-state.ts";

export function findSetToWrite(
  records: RecordWriter,
  context: ShardContext,
  key: string,
): Header | undefined | Failure {
  const header = findKeyToWrite(records, context, key);
  return header === undefined || headerType(header) === SET ? header : WRONG_TYPE;
}

function findSet(records: RecordReader, args: Args, context: ShardContext): Header | undefined | Failure {
  return findCollection(records, context, keyArg(args, 0), SET);
}

export function hasMember(records: RecordReader, set: Header | undefined, member: string): boolean {
  return set !== undefined && records.get(elementSpace(set), member) !== undefined;
}

function sadd(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const key = keyArg(args, 0);
  const set = findSetToWrite(records, context, key);
  if (set instanceof Failure) return set;
  for (let i = 1; i < args.length; i++) if (args[i]!.length > context.maxValueBytes) return VALUE_TOO_LARGE;

  const space = elementSpaceToWrite(context, set);
  let added = 0;
  for (let i = 1; i < args.length; i++) {
    const member = keyArg(args, i);
    if (records.get(space, member) !== undefined) continue;
    records.put(space, member, EMPTY);
    added++;
  }
  if (added > 0)
    storeCollection(records, context, key, set, SET, (set === undefined ? 0 : elementCount(set)) + added);
  return added;
}

function srem(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const key = keyArg(args, 0);
  const set = findSetToWrite(records, context, key);
  if (set instanceof Failure) return set;
  if (set === undefined) return 0;
  return removeMembers(records, context, key, set, args.slice(1).map(binaryString));
}

/** How many of them were there. */
export function removeMembers(
  records: RecordWriter,
  context: ShardContext,
  key: string,
  set: Header,
  members: readonly string[],
): number {
  const space = elementSpace(set);
  let removed = 0;
  for (const member of members) {
    if (records.get(space, member) === undefined) continue;
    records.delete(space, member);
    removed++;
  }
  if (removed > 0) storeCollection(records, context, key, set, SET, elementCount(set) - removed);
  return removed;
}

function sismember(records: RecordReader, args: Args, context: ShardContext): Reply {
  const set = findSet(records, args, context);
  if (set instanceof Failure) return set;
  return hasMember(records, set, keyArg(args, 1)) ? 1 : 0;
}

function smismember(records: RecordReader, args: Args, context: ShardContext): Reply {
  const set = findSet(records, args, context);
  if (set instanceof Failure) return set;
  return args.slice(1).map((member) => (hasMember(records, set, binaryString(member)) ? 1 : 0));
}

function scard(records: RecordReader, args: Args, context: ShardContext): Reply {
  const set = findSet(records, args, context);
  if (set instanceof Failure) return set;
  return set === undefined ? 0 : elementCount(set);
}

/** Members in byte order. */
function smembers(records: RecordReader, args: Args, context: ShardContext): Reply {
  const entries = wholeEntries(records, context, keyArg(args, 0), SET);
  return entries instanceof Failure ? entries : new SetReply(entries.map(({ id }) => binaryBytes(id)));
}

/** A missing source comes before any wrong type, as in Redis. */
function smove(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const from = keyArg(args, 0);
  const to = keyArg(args, 1);
  const source = findSetToWrite(records, context, from);
  if (source === undefined) return 0;
  const target = findSetToWrite(records, context, to);
  if (source instanceof Failure) return source;
  if (target instanceof Failure) return target;
  const member = keyArg(args, 2);
  if (from === to) return hasMember(records, source, member) ? 1 : 0;
  if (removeMembers(records, context, from, source, [member]) === 0) return 0;
  if (!hasMember(records, target, member)) {
    records.put(elementSpaceToWrite(context, target), member, EMPTY);
    const count = target === undefined ? 0 : elementCount(target);
    storeCollection(records, context, to, target, SET, count + 1);
  }
  return 1;
}

export const setCommands: readonly CommandSpec[] = [
  writeCommand({ name: "sadd", arity: -3, keys: firstKey, run: sadd }),
  writeCommand({ name: "srem", arity: -3, keys: firstKey, run: srem }),
  writeCommand({ name: "smove", arity: 4, keys: firstTwoKeys, run: smove }),
  readCommand({ name: "sismember", arity: 3, keys: firstKey, run: sismember }),
  readCommand({ name: "smismember", arity: -3, keys: firstKey, run: smismember }),
  readCommand({ name: "scard", arity: 2, keys: firstKey, run: scard }),
  readCommand({
    name: "smembers",
    arity: 2,
    keys: firstKey,
    ranges: (records, args, context) => loadWhole(records, context, keyArg(args, 0), SET),
    run: smembers,
  }),
];
