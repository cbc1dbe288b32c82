/**
 * Collections as a whole: what has to be loaded to read one, and how far that goes. Reading a whole collection is bounded;
 * beyond the bound a client pages through it with SSCAN or HSCAN.
 */
import type { LoadedRange, RangeRequest, RecordReader } from "../core/records.ts";
import { Failure } from "../core/reply.ts";
import { COLLECTION_TOO_LARGE, WRONG_TYPE } from "./failures.ts";
import { elementCount, elementSpace, headerType, type CollectionType, type Header } from "./header.ts";
import { findKey } from "./keys.ts";
import type { ShardContext } from "./shard-state.ts";

/** No command reads more elements than this at once. */
export const MOST_ELEMENTS = 1_000_000;

export const NOTHING_TO_LOAD: readonly RangeRequest[] = [];

/** The header of a collection of this type; a failure when the key holds another type. */
export function findCollection(
  records: RecordReader,
  context: ShardContext,
  key: string,
  type: CollectionType,
): Header | undefined | Failure {
  const header = findKey(records, context, key);
  return header === undefined || headerType(header) === type ? header : WRONG_TYPE;
}

export function wholeCollection(header: Header): RangeRequest {
  return { space: elementSpace(header), from: "", limit: elementCount(header) };
}

/** `ranges` of a command that reads the whole collection under `key`. */
export function loadWhole(
  records: RecordReader,
  context: ShardContext,
  key: string,
  type: CollectionType,
): readonly RangeRequest[] {
  const header = findCollection(records, context, key, type);
  if (header === undefined || header instanceof Failure || elementCount(header) > MOST_ELEMENTS)
    return NOTHING_TO_LOAD;
  return [wholeCollection(header)];
}

type Entries = LoadedRange["entries"];

const NO_ENTRIES: Entries = [];

/** The elements that `loadWhole` asked for; none when the key does not exist. */
export function wholeEntries(
  records: RecordReader,
  context: ShardContext,
  key: string,
  type: CollectionType,
): Entries | Failure {
  const header = findCollection(records, context, key, type);
  if (header instanceof Failure) return header;
  if (header === undefined) return NO_ENTRIES;
  if (elementCount(header) > MOST_ELEMENTS) return COLLECTION_TOO_LARGE;
  return context.loaded[0]?.entries ?? NO_ENTRIES;
}
