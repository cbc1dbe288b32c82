/**
 * Keys: finding, storing and removing them, with the expiry index and the counts that go with it. Every command goes
 * through here, so that the invariants of RECORDS.md are kept in one place.
 */
import type { RecordReader, RecordWriter } from "../core/records.ts";
import {
  bodyOffset,
  elementSpace,
  expireAt,
  expiryId,
  headerType,
  headerVersion,
  isCollection,
  isDue,
  isPlainString,
  newCollectionHeader,
  newElementSpace,
  newHeader,
  STRING,
  withCount,
  type CollectionType,
  type Header,
} from "./header.ts";
import type { ShardContext } from "./shard-state.ts";

/** The header of a key that exists at the context's time. */
export function findKey(records: RecordReader, context: ShardContext, key: string): Header | undefined {
  const header = records.get(context.shard.keySpace, key);
  return header === undefined || isDue(header, context.time) ? undefined : header;
}

/** The same for a command that writes: a key that is due is really removed first. */
export function findKeyToWrite(
  records: RecordWriter,
  context: ShardContext,
  key: string,
): Header | undefined {
  const header = records.get(context.shard.keySpace, key);
  if (header === undefined || !isDue(header, context.time)) return header;
  removeKey(records, context, key, header);
  return undefined;
}

/** Stands for any string without an expiry, where nobody asks for its value or version. */
const SOME_STRING: Header = newHeader(STRING, 0, 0, 0);

/**
 * The same for a command that replaces or removes the key, whatever its value is: that is not read if it is a string
 * without an expiry, and `SOME_STRING` is given in its place.
 */
export function findKeyToReplace(
  records: RecordWriter,
  context: ShardContext,
  key: string,
): Header | undefined {
  const first = records.firstByte(context.shard.keySpace, key);
  if (isPlainString(first)) return SOME_STRING;
  return first < 0 ? undefined : findKeyToWrite(records, context, key);
}

/**
 * The version of a key for WATCH: another one after every change of the key, also after it came and went. Even while the
 * key exists. It may change for no reason while the key does not exist.
 */
export function keyVersion(records: RecordReader, context: ShardContext, key: string): number {
  const header = records.get(context.shard.keySpace, key);
  if (header === undefined) return 2 * context.shard.lastRemoval(key) + 1;
  return 2 * headerVersion(header) + (isDue(header, context.time) ? 1 : 0);
}

/** Removes the key with all that belongs to it, in constant time. */
export function removeKey(records: RecordWriter, context: ShardContext, key: string, header: Header): void {
  if (isCollection(header)) records.drop(elementSpace(header));
  forgetKey(records, context, key, header);
}

/** Removes the key but leaves the space of its elements: it is empty already, or now belongs to another key. */
export function forgetKey(records: RecordWriter, context: ShardContext, key: string, header: Header): void {
  const { shard } = context;
  const expiry = expireAt(header);
  if (expiry !== 0) records.delete(shard.expirySpace, expiryId(expiry, key));
  if (isCollection(header)) shard.collections--;
  shard.keys--;
  shard.noteRemoval(key);
  shard.history.noteRemoval(key, isDue(header, context.time) ? "expire" : "delete");
  records.delete(shard.keySpace, key);
}

/** Stores a header in the place of `old`: whatever `old` was is removed, unless both are the same collection. */
export function storeKey(
  records: RecordWriter,
  context: ShardContext,
  key: string,
  old: Header | undefined,
  header: Header,
): void {
  const { shard } = context;
  const newExpiry = expireAt(header);
  const oldExpiry = old === undefined ? 0 : expireAt(old);
  if (newExpiry !== oldExpiry) {
    if (oldExpiry !== 0) records.delete(shard.expirySpace, expiryId(oldExpiry, key));
    if (newExpiry !== 0) {
      records.put(shard.expirySpace, expiryId(newExpiry, key), EMPTY);
      context.noteExpiry(newExpiry);
    }
  }
  if (old === undefined) shard.keys++;
  else if (isCollection(old)) {
    shard.collections--;
    if (!isCollection(header) || elementSpace(header) !== elementSpace(old)) records.drop(elementSpace(old));
  }
  if (isCollection(header)) shard.collections++;
  shard.history.noteSet(key, header);
  records.put(shard.keySpace, key, header);
}

/** Stores a string. With an expiry that has passed already, the key is gone instead. */
export function storeString(
  records: RecordWriter,
  context: ShardContext,
  key: string,
  old: Header | undefined,
  value: Uint8Array,
  expiry: number,
): void {
  if (expiry !== 0 && expiry <= context.time) {
    if (old !== undefined) removeKey(records, context, key, old);
    return;
  }
  const header = newHeader(STRING, context.version, expiry, value.length);
  header.set(value, bodyOffset(header));
  storeKey(records, context, key, old, header);
}

/** Stores a number or another short ASCII text as a string; the expiry stays what it was. */
export function storeText(
  records: RecordWriter,
  context: ShardContext,
  key: string,
  old: Header | undefined,
  text: string,
): void {
  const header = newHeader(STRING, context.version, old === undefined ? 0 : expireAt(old), text.length);
  const from = bodyOffset(header);
  for (let i = 0; i < text.length; i++) header[from + i] = text.charCodeAt(i);
  storeKey(records, context, key, old, header);
}

/** Where a command puts the elements of a collection that it may have to create. */
export function elementSpaceToWrite(context: ShardContext, old: Header | undefined): string {
  return old === undefined ? newElementSpace(context.version) : elementSpace(old);
}

/** Ends a change of a collection: it has `count` elements now. Without elements the key is gone, as in Redis. */
export function storeCollection(
  records: RecordWriter,
  context: ShardContext,
  key: string,
  old: Header | undefined,
  type: CollectionType,
  count: number,
): void {
  if (old === undefined) {
    if (count > 0)
      storeKey(records, context, key, undefined, newCollectionHeader(type, context.version, count));
  } else if (count === 0) {
    forgetKey(records, context, key, old);
  } else {
    const header = withCount(old, context.version, count);
    context.shard.history.noteSet(key, header);
    records.put(context.shard.keySpace, key, header);
  }
}

export function isString(header: Header): boolean {
  return headerType(header) === STRING;
}

/** The value of records whose id says everything. */
export const EMPTY = new Uint8Array(0);
