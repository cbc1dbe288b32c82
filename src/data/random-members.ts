/** SPOP and SRANDMEMBER. */
import { binaryBytes } from "../core/bytes.ts";
import type { RangeRequest, RecordReader, RecordWriter } from "../core/records.ts";
import { Failure, SetReply, type Reply } from "../core/reply.ts";
import { countArg, failureOrNull, keyArg, signedCountArg } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstKey, readCommand, writeCommand } from "./define.ts";
import { findCollection, MOST_ELEMENTS, NOTHING_TO_LOAD } from "./elements.ts";
import { COUNT_TOO_LARGE, SYNTAX_ERROR } from "./failures.ts";
import { elementCount, elementSpace, SET } from "./header.ts";
import { removeKey } from "./keys.ts";
import { chooseDistinct, chooseOne, chooseRepeatedly, sampleOf, sampleRanges } from "./sampling.ts";
import { findSetToWrite, removeMembers } from "./sets.ts";
import type { ShardContext } from "./shard-state.ts";

/** Null: one member, not in an array. Negative: members may repeat. */
type Count = number | null;

function parseCount(args: Args, read: (arg: Uint8Array) => number | Failure): Count | Failure {
  if (args.length === 1) return null;
  return args.length === 2 ? read(args[1]!) : SYNTAX_ERROR;
}

const popCount = (args: Args): Count | Failure => parseCount(args, (arg) => countArg(arg));
export const sampleCount = (args: Args): Count | Failure => parseCount(args, signedCountArg);

function loadSample(
  records: RecordReader,
  args: Args,
  context: ShardContext,
  count: Count | Failure,
): readonly RangeRequest[] {
  const set = findCollection(records, context, keyArg(args, 0), SET);
  if (count instanceof Failure || set === undefined || set instanceof Failure) return NOTHING_TO_LOAD;
  const size = elementCount(set);
  const wanted = Math.min(size, Math.max(count ?? 1, 1));
  if (count === 0 || wanted > MOST_ELEMENTS) return NOTHING_TO_LOAD;
  return sampleRanges(elementSpace(set), size, wanted, () => context.random());
}

function spop(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const count = popCount(args);
  if (count instanceof Failure) return count;
  const key = keyArg(args, 0);
  const set = findSetToWrite(records, context, key);
  if (set instanceof Failure) return set;
  if (set === undefined || count === 0) return count === null ? null : NO_MEMBERS;
  const size = elementCount(set);
  if (Math.min(size, count ?? 1) > MOST_ELEMENTS) return COUNT_TOO_LARGE;

  const popped = chooseDistinct(sampleOf(context.loaded), count ?? 1, () => context.random());
  if (popped.length === size) removeKey(records, context, key, set);
  else
    removeMembers(
      records,
      context,
      key,
      set,
      popped.map(({ id }) => id),
    );
  const replies = popped.map(({ id }) => binaryBytes(id));
  return count === null ? (replies[0] ?? null) : new SetReply(replies);
}

const NO_MEMBERS = new SetReply([]);

function srandmember(records: RecordReader, args: Args, context: ShardContext): Reply {
  const count = sampleCount(args);
  if (count instanceof Failure) return count;
  const set = findCollection(records, context, keyArg(args, 0), SET);
  if (set instanceof Failure) return set;
  if (set === undefined || count === 0) return count === null ? null : [];

  const sample = sampleOf(context.loaded);
  const random = (): number => context.random();
  if (count === null) {
    const chosen = chooseOne(sample, random);
    return chosen === undefined ? null : binaryBytes(chosen.id);
  }
  if (Math.min(Math.abs(count), count > 0 ? elementCount(set) : Infinity) > MOST_ELEMENTS)
    return COUNT_TOO_LARGE;
  const chosen = count > 0 ? chooseDistinct(sample, count, random) : chooseRepeatedly(sample, -count, random);
  return chosen.map(({ id }) => binaryBytes(id));
}

export const randomMemberCommands: readonly CommandSpec[] = [
  writeCommand({
    name: "spop",
    arity: -2,
    keys: firstKey,
    validate: (args) => failureOrNull(popCount(args)),
    ranges: (records, args, context) => loadSample(records, args, context, popCount(args)),
    run: spop,
  }),
  readCommand({
    name: "srandmember",
    arity: -2,
    keys: firstKey,
    validate: (args) => failureOrNull(sampleCount(args)),
    ranges: (records, args, context) => loadSample(records, args, context, sampleCount(args)),
    run: srandmember,
  }),
];
