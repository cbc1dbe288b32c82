/** Walking through all keys of a keyspace, or all elements of one key, page by page. */
import { binaryBytes, binaryString } from "../../core/bytes.ts";
import { KvorumError } from "../../core/errors.ts";
import type { ShardInfo } from "../../node/api.ts";
import type { Caller } from "../calls/caller.ts";
import { word } from "../calls/operation.ts";
import type { ReadOptions } from "../calls/options.ts";
import { arrayOf, bytesOf, bytesOrNull } from "../calls/replies.ts";
import type { StoredType } from "./keyspace.ts";
import type { Names } from "./names.ts";

export type ScanOptions = ReadOptions & {
  /** Only keys that begin with it. */
  readonly prefix?: string;
  /** About as many are fetched at a time. Default 500, at most 10 000. */
  readonly pageSize?: number;
};

export type PageOptions = ScanOptions & {
  /** Where the page before ended. Only good with the same keyspace and prefix. */
  readonly cursor?: string | undefined;
};

export interface KeyPage {
  /** Possibly none, though there are more. */
  readonly keys: readonly string[];
  /** Where the next page begins; undefined: this was the last one. */
  readonly cursor: string | undefined;
}

export const PAGE_SIZE = 500;
const LARGEST_PAGE = 10_000;

/** One step in one shard. */
export async function readPage(
  caller: Caller,
  names: Names,
  type: StoredType,
  shards: readonly ShardInfo[],
  { prefix = "", pageSize, cursor, ...options }: PageOptions,
): Promise<KeyPage> {
  const start = names.inside(prefix);
  const { index, from } = cursor === undefined ? { index: 0, from: start } : parseCursor(cursor);
  const shard = shards[index];
  if (shard === undefined) throw badCursor();
  const args = [from, pageSizeArg(pageSize), new Uint8Array(0), word(type)];
  const target = { kind: "group", group: shard.group } as const;
  const reply = await caller.read(target, { kind: "command", name: ".scan", args }, options);
  const [next, found] = arrayOf(reply);
  const keys = arrayOf(found!)
    .map(bytesOf)
    .filter((key) => startsWith(key, start));
  return { keys: keys.map((key) => names.outside(key)), cursor: cursorAfter(bytesOrNull(next!)) };

  function cursorAfter(position: Uint8Array | null): string | undefined {
    // Keys come in byte order: beyond the prefix there is none with it.
    if (position !== null && startsWith(position, start)) return `${index}.${btoa(binaryString(position))}`;
    return index + 1 < shards.length ? `${index + 1}.${btoa(binaryString(start))}` : undefined;
  }
}

export function pageSizeArg(pageSize = PAGE_SIZE): Uint8Array {
  if (Number.isInteger(pageSize) && pageSize > 0 && pageSize <= LARGEST_PAGE) return word(pageSize);
  throw new KvorumError("bad-request", `pageSize is a whole number from 1 to ${LARGEST_PAGE}.`);
}

/** Everything from the first page to the last. */
export async function* scanned(
  read: (cursor: string | undefined) => Promise<KeyPage>,
): AsyncGenerator<string, void, undefined> {
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    yield* page.keys;
    ({ cursor } = page);
  } while (cursor !== undefined);
}

const badCursor = (): KvorumError => new KvorumError("bad-request", "This is no cursor of this keyspace.");

function parseCursor(cursor: string): { readonly index: number; readonly from: Uint8Array } {
  const [, index, position] = /^(\d{1,5})\.([A-Za-z0-9+/]*={0,2})$/.exec(cursor) ?? [];
  if (index === undefined || position === undefined || position.length % 4 !== 0) throw badCursor();
  return { index: Number(index), from: binaryBytes(atob(position)) };
}

export function startsWith(bytes: Uint8Array, prefix: Uint8Array): boolean {
  return bytes.length >= prefix.length && prefix.every((byte, i) => bytes[i] === byte);
}
