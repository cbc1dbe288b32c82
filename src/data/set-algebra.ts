/**
 * Intersections, unions and differences. As little as possible is loaded: an intersection loads its smallest set and a
 * difference its first one, and they look the members up in the others.
 */
import { binaryBytes, binaryString } from "../core/bytes.ts";
import type { RangeRequest, RecordReader, RecordWriter } from "../core/records.ts";
import { Failure, SetReply, type Reply } from "../core/reply.ts";
import { countArg, failureOrNull, optionName } from "./arguments.ts";
import type { CommandName } from "./command-ids.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { allKeys, readCommand, writeCommand } from "./define.ts";
import { findCollection, MOST_ELEMENTS, NOTHING_TO_LOAD, wholeCollection } from "./elements.ts";
import { COLLECTION_TOO_LARGE, SYNTAX_ERROR } from "./failures.ts";
import { elementCount, newCollectionHeader, newElementSpace, SET, type Header } from "./header.ts";
import { EMPTY, findKeyToWrite, removeKey, storeKey } from "./keys.ts";
import { hasMember } from "./sets.ts";
import type { ShardContext } from "./shard-state.ts";

type Operands = readonly (Header | undefined)[];

interface Operation {
  /** The operands that have to be loaded. */
  needs(sets: Operands): readonly Header[];
  /** Members in byte order, given what `needs` asked for. */
  combine(records: RecordReader, sets: Operands, loaded: readonly (readonly string[])[]): readonly string[];
}

const intersection: Operation = {
  needs(sets) {
    const smallest = smallestOf(sets);
    return smallest === undefined ? [] : [smallest];
  },
  combine(records, sets, [candidates = []]) {
    const smallest = smallestOf(sets);
    const others = sets.filter((set) => set !== smallest);
    return candidates.filter((member) => others.every((set) => hasMember(records, set, member)));
  },
};

/** Undefined when one of them is empty. */
function smallestOf(sets: Operands): Header | undefined {
  let smallest = sets[0];
  for (const set of sets) {
    if (set === undefined) return undefined;
    if (smallest === undefined || elementCount(set) < elementCount(smallest)) smallest = set;
  }
  return smallest;
}

const union: Operation = {
  needs: (sets) => [...new Set(sets)].filter((set) => set !== undefined),
  combine: (_records, _sets, loaded) =>
    loaded.length === 1 ? loaded[0]! : [...new Set(loaded.flat())].sort(),
};

const difference: Operation = {
  needs: ([first]) => (first === undefined ? [] : [first]),
  combine(records, sets, [candidates = []]) {
    const others = sets.slice(1);
    return candidates.filter((member) => !others.some((set) => hasMember(records, set, member)));
  },
};

/** All types are checked before anything else happens, also behind a missing key. */
function findOperands(records: RecordReader, context: ShardContext, keys: Args): Operands | Failure {
  const sets: (Header | undefined)[] = [];
  for (const key of keys) {
    const set = findCollection(records, context, binaryString(key), SET);
    if (set instanceof Failure) return set;
    sets.push(set);
  }
  return sets;
}

function totalSize(sets: readonly Header[]): number {
  return sets.reduce((sum, set) => sum + elementCount(set), 0);
}

function rangesOf(
  operation: Operation,
  records: RecordReader,
  context: ShardContext,
  keys: Args,
): readonly RangeRequest[] {
  const sets = findOperands(records, context, keys);
  if (sets instanceof Failure) return NOTHING_TO_LOAD;
  const needed = operation.needs(sets);
  return totalSize(needed) > MOST_ELEMENTS ? NOTHING_TO_LOAD : needed.map(wholeCollection);
}

function evaluate(
  operation: Operation,
  records: RecordReader,
  context: ShardContext,
  keys: Args,
): readonly string[] | Failure {
  const sets = findOperands(records, context, keys);
  if (sets instanceof Failure) return sets;
  if (totalSize(operation.needs(sets)) > MOST_ELEMENTS) return COLLECTION_TOO_LARGE;
  const loaded = context.loaded.map(({ entries }) => entries.map(({ id }) => id));
  return operation.combine(records, sets, loaded);
}

