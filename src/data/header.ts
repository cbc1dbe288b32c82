/**
 * The layout of a key's header record and the names of the spaces; RECORDS.md is the specification. Headers are read in
 * place: the functions take the record itself, so that a GET parses two bytes and copies nothing.
 */
import { binaryBytes } from "../core/bytes.ts";
import { allocate } from "./slab.ts";

export const STRING = 1;
export const HASH = 2;
export const SET = 3;
export type KeyType = typeof STRING | typeof HASH | typeof SET;
export type CollectionType = typeof HASH | typeof SET;

const TYPE_MASK = 0x0f;
const HAS_EXPIRY = 0x80;

const VERSION_OFFSET = 1;
const EXPIRY_OFFSET = 9;
const PLAIN_BODY = 9;
const EXPIRING_BODY = 17;

const TWO_32 = 0x1_0000_0000;

const TYPE_NAMES: Readonly<Record<number, string>> = { [STRING]: "string", [HASH]: "hash", [SET]: "set" };

/** A header record, as the store keeps it. Never changed in place. */
export type Header = Uint8Array;

export function headerType(header: Header): number {
  return header[0]! & TYPE_MASK;
}

/** By the first byte of a header: a string without an expiry, so that nothing else belongs to the key. */
export function isPlainString(firstByte: number): boolean {
  return firstByte === STRING;
}

/** As TYPE answers. */
export function typeName(header: Header): string {
  return TYPE_NAMES[headerType(header)] ?? "unknown";
}

export function isCollection(header: Header): boolean {
  return headerType(header) !== STRING;
}

export function headerVersion(header: Header): number {
  return readU64(header, VERSION_OFFSET);
}

/** Wall-clock milliseconds; 0 when the key does not expire. */
export function expireAt(header: Header): number {
  return hasExpiry(header) ? readU64(header, EXPIRY_OFFSET) : 0;
}

/** From its expiry time on, a key counts as absent. */
export function isDue(header: Header, time: number): boolean {
  return hasExpiry(header) && readU64(header, EXPIRY_OFFSET) <= time;
}

function hasExpiry(header: Header): boolean {
  return (header[0]! & HAS_EXPIRY) !== 0;
}

/** Where the value of a string, or the collection's id, begins. */
export function bodyOffset(header: Header): number {
  return hasExpiry(header) ? EXPIRING_BODY : PLAIN_BODY;
}

/** The value of a string: a view of the record. */
export function stringValue(header: Header): Uint8Array {
  const from = bodyOffset(header);
  return new Uint8Array(header.buffer, header.byteOffset + from, header.length - from);
}

/** How many elements the collection has. */
export function elementCount(header: Header): number {
  return readU64(header, bodyOffset(header) + 8);
}

/** The space of the collection's elements. */
export function elementSpace(header: Header): string {
  const at = bodyOffset(header);
  return `e${String.fromCharCode(
    header[at]!,
    header[at + 1]!,
    header[at + 2]!,
    header[at + 3]!,
    header[at + 4]!,
    header[at + 5]!,
    header[at + 6]!,
    header[at + 7]!,
  )}`;
}

/** A header with room for `bodyLength` bytes behind it, which the caller fills in from `bodyOffset` on. */
export function newHeader(type: KeyType, version: number, expiry: number, bodyLength: number): Header {
  const header = allocate((expiry === 0 ? PLAIN_BODY : EXPIRING_BODY) + bodyLength);
  header[0] = expiry === 0 ? type : type | HAS_EXPIRY;
  writeU64(header, VERSION_OFFSET, version);
  if (expiry !== 0) writeU64(header, EXPIRY_OFFSET, expiry);
  return header;
}

/** The header of a new collection, whose id is the version that creates it. */
export function newCollectionHeader(type: CollectionType, version: number, count: number): Header {
  const header = newHeader(type, version, 0, 16);
  writeU64(header, PLAIN_BODY, version);
  writeU64(header, PLAIN_BODY + 8, count);
  return header;
}

/** The same collection with another number of elements. */
export function withCount(header: Header, version: number, count: number): Header {
  const changed = copyOf(header);
  writeU64(changed, VERSION_OFFSET, version);
  writeU64(changed, bodyOffset(header) + 8, count);
  return changed;
}

/** The same key with another expiry; 0 for none. */
export function withExpiry(header: Header, version: number, expiry: number): Header {
  const from = bodyOffset(header);
  const changed = newHeader(headerType(header) as KeyType, version, expiry, header.length - from);
  changed.set(header.subarray(from), bodyOffset(changed));
  return changed;
}

/** The header of a copy of a collection, under an id of its own. */
export function withNewCollectionId(header: Header, version: number): Header {
  const changed = withExpiry(header, version, expireAt(header));
  writeU64(changed, bodyOffset(changed), version);
  return changed;
}

export function keySpaceOf(epoch: number): string {
  return `k${u32(epoch)}`;
}

/** Of any epoch. */
export function isKeySpace(space: string): boolean {
  return space.length === 5 && space.startsWith("k");
}

export function expirySpaceOf(epoch: number): string {
  return `x${u32(epoch)}`;
}

/** The space of the elements of the collection that the command with this version creates. */
export function newElementSpace(version: number): string {
  return `e${u64(version)}`;
}

/** Ids of the expiry space sort by time. */
export function expiryId(expiry: number, key: string): string {
  return u64(expiry) + key;
}

export function splitExpiryId(id: string): { readonly expiry: number; readonly key: string } {
  return { expiry: readU64(binaryBytes(id.slice(0, 8)), 0), key: id.slice(8) };
}

/** A copy that shares no memory; `slice` of a Node Buffer would. */
export function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = allocate(bytes.length);
  copy.set(bytes);
  return copy;
}

function u32(value: number): string {
  return String.fromCharCode(value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff);
}

/** Eight bytes as a binary string: sorts as the number does. */
export function u64(value: number): string {
  return u32(Math.floor(value / TWO_32)) + u32(value % TWO_32);
}

/** An integer below 2^53. */
function readU64(bytes: Uint8Array, at: number): number {
  return readU32(bytes, at) * TWO_32 + readU32(bytes, at + 4);
}

export function readU32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

function writeU64(bytes: Uint8Array, at: number, value: number): void {
  writeU32(bytes, at, Math.floor(value / TWO_32));
  writeU32(bytes, at + 4, value % TWO_32);
}

export function writeU32(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}
