/**
 * The steps of SCAN, HSCAN, SSCAN and RANDOMKEY over one shard. A cursor is the key or element to go on from (inclusive),
 * so a scan holds no state, survives failover, and returns everything that is there from its start to its end.
 */
import { binaryBytes, binaryString } from "../core/bytes.ts";
import type { LoadedRange, RangeRequest, RecordReader } from "../core/records.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { countArg, failureOrNull, keyArg } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstKey, noKeys, readCommand } from "./define.ts";
import { findCollection, NOTHING_TO_LOAD } from "./elements.ts";
import { elementSpace, HASH, isDue, SET, typeName, type CollectionType } from "./header.ts";
import { compileGlob } from "./glob.ts";
import { chooseOne, sampleOf, sampleRanges } from "./sampling.ts";
import type { ShardContext } from "./shard-state.ts";

/** One step looks at no more records than this, whatever COUNT says. */
const MOST_PER_STEP = 10_000;

type Entry = LoadedRange["entries"][number];

export function stepSize(arg: Uint8Array): number | Failure {
  const count = countArg(arg);
  return count instanceof Failure ? count : Math.min(Math.max(count, 1), MOST_PER_STEP);
}

/** [where to go on, or null at the end; what was found]. */
function stepReply(
  loaded: LoadedRange | undefined,
  items: (entries: readonly Entry[]) => readonly Reply[],
): Reply {
  if (loaded === undefined) return [null, []];
  const last = loaded.entries.at(-1);
  const next = loaded.more && last !== undefined ? binaryBytes(`${last.id}\0`) : null;
  return [next, items(loaded.entries)];
}

/** An empty pattern matches everything. */
export function matcher(pattern: Uint8Array): (text: string) => boolean {
  return pattern.length === 0 ? () => true : compileGlob(binaryString(pattern));
}

/** `.scan from count pattern type`: keys in byte order; an empty type stands for all. */
function rangesOfScan(_records: RecordReader, args: Args, context: ShardContext): readonly RangeRequest[] {
  const limit = stepSize(args[1]!);
  return limit instanceof Failure
    ? NOTHING_TO_LOAD
    : [{ space: context.shard.keySpace, from: keyArg(args, 0), limit }];
}

function scan(_records: RecordReader, args: Args, context: ShardContext): Reply {
  const limit = stepSize(args[1]!);
  if (limit instanceof Failure) return limit;
  const matches = matcher(args[2]!);
  const type = binaryString(args[3]!).toLowerCase();
  return stepReply(context.loaded[0], (entries) =>
    entries
      .filter(
        ({ id, value }) =>
          !isDue(value, context.time) && (type === "" || typeName(value) === type) && matches(id),
      )
      .map(({ id }) => binaryBytes(id)),
  );
}

/** `.hscan key from count pattern` and `.sscan key from count pattern`: a hash gives field, value, field, value, … */
function elementScan(name: ".hscan" | ".sscan", type: CollectionType): CommandSpec {
  return readCommand({
    name,
    arity: 5,
    keys: firstKey,
    validate: (args) => failureOrNull(stepSize(args[2]!)),
    ranges(records, args, context) {
      const header = findCollection(records, context, keyArg(args, 0), type);
      const limit = stepSize(args[2]!);
      if (header === undefined || header instanceof Failure || limit instanceof Failure)
        return NOTHING_TO_LOAD;
      return [{ space: elementSpace(header), from: keyArg(args, 1), limit }];
    },
    run(records, args, context) {
      const header = findCollection(records, context, keyArg(args, 0), type);
      const limit = stepSize(args[2]!);
      if (header instanceof Failure) return header;
      if (limit instanceof Failure) return limit;
      const matches = matcher(args[3]!);
      return stepReply(context.loaded[0], (entries) => {
        const found = entries.filter(({ id }) => matches(id));
        if (type === SET) return found.map(({ id }) => binaryBytes(id));
        return found.flatMap(({ id, value }) => [binaryBytes(id), value]);
      });
    },
  });
}

function rangesOfRandomKey(
  _records: RecordReader,
  _args: Args,
  context: ShardContext,
): readonly RangeRequest[] {
  const { shard } = context;
  return shard.keys === 0
    ? NOTHING_TO_LOAD
    : sampleRanges(shard.keySpace, shard.keys, 1, () => context.random());
}

function randomKey(_records: RecordReader, _args: Args, context: ShardContext): Reply {
  const live = sampleOf(context.loaded).filter(({ value }) => !isDue(value, context.time));
  const chosen = chooseOne(live, () => context.random());
  return chosen === undefined ? null : binaryBytes(chosen.id);
}

export const scanCommands: readonly CommandSpec[] = [
  readCommand({
    name: ".scan",
    arity: 5,
    keys: noKeys,
    validate: (args) => failureOrNull(stepSize(args[1]!)),
    ranges: rangesOfScan,
    run: scan,
  }),
  elementScan(".hscan", HASH),
  elementScan(".sscan", SET),
  readCommand({ name: ".randomkey", arity: 1, keys: noKeys, ranges: rangesOfRandomKey, run: randomKey }),
];