function plainCommand(name: CommandName, operation: Operation): CommandSpec {
  return readCommand({
    name,
    arity: -2,
    keys: allKeys,
    ranges: (records, args, context) => rangesOf(operation, records, context, args),
    run(records, args, context) {
      const members = evaluate(operation, records, context, args);
      return members instanceof Failure ? members : new SetReply(members.map(binaryBytes));
    },
  });
}

function storeCommand(name: CommandName, operation: Operation): CommandSpec {
  return writeCommand({
    name,
    arity: -3,
    keys: allKeys,
    ranges: (records, args, context) => rangesOf(operation, records, context, args.slice(1)),
    run(records, args, context) {
      const members = evaluate(operation, records, context, args.slice(1));
      return members instanceof Failure
        ? members
        : replaceBySet(records, context, binaryString(args[0]!), members);
    },
  });
}

/** Whatever the key held before, also of another type, is gone. */
function replaceBySet(
  records: RecordWriter,
  context: ShardContext,
  key: string,
  members: readonly string[],
): Reply {
  const old = findKeyToWrite(records, context, key);
  if (members.length === 0) {
    if (old !== undefined) removeKey(records, context, key, old);
    return 0;
  }
  const space = newElementSpace(context.version);
  for (const member of members) records.put(space, member, EMPTY);
  storeKey(records, context, key, old, newCollectionHeader(SET, context.version, members.length));
  return members.length;
}

const BAD_KEY_COUNT = new Failure("ERR numkeys should be greater than 0");
const TOO_FEW_KEYS = new Failure("ERR Number of keys can't be greater than number of args");
const NEGATIVE_LIMIT = new Failure("ERR LIMIT can't be negative");

interface CardinalityQuery {
  readonly keys: Args;
  /** 0: without limit. */
  readonly limit: number;
}

export function parseSintercard(args: Args): CardinalityQuery | Failure {
  const count = countArg(args[0]!, BAD_KEY_COUNT);
  if (count instanceof Failure) return count;
  if (count === 0) return BAD_KEY_COUNT;
  if (count > args.length - 1) return TOO_FEW_KEYS;
  let limit = 0;
  for (let i = 1 + count; i < args.length; i += 2) {
    const value = args[i + 1];
    if (optionName(args[i]!) !== "limit" || value === undefined) return SYNTAX_ERROR;
    const parsed = countArg(value, NEGATIVE_LIMIT);
    if (parsed instanceof Failure) return parsed;
    limit = parsed;
  }
  return { keys: args.slice(1, 1 + count), limit };
}

const sintercard = readCommand({
  name: "sintercard",
  arity: -3,
  keys(args) {
    const query = parseSintercard(args);
    return query instanceof Failure ? [] : query.keys.map((_, i) => i + 1);
  },
  validate: (args) => failureOrNull(parseSintercard(args)),
  ranges(records, args, context) {
    const query = parseSintercard(args);
    return query instanceof Failure ? NOTHING_TO_LOAD : rangesOf(intersection, records, context, query.keys);
  },
  run(records, args, context) {
    const query = parseSintercard(args);
    if (query instanceof Failure) return query;
    const members = evaluate(intersection, records, context, query.keys);
    if (members instanceof Failure) return members;
    return query.limit === 0 ? members.length : Math.min(members.length, query.limit);
  },
});

export const setAlgebraCommands: readonly CommandSpec[] = [
  plainCommand("sinter", intersection),
  plainCommand("sunion", union),
  plainCommand("sdiff", difference),
  storeCommand("sinterstore", intersection),
  storeCommand("sunionstore", union),
  storeCommand("sdiffstore", difference),
  sintercard,
];
