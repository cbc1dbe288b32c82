/**
 * How a node's one store is divided. Integers are big endian, so that keys sort as they are written here.
 *
 *     00 "format"                            -> u32 format version
 *     00 "purge" group:u32                   -> (empty)   a destroyed group whose records are not all deleted yet
 *     01 group:u32 01                        -> generations: which one is current, which one comes next
 *     01 group:u32 02                        -> applied: the index and the host's meta bytes that the records reflect
 *     01 group:u32 03                        -> import: how far a snapshot has been received, and into which generation
 *     01 group:u32 04 generation:u32         -> (empty)   a generation whose records are not all deleted yet
 *     01 group:u32 05 generation:u32 space   -> (empty)   a dropped space whose records are not all deleted yet
 *     02 group:u32 generation:u32 length:u8 space id -> the record's value
 *
 * A generation is one incarnation of a group's records: a snapshot is received into a new one, which then becomes the
 * current one in a single write. Within a group, a generation and a space, ids are in byte order.
 */
import { invariant } from "../../core/assert.ts";
import { binaryBytes, binaryString, CodecError } from "../../core/bytes.ts";
import { Slabs } from "../../core/slabs.ts";
import type { GroupId } from "../../core/ids.ts";

const NODE = 0;
const CONTROL = 1;
const RECORDS = 2;

const GENERATIONS = 1;
const APPLIED = 2;
const IMPORT = 3;
const OLD_GENERATION = 4;
const DROPPED_SPACE = 5;

const PURGE = "purge";

/** Where a record's key goes on after its generation's prefix. */
export const RECORD_PREFIX_LENGTH = 9;

export interface KeyRange {
  /** Inclusive. */
  readonly from: Uint8Array;
  /** Exclusive. */
  readonly to: Uint8Array;
}

/** The smallest key that does not start with `prefix`. Prefixes here never consist of 0xff alone: they start with a table. */
function afterPrefix(prefix: Uint8Array): Uint8Array {
  let length = prefix.length;
  while (prefix[length - 1] === 0xff) length--;
  const out = prefix.slice(0, length);
  out[length - 1]! += 1;
  return out;
}

function withPrefix(prefix: Uint8Array): KeyRange {
  return { from: prefix, to: afterPrefix(prefix) };
}

function setU32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

function getU32(bytes: Uint8Array, offset: number): number {
  return (
    bytes[offset]! * 0x1000000 + ((bytes[offset + 1]! << 16) | (bytes[offset + 2]! << 8) | bytes[offset + 3]!)
  );
}

function setBinary(bytes: Uint8Array, offset: number, text: string): void {
  for (let i = 0; i < text.length; i++) bytes[offset + i] = text.charCodeAt(i);
}

/** Everything but the records: what a node reads when it starts. */
export const CONTROL_RANGE: KeyRange = { from: Uint8Array.of(NODE), to: Uint8Array.of(RECORDS) };

export const FORMAT_KEY: Uint8Array = Uint8Array.of(NODE, ...binaryBytes("format"));

export function purgeGroupKey(group: GroupId): Uint8Array {
  const key = new Uint8Array(1 + PURGE.length + 4);
  key[0] = NODE;
  setBinary(key, 1, PURGE);
  setU32(key, 1 + PURGE.length, group);
  return key;
}

function controlKey(group: GroupId, kind: number, extra: number): Uint8Array {
  const key = new Uint8Array(6 + extra);
  key[0] = CONTROL;
  setU32(key, 1, group);
  key[5] = kind;
  return key;
}

export const generationsKey = (group: GroupId): Uint8Array => controlKey(group, GENERATIONS, 0);
export const appliedKey = (group: GroupId): Uint8Array => controlKey(group, APPLIED, 0);
export const importKey = (group: GroupId): Uint8Array => controlKey(group, IMPORT, 0);

export function oldGenerationKey(group: GroupId, generation: number): Uint8Array {
  const key = controlKey(group, OLD_GENERATION, 4);
  setU32(key, 6, generation);
  return key;
}

export function droppedSpaceKey(group: GroupId, generation: number, space: string): Uint8Array {
  const key = controlKey(group, DROPPED_SPACE, 4 + space.length);
  setU32(key, 6, generation);
  setBinary(key, 10, space);
  return key;
}

/** The purge list of one generation. */
export function droppedSpacesRange(group: GroupId, generation: number): KeyRange {
  return withPrefix(droppedSpaceKey(group, generation, ""));
}

export function controlRange(group: GroupId): KeyRange {
  return withPrefix(controlKey(group, 0, 0).subarray(0, 5));
}

