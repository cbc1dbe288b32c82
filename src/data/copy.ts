/** COPY: a string is one record, a collection is copied element by element. */
import type { RangeRequest, RecordReader, RecordWriter } from "../core/records.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { failureOrNull, keyArg, optionName } from "./arguments.ts";
import type { Args, CommandSpec } from "./contract.ts";
import { firstTwoKeys, writeCommand } from "./define.ts";
import { MOST_ELEMENTS, NOTHING_TO_LOAD, wholeCollection } from "./elements.ts";
import { COLLECTION_TOO_LARGE, NOT_AN_INTEGER, outsideRange, SYNTAX_ERROR } from "./failures.ts";
import {
  elementCount,
  expireAt,
  isCollection,
  newElementSpace,
  withExpiry,
  withNewCollectionId,
} from "./header.ts";
import { findKey, findKeyToWrite, storeKey } from "./keys.ts";
import { parseInteger } from "./numbers.ts";
import type { ShardContext } from "./shard-state.ts";

const SAME_OBJECT = new Failure("ERR source and destination objects are the same");
const NO_SUCH_DATABASE = new Failure("ERR DB index is out of range");
const INT_MIN = -0x8000_0000;
const INT_MAX = 0x7fff_ffff;

function parseOptions(args: Args): { readonly replace: boolean } | Failure {
  let replace = false;
  for (let i = 2; i < args.length; i++) {
    const name = optionName(args[i]!);
    const next = args[i + 1];
    if (name === "replace") {
      replace = true;
    } else if (name === "db" && next !== undefined) {
      const refused = refuseDatabase(next);
      if (refused !== null) return refused;
      i++;
    } else {
      return SYNTAX_ERROR;
    }
  }
  return keyArg(args, 0) === keyArg(args, 1) ? SAME_OBJECT : { replace };
}

/** There is database 0 and no other. */
function refuseDatabase(arg: Uint8Array): Failure | null {
  const database = parseInteger(arg);
  if (database === undefined) return NOT_AN_INTEGER;
  if (database < INT_MIN || database > INT_MAX) return outsideRange(`${INT_MIN}`, `${INT_MAX}`);
  return database === 0 ? null : NO_SUCH_DATABASE;
}

function ranges(records: RecordReader, args: Args, context: ShardContext): readonly RangeRequest[] {
  const options = parseOptions(args);
  if (options instanceof Failure) return NOTHING_TO_LOAD;
  const header = findKey(records, context, keyArg(args, 0));
  if (header === undefined || !isCollection(header) || elementCount(header) > MOST_ELEMENTS)
    return NOTHING_TO_LOAD;
  if (!options.replace && findKey(records, context, keyArg(args, 1)) !== undefined) return NOTHING_TO_LOAD;
  return [wholeCollection(header)];
}

function copy(records: RecordWriter, args: Args, context: ShardContext): Reply {
  const options = parseOptions(args);
  if (options instanceof Failure) return options;
  const header = findKeyToWrite(records, context, keyArg(args, 0));
  if (header === undefined) return 0;
  const to = keyArg(args, 1);
  const old = findKeyToWrite(records, context, to);
  if (old !== undefined && !options.replace) return 0;
  if (!isCollection(header)) {
    storeKey(records, context, to, old, withExpiry(header, context.version, expireAt(header)));
    return 1;
  }
  if (elementCount(header) > MOST_ELEMENTS) return COLLECTION_TOO_LARGE;
  const space = newElementSpace(context.version);
  for (const { id, value } of context.loaded[0]?.entries ?? []) records.put(space, id, value);
  storeKey(records, context, to, old, withNewCollectionId(header, context.version));
  return 1;
}

export const copyCommands: readonly CommandSpec[] = [
  writeCommand({
    name: "copy",
    arity: -3,
    keys: firstTwoKeys,
    validate: (args) => failureOrNull(parseOptions(args)),
    ranges,
    run: copy,
  }),
];
