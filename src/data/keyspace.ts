/** Keys of any type: existence, removal, renaming. */
import { binaryString } from "../core/bytes.ts";
import type { RecordReader, RecordWriter } from "../core/records.ts";
import { OK, Status, type Reply } from "../core/reply.ts";
import { keyArg } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { allKeys, firstKey, firstTwoKeys, readCommand, writeCommand } from "./define.ts";
import { NO_SUCH_KEY } from "./failures.ts";
import { expireAt, typeName, withExpiry } from "./header.ts";
import { findKey, findKeyToReplace, findKeyToWrite, forgetKey, removeKey, storeKey } from "./keys.ts";
import type { ShardContext } from "./shard-state.ts";

function del(records: RecordWriter, args: Args, context: ShardContext): Reply {
  let removed = 0;
  for (const arg of args) {
    const key = binaryString(arg);
    const header = findKeyToReplace(records, context, key);
    if (header === undefined) continue;
    removeKey(records, context, key, header);
    removed++;
  }
  return removed;
}

/** A key named twice counts twice, as in Redis. */
function exists(records: RecordReader, args: Args, context: ShardContext): Reply {
  let found = 0;
  for (const arg of args) if (findKey(records, context, binaryString(arg)) !== undefined) found++;
  return found;
}

const NO_TYPE = new Status("none");

function type(records: RecordReader, args: Args, context: ShardContext): Reply {
  const header = findKey(records, context, keyArg(args, 0));
  return header === undefined ? NO_TYPE : new Status(typeName(header));
}

function rename(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const moved = move(records, args, context, true);
  return moved === null ? NO_SUCH_KEY : OK;
}

function renamenx(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const moved = move(records, args, context, false);
  if (moved === null) return NO_SUCH_KEY;
  return moved ? 1 : 0;
}

/** Null without the source. A collection keeps its elements where they are: only the header moves. */
function move(records: RecordWriter, args: Args, context: ShardContext, replace: boolean): boolean | null {
  const from = keyArg(args, 0);
  const to = keyArg(args, 1);
  const header = findKeyToWrite(records, context, from);
  if (header === undefined) return null;
  if (from === to) return false;
  const old = findKeyToWrite(records, context, to);
  if (old !== undefined && !replace) return false;
  if (old !== undefined) removeKey(records, context, to, old);
  forgetKey(records, context, from, header);
  storeKey(records, context, to, undefined, withExpiry(header, context.version, expireAt(header)));
  return true;
}

export const keyspaceCommands: readonly CommandSpec[] = [
  writeCommand({ name: "del", arity: -2, keys: allKeys, acrossShards: "sum", run: del }),
  writeCommand({ name: "unlink", arity: -2, keys: allKeys, acrossShards: "sum", run: del }),
  readCommand({ name: "exists", arity: -2, keys: allKeys, acrossShards: "sum", run: exists }),
  readCommand({ name: "touch", arity: -2, keys: allKeys, acrossShards: "sum", run: exists }),
  readCommand({ name: "type", arity: 2, keys: firstKey, run: type }),
  writeCommand({ name: "rename", arity: 3, keys: firstTwoKeys, run: rename }),
  writeCommand({ name: "renamenx", arity: 3, keys: firstTwoKeys, run: renamenx }),
];