/** What all records of one generation start with. */
export function recordPrefix(group: GroupId, generation: number): Uint8Array {
  const key = new Uint8Array(9);
  key[0] = RECORDS;
  setU32(key, 1, group);
  setU32(key, 5, generation);
  return key;
}

export function generationRange(group: GroupId, generation: number): KeyRange {
  return withPrefix(recordPrefix(group, generation));
}

export function groupRecordsRange(group: GroupId): KeyRange {
  return withPrefix(recordPrefix(group, 0).subarray(0, 5));
}

const recordKeyLength = (space: string, id: string): number => 10 + space.length + id.length;

/** `prefix` is the generation's `recordPrefix`. */
export function recordKey(prefix: Uint8Array, space: string, id: string): Uint8Array {
  const key = new Uint8Array(recordKeyLength(space, id));
  writeRecordKey(key, prefix, space, id);
  return key;
}

function writeRecordKey(key: Uint8Array, prefix: Uint8Array, space: string, id: string): void {
  invariant(space.length < 256, "a space's name is shorter than 256 bytes");
  // Byte by byte, as `set` costs more than nine of them.
  for (let i = 0; i < RECORD_PREFIX_LENGTH; i++) key[i] = prefix[i]!;
  key[9] = space.length;
  setBinary(key, 10, space);
  setBinary(key, 10 + space.length, id);
}

const KEY_BLOCK_BYTES = 64 * 1024;

/**
 * Makes the keys of many records side by side in blocks. V8 keeps a small array of its own on its heap, and moves it to a
 * memory of its own when native code asks for it: that costs more than the look-up of a key.
 */
export class RecordKeys {
  readonly #slabs = new Slabs(KEY_BLOCK_BYTES);

  make(prefix: Uint8Array, space: string, id: string): Uint8Array {
    const key = this.#slabs.take(recordKeyLength(space, id));
    writeRecordKey(key, prefix, space, id);
    return key;
  }
}

/** The same for a key that is used up before the next one is made: a look-up. */
export class LookupKey {
  readonly #bytes = new Uint8Array(KEY_BLOCK_BYTES / 16);
  /** By length: also a view costs more than filling it in. */
  readonly #views: Uint8Array[] = [];

  /** Valid until the next call. */
  make(prefix: Uint8Array, space: string, id: string): Uint8Array {
    const length = recordKeyLength(space, id);
    if (length > this.#bytes.length) return recordKey(prefix, space, id);
    const key = (this.#views[length] ??= this.#bytes.subarray(0, length));
    writeRecordKey(key, prefix, space, id);
    return key;
  }
}

export function spaceRange(prefix: Uint8Array, space: string): KeyRange {
  return withPrefix(recordKey(prefix, space, ""));
}

/** The key that comes next after `key`. */
export function successor(key: Uint8Array): Uint8Array {
  const out = new Uint8Array(key.length + 1);
  out.set(key);
  return out;
}

export function spaceOf(key: Uint8Array): string {
  return binaryString(key.subarray(10, 10 + key[9]!));
}

export function idOf(key: Uint8Array): string {
  return binaryString(key.subarray(10 + key[9]!));
}

export type ControlEntry =
  | { readonly kind: "format" }
  | { readonly kind: "purge-group"; readonly group: number }
  | { readonly kind: "generations" | "applied" | "import"; readonly group: number }
  | { readonly kind: "old-generation"; readonly group: number; readonly generation: number }
  | {
      readonly kind: "dropped-space";
      readonly group: number;
      readonly generation: number;
      readonly space: string;
    };

/** What a key of the control range stands for. Throws `CodecError` when it is none that this version knows. */
export function parseControlKey(key: Uint8Array): ControlEntry {
  if (key[0] === NODE) {
    const name = binaryString(key.subarray(1));
    if (name === "format") return { kind: "format" };
    if (name.startsWith(PURGE) && key.length === 1 + PURGE.length + 4) {
      return { kind: "purge-group", group: getU32(key, 1 + PURGE.length) };
    }
  } else if (key[0] === CONTROL && key.length >= 6) {
    const group = getU32(key, 1);
    const kind = key[5];
    if (key.length === 6) {
      if (kind === GENERATIONS) return { kind: "generations", group };
      if (kind === APPLIED) return { kind: "applied", group };
      if (kind === IMPORT) return { kind: "import", group };
    } else if (key.length >= 10) {
      const generation = getU32(key, 6);
      if (kind === OLD_GENERATION && key.length === 10) return { kind: "old-generation", group, generation };
      if (kind === DROPPED_SPACE) {
        return { kind: "dropped-space", group, generation, space: binaryString(key.subarray(10)) };
      }
    }
  }
  throw new CodecError(
    `unknown control key ${[...key].map((b) => b.toString(16).padStart(2, "0")).join("")}`,
  );
}
