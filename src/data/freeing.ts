/**
 * How the records of due and flushed keys are freed (RECORDS.md, "How things are freed"), and the commands that only nodes
 * themselves send about that.
 */
import type { LoadedRange, RangeRequest, RecordReader, RecordWriter } from "../core/records.ts";
import { OK, type Reply } from "../core/reply.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { noKeys, readCommand, writeCommand } from "./define.ts";
import { NOTHING_TO_LOAD } from "./elements.ts";
import { elementSpace, expireAt, isCollection, keySpaceOf, splitExpiryId } from "./header.ts";
import { removeKey } from "./keys.ts";
import { expireRemembered, rangesOfRemembered } from "./remembered.ts";
import type { Garbage, ShardContext, ShardState } from "./shard-state.ts";

/** Due keys that one `.expire` removes. */
const MOST_DUE = 200;
/** Headers of a flushed epoch that one `.expire` walks over, and the keys that a flush deals with by itself. */
const MOST_SWEPT = 1000;

const NOTHING_DUE = -1;

/** The first record beyond those that are removed tells when the next one is due. */
function rangesOfExpire(
  _records: RecordReader,
  _args: Args,
  { shard }: ShardContext,
): readonly RangeRequest[] {
  const due = { space: shard.expirySpace, from: "", limit: MOST_DUE + 1 };
  const garbage = shard.garbage[0];
  const always = [due, ...rangesOfRemembered()];
  return garbage === undefined
    ? always
    : [...always, { space: keySpaceOf(garbage.epoch), from: garbage.from, limit: MOST_SWEPT }];
}

/** Answers when to order the next one, in milliseconds (at or before the log time: at once), or -1. */
function expire(records: RecordWriter, _args: Args, context: ShardContext): Reply {
  const [due, sessions, keys, garbage] = context.loaded;
  sweepFirstGarbage(records, context, garbage);
  const next = expireRemembered(records, context, sessions, keys);
  for (const [i, { id }] of (due?.entries ?? []).entries()) {
    const { expiry, key } = splitExpiryId(id);
    if (expiry > context.time || i === MOST_DUE) return nextExpiry(context, Math.min(next, expiry));
    removeDueKey(records, context, id, key, expiry);
  }
  return nextExpiry(context, next);
}

/** `expiry`: infinity when nothing is due ever. */
function nextExpiry({ shard, time }: ShardContext, expiry: number): number {
  if (shard.garbage.length > 0) return time;
  return expiry === Number.POSITIVE_INFINITY ? NOTHING_DUE : expiry;
}

function removeDueKey(
  records: RecordWriter,
  context: ShardContext,
  id: string,
  key: string,
  expiry: number,
): void {
  const header = records.get(context.shard.keySpace, key);
  if (header !== undefined && expireAt(header) === expiry) removeKey(records, context, key, header);
  else records.delete(context.shard.expirySpace, id);
}

/** Drops the collections among the next headers of the oldest flushed epoch, and at its end the epoch. */
function sweepFirstGarbage(
  records: RecordWriter,
  { shard }: ShardContext,
  range: LoadedRange | undefined,
): void {
  const garbage = shard.garbage[0];
  if (garbage === undefined || range === undefined) return;
  for (const { id, value } of range.entries) {
    garbage.from = `${id}\0`;
    if (!isCollection(value)) continue;
    records.drop(elementSpace(value));
    garbage.collections--;
  }
  if (garbage.collections > 0 && range.more) return;
  records.drop(keySpaceOf(garbage.epoch));
  shard.garbage.shift();
}

function rangesOfFlush(
  _records: RecordReader,
  _args: Args,
  { shard }: ShardContext,
): readonly RangeRequest[] {
  if (shard.collections === 0 || shard.keys > MOST_SWEPT) return NOTHING_TO_LOAD;
  return [{ space: shard.keySpace, from: "", limit: MOST_SWEPT }];
}

/** Removes every key of the shard, in constant time. */
function flush(records: RecordWriter, _args: Args, context: ShardContext): Reply {
  const { shard } = context;
  const headers = context.loaded[0];
  if (shard.collections > 0 && headers === undefined) {
    shard.garbage.push(garbageOf(shard));
    context.noteExpiry(context.time);
  } else {
    for (const { value } of headers?.entries ?? [])
      if (isCollection(value)) records.drop(elementSpace(value));
    records.drop(shard.keySpace);
  }
  records.drop(shard.expirySpace);
  shard.epoch++;
  shard.noteRemovalOfAll();
  shard.history.noteFlush();
  shard.keys = 0;
  shard.collections = 0;
  return OK;
}

function garbageOf({ epoch, collections }: ShardState): Garbage {
  return { epoch, collections, from: "" };
}

function rangesOfNextExpiry(
  _records: RecordReader,
  _args: Args,
  { shard }: ShardContext,
): readonly RangeRequest[] {
  return [{ space: shard.expirySpace, from: "", limit: 1 }, ...rangesOfRemembered(1)];
}

/** When the next `.expire` has something to do, in milliseconds, or -1. For a host that has just started. */
function readNextExpiry(_records: RecordReader, _args: Args, context: ShardContext): Reply {
  const firsts = context.loaded.flatMap(({ entries }) => entries.slice(0, 1));
  return nextExpiry(context, Math.min(...firsts.map(({ id }) => splitExpiryId(id).expiry)));
}

export const freeingCommands: readonly CommandSpec[] = [
  writeCommand({ name: ".expire", arity: 1, keys: noKeys, ranges: rangesOfExpire, run: expire }),
  writeCommand({ name: ".flush", arity: 1, keys: noKeys, ranges: rangesOfFlush, run: flush }),
  readCommand({
    name: ".next-expiry",
    arity: 1,
    keys: noKeys,
    ranges: rangesOfNextExpiry,
    run: readNextExpiry,
  }),
];
