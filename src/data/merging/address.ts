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
  return `${prefixOf(key)}${String.fromCharCode(kind)}${part}`;
}

function prefixOf(key: string): string {
  writer.binary(key);
  return binaryString(writer.finish());
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
  let length = 0;
  let at = 0;
  for (let scale = 1; ; scale *= 0x80) {
    const byte = address.charCodeAt(at++);
    length += (byte & 0x7f) * scale;
    if (byte < 0x80) break;
    if (!(byte >= 0x80) || at > 5) throw new CodecError("no address has such a key");
  }
  const key = address.slice(at, at + length);
  const kind = address.charCodeAt(at + length);
  const part = address.slice(at + length + 1);
  if (!isKind(kind) || (kind === STRING && part !== "") || addressOf(key, kind, part) !== address)
    throw new CodecError("not the address of an item");
  return { key, kind, part };
}

const isKind = (value: number): value is Kind => (KINDS as readonly number[]).includes(value);

export const addressBytes = binaryBytes;
