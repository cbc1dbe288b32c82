/**
 * Where an item is: key, kind and part, as one binary string. The items of a key are neighbours, and so are those of one
 * kind below it, so that a whole set or hash is one range.
 *
 * ```
 * address = key length (LEB128) | key | kind u8 | part          part: the member, the field; nothing for a string
 * ```
 */
import { ByteWriter, CodecError, binaryBytes, binaryString } from "../../core/bytes.ts";

/** A key's own value: a register and a counter. */
export const STRING = 1;
/** A member of a set. */
export const MEMBER = 2;
/** A field of a hash: a register and a counter. */
export const FIELD = 3;

export const KINDS = [STRING, MEMBER, FIELD] as const;
export type Kind = (typeof KINDS)[number];

export interface Address {
  readonly key: string;
  readonly kind: Kind;
  readonly part: string;
}

/** From `from` up to but not including `to`; null: to the end of the space. */
export interface Span {
  readonly from: string;
  readonly to: string | null;
}

const writer = new ByteWriter();

export function addressOf(key: string, kind: Kind, part = ""): string {
  return prefixOf(key) + MARKS[kind]! + part;
}

/** What stands between key and part. */
const MARKS = ["", ...KINDS.map((kind) => String.fromCharCode(kind))];

function prefixOf(key: string): string {
  if (key.length < 0x80) return String.fromCharCode(key.length) + key;
  writer.varint(key.length);
  return binaryString(writer.finish()) + key;
}

/** Where all items of the key are. */
export function spanOfKey(key: string): Span {
  const prefix = prefixOf(key);
  return { from: prefix, to: `${prefix}\xff` };
}

/** Where the items of this kind under the key are. */
export function spanOfKind(key: string, kind: Kind): Span {
  const prefix = prefixOf(key);
  return { from: prefix + String.fromCharCode(kind), to: prefix + String.fromCharCode(kind + 1) };
}

/** Throws `CodecError` for anything that `addressOf` does not make. */
export function splitAddress(address: string): Address {
  const at = keyStart(address);
  const end = keyEnd(address, at);
  return { key: address.slice(at, end), kind: kindAt(address, end), part: address.slice(end + 1) };
}

/** Throws `CodecError` for anything that `addressOf` does not make. */
export function kindOf(address: string): Kind {
  return kindAt(address, keyEnd(address, keyStart(address)));
}

function keyStart(address: string): number {
  let at = 0;
  while (address.charCodeAt(at) >= 0x80) at++;
  if (at > 4 || (at > 0 && address.charCodeAt(at) === 0)) throw new CodecError("no address has such a key");
  return at + 1;
}

function keyEnd(address: string, start: number): number {
  let length = 0;
  for (let at = start - 1; at >= 0; at--) length = length * 0x80 + (address.charCodeAt(at) & 0x7f);
  return start + length;
}

function kindAt(address: string, at: number): Kind {
  const kind = address.charCodeAt(at);
  if (!isKind(kind) || (kind === STRING && address.length > at + 1))
    throw new CodecError("not the address of an item");
  return kind;
}

const isKind = (value: number): value is Kind => value === STRING || value === MEMBER || value === FIELD;

export const addressBytes = binaryBytes;
