/** HRANDFIELD. */
import { binaryBytes } from "../core/bytes.ts";
import type { RangeRequest, RecordReader } from "../core/records.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { failureOrNull, optionName, signedCountArg } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstKey, readCommand } from "./define.ts";
import { MOST_ELEMENTS, NOTHING_TO_LOAD } from "./elements.ts";
import { COUNT_TOO_LARGE, OUT_OF_RANGE, SYNTAX_ERROR } from "./failures.ts";
import { findHash } from "./hashes.ts";
import { elementCount, elementSpace } from "./header.ts";
import { LONG_MAX, parseInteger } from "./numbers.ts";
import { chooseDistinct, chooseOne, chooseRepeatedly, sampleOf, sampleRanges } from "./sampling.ts";
import type { ShardContext } from "./shard-state.ts";

interface Options {
  /** Null: one field, not in an array. Negative: fields may repeat. */
  readonly count: number | null;
  readonly withValues: boolean;
}

function parseOptions(args: Args): Options | Failure {
  if (args.length === 1) return { count: null, withValues: false };
  const count = signedCountArg(args[1]!);
  if (count instanceof Failure) return count;
  if (args.length === 2) return { count, withValues: false };
  if (args.length > 3 || optionName(args[2]!) !== "withvalues") return SYNTAX_ERROR;
  // The reply has twice as many elements.
  const exact = parseInteger(args[1]!)!;
  const most = LONG_MAX / 2n;
  return exact > most || exact < -most ? OUT_OF_RANGE : { count, withValues: true };
}

function ranges(records: RecordReader, args: Args, context: ShardContext): readonly RangeRequest[] {
  const options = parseOptions(args);
  const hash = findHash(records, args, context);
  if (options instanceof Failure || hash === undefined || hash instanceof Failure) return NOTHING_TO_LOAD;
  const size = elementCount(hash);
  const wanted = Math.min(size, Math.max(options.count ?? 1, 1));
  if (options.count === 0 || wanted > MOST_ELEMENTS) return NOTHING_TO_LOAD;
  return sampleRanges(elementSpace(hash), size, wanted, () => context.random());
}

/** With values: an array of [field, value] pairs, which RESP2 shows flat (see `repliesWithPairs` in commands.ts). */
function hrandfield(records: RecordReader, args: Args, context: ShardContext): Reply {
  const options = parseOptions(args);
  if (options instanceof Failure) return options;
  const hash = findHash(records, args, context);
  if (hash instanceof Failure) return hash;
  const { count, withValues } = options;
  if (hash === undefined || count === 0) return count === null ? null : [];

  const sample = sampleOf(context.loaded);
  const random = (): number => context.random();
  if (count === null) {
    const chosen = chooseOne(sample, random);
    return chosen === undefined ? null : binaryBytes(chosen.id);
  }
  if (Math.min(Math.abs(count), count > 0 ? elementCount(hash) : Infinity) > MOST_ELEMENTS)
    return COUNT_TOO_LARGE;
  const chosen = count > 0 ? chooseDistinct(sample, count, random) : chooseRepeatedly(sample, -count, random);
  return chosen.map(({ id, value }) => (withValues ? [binaryBytes(id), value] : binaryBytes(id)));
}

export const randomFieldCommands: readonly CommandSpec[] = [
  readCommand({
    name: "hrandfield",
    arity: -2,
    keys: firstKey,
    validate: (args) => failureOrNull(parseOptions(args)),
    ranges,
    run: hrandfield,
  }),
];
