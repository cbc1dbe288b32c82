/**
 * Replies between nodes, in a compact binary form: a tag, then what it needs. Texts are sequences of UTF-16 code units as
 * varints, which is one byte a character for ASCII and loses nothing.
 */
import { invariant } from "./assert.ts";
import { CodecError, type ByteReader, type ByteWriter } from "./bytes.ts";
import { ERRORS, type ErrorCode } from "./errors.ts";
import {
  Double,
  Failure,
  MapReply,
  NULL_ARRAY,
  NullArray,
  OK,
  SetReply,
  Status,
  type Reply,
} from "./reply.ts";

/** Replies nest no deeper; a transaction's HRANDFIELD reaches three. */
const MAX_DEPTH = 16;

const TAG = {
  null: 0,
  true: 1,
  false: 2,
  /** varint */
  integer: 3,
  /** varint of its magnitude */
  negative: 4,
  /** 64 bits in two's complement */
  long: 5,
  bulk: 6,
  ok: 7,
  status: 8,
  failure: 9,
  double: 10,
  array: 11,
  set: 12,
  map: 13,
  nullArray: 14,
  /** A failure with its code. */
  coded: 15,
} as const;

/** Throws `InvariantError` for numbers that are no 64-bit integers, and beyond 16 levels. */
export function encodeReply(writer: ByteWriter, reply: Reply): void {
  encode(writer, reply, MAX_DEPTH);
}

function encode(writer: ByteWriter, reply: Reply, depth: number): void {
  if (reply instanceof Uint8Array) {
    writer.u8(TAG.bulk);
    writer.bytes(reply);
  } else if (typeof reply === "number") encodeInteger(writer, reply);
  else if (reply === null) writer.u8(TAG.null);
  else if (reply === OK) writer.u8(TAG.ok);
  else if (typeof reply === "bigint") encodeLong(writer, reply);
  else if (typeof reply === "boolean") writer.u8(reply ? TAG.true : TAG.false);
  else if (reply instanceof Status) encodeText(writer, TAG.status, reply.text);
  else if (reply instanceof Failure) encodeFailure(writer, reply);
  else if (reply instanceof Double) {
    writer.u8(TAG.double);
    writer.f64(reply.value);
  } else if (reply instanceof NullArray) writer.u8(TAG.nullArray);
  else if (reply instanceof MapReply) {
    encodeCount(writer, TAG.map, reply.pairs.length, depth);
    for (const [key, value] of reply.pairs) {
      encode(writer, key, depth - 1);
      encode(writer, value, depth - 1);
    }
  } else if (reply instanceof SetReply) encodeAll(writer, TAG.set, reply.members, depth);
  else encodeAll(writer, TAG.array, reply, depth);
}

function encodeFailure(writer: ByteWriter, { message, code }: Failure): void {
  if (code === null) {
    encodeText(writer, TAG.failure, message);
    return;
  }
  encodeText(writer, TAG.coded, code);
  encodeText(writer, TAG.failure, message);
}

function encodeInteger(writer: ByteWriter, value: number): void {
  invariant(Number.isSafeInteger(value), `${value} is not an integer reply`);
  writer.u8(value < 0 ? TAG.negative : TAG.integer);
  writer.varint(Math.abs(value));
}

function encodeLong(writer: ByteWriter, value: bigint): void {
  invariant(BigInt.asIntN(64, value) === value, `${value} does not fit in 64 bits`);
  const bits = BigInt.asUintN(64, value);
  writer.u8(TAG.long);
  writer.u32(Number(bits >> 32n));
  writer.u32(Number(bits & 0xffff_ffffn));
}

function encodeText(writer: ByteWriter, tag: number, text: string): void {
  writer.u8(tag);
  writer.varint(text.length);
  for (let i = 0; i < text.length; i++) writer.varint(text.charCodeAt(i));
}

function encodeCount(writer: ByteWriter, tag: number, count: number, depth: number): void {
  invariant(depth > 0, "a reply is nested too deeply");
  writer.u8(tag);
  writer.varint(count);
}

function encodeAll(writer: ByteWriter, tag: number, replies: readonly Reply[], depth: number): void {
  encodeCount(writer, tag, replies.length, depth);
  for (const reply of replies) encode(writer, reply, depth - 1);
}

/** Bulk strings are views of the reader's bytes. Throws `CodecError` on anything that `encodeReply` does not write. */
export function decodeReply(reader: ByteReader): Reply {
  return decode(reader, MAX_DEPTH);
}

function decode(reader: ByteReader, depth: number): Reply {
  const tag = reader.u8();
  switch (tag) {
    case TAG.null:
      return null;
    case TAG.true:
      return true;
    case TAG.false:
      return false;
    case TAG.integer:
      return reader.varint();
    case TAG.negative:
      return -reader.varint();
    case TAG.long:
      return BigInt.asIntN(64, (BigInt(reader.u32()) << 32n) | BigInt(reader.u32()));
    case TAG.bulk:
      return reader.bytes();
    case TAG.ok:
      return OK;
    case TAG.status:
      return new Status(decodeText(reader));
    case TAG.failure:
      return new Failure(decodeText(reader));
    case TAG.coded:
      return decodeCoded(reader);
    case TAG.double:
      return new Double(reader.f64());
    case TAG.array:
      return decodeAll(reader, depth);
    case TAG.set:
      return new SetReply(decodeAll(reader, depth));
    case TAG.map:
      return new MapReply(decodePairs(reader, depth));
    case TAG.nullArray:
      return NULL_ARRAY;
    default:
      throw new CodecError(`unknown reply tag ${tag} at offset ${reader.offset - 1}`);
  }
}

/** A code that this version does not know says nothing about the outcome. */
function decodeCoded(reader: ByteReader): Failure {
  const code = decodeText(reader);
  const tag = reader.u8();
  if (tag !== TAG.failure) throw new CodecError(`a code before reply tag ${tag}`);
  const message = decodeText(reader);
  return new Failure(message, Object.hasOwn(ERRORS, code) ? (code as ErrorCode) : "internal");
}

function decodeText(reader: ByteReader): string {
  let text = "";
  for (let left = decodeCount(reader); left > 0; left--) {
    const unit = reader.varint();
    if (unit > 0xffff) throw new CodecError(`${unit} is not a UTF-16 code unit`);
    text += String.fromCharCode(unit);
  }
  return text;
}

/** Everything counted takes at least one byte: a larger count is malformed, and is refused before it costs anything. */
function decodeCount(reader: ByteReader): number {
  const count = reader.varint();
  if (count > reader.remaining) throw new CodecError(`${count} items in ${reader.remaining} bytes`);
  return count;
}

function decodeAll(reader: ByteReader, depth: number): Reply[] {
  const count = decodeNested(reader, depth);
  const replies: Reply[] = [];
  for (let i = 0; i < count; i++) replies.push(decode(reader, depth - 1));
  return replies;
}

function decodePairs(reader: ByteReader, depth: number): (readonly [Reply, Reply])[] {
  const count = decodeNested(reader, depth);
  const pairs: (readonly [Reply, Reply])[] = [];
  for (let i = 0; i < count; i++) pairs.push([decode(reader, depth - 1), decode(reader, depth - 1)]);
  return pairs;
}

function decodeNested(reader: ByteReader, depth: number): number {
  if (depth <= 0) throw new CodecError(`reply nested more than ${MAX_DEPTH} levels deep`);
  return decodeCount(reader);
}
