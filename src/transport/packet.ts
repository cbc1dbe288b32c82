/**
 * What goes over a connection: in each direction the four bytes "KVRM", then packets.
 *
 *     u32 crc      of everything behind it (zlib's CRC-32): TCP's own checksum lets one error in some ten thousand through
 *     u32 length   of the body
 *     u8  kind
 *     body
 *
 * The body of a `frames` packet is a sequence of (u32 length, frame): one packet carries what one turn had for a peer.
 * Integers are big endian.
 */
import { crc32 } from "node:zlib";
import { CodecError } from "../core/bytes.ts";

export const PREFACE = Uint8Array.of(0x4b, 0x56, 0x52, 0x4d);
export const HEADER_BYTES = 9;
/** Each frame has its length before it. */
export const FRAME_HEADER_BYTES = 4;

export const KIND = {
  /** Dialler: who I am, whom I want. */
  hello: 1,
  /** Acceptor: who I am; frames may follow. */
  welcome: 2,
  /** Acceptor: why I will not talk to you. It then closes. */
  refused: 3,
  frames: 4,
  /** Nothing to say, but alive. */
  ping: 5,
  /** A question on a connection of its own, from somebody who may have no identity. */
  call: 6,
  answer: 7,
} as const;

/** Writes a header whose checksum is that of `HEADER_BYTES - 4` bytes in `target` itself, then of `rest`. */
export function writeHeader(
  target: Uint8Array,
  at: number,
  kind: number,
  bodyInTarget: number,
  rest?: Uint8Array,
): void {
  writeU32(target, at + 4, bodyInTarget + (rest?.length ?? 0));
  target[at + 8] = kind;
  let crc = crc32(target.subarray(at + 4, at + HEADER_BYTES + bodyInTarget));
  if (rest !== undefined) crc = crc32(rest, crc);
  writeU32(target, at, crc);
}

export function encodePacket(kind: number, body: Uint8Array): Uint8Array {
  const out = new Uint8Array(HEADER_BYTES + body.length);
  out.set(body, HEADER_BYTES);
  writeHeader(out, 0, kind, body.length);
  return out;
}

/** The first packet of a connection, with the preface before it. */
export function encodeFirstPacket(kind: number, body: Uint8Array): Uint8Array {
  const packet = encodePacket(kind, body);
  const out = new Uint8Array(PREFACE.length + packet.length);
  out.set(PREFACE);
  out.set(packet, PREFACE.length);
  return out;
}

/** The frames of a `frames` packet, as views of it, appended to `into`. */
export function splitFrames(body: Uint8Array, into: Uint8Array[]): void {
  let at = 0;
  while (at < body.length) {
    if (body.length - at < FRAME_HEADER_BYTES) throw new CodecError("a frame's length is cut off");
    const length = readU32(body, at);
    at += FRAME_HEADER_BYTES;
    if (length > body.length - at) throw new CodecError("a frame is longer than its packet");
    into.push(body.subarray(at, at + length));
    at += length;
  }
}

export function writeU32(target: Uint8Array, at: number, value: number): void {
  target[at] = value >>> 24;
  target[at + 1] = value >>> 16;
  target[at + 2] = value >>> 8;
  target[at + 3] = value;
}

export function readU32(source: Uint8Array, at: number): number {
  return ((source[at]! << 24) | (source[at + 1]! << 16) | (source[at + 2]! << 8) | source[at + 3]!) >>> 0;
}
