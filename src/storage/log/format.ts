/**
 * How the log's bytes look; FORMAT.md draws it. Numbers are big-endian, as everywhere in Kvorum.
 *
 * A segment starts with a header in a sector of its own. Then come batches, each aligned to 8 bytes: a header that says
 * for itself where it belongs (segment, offset) and how many batches went before it (sequence), and the records. All
 * checksums are seeded with the data directory's instance, so that no other bytes pass: neither those of another
 * directory, nor what an earlier file left behind, nor a batch that the disk wrote to the wrong place.
 */
import { crc32 } from "node:zlib";
import { groupId } from "../../core/ids.ts";
import type { GroupId } from "../../core/ids.ts";

export const FORMAT_VERSION = 1;

/** A sector of its own, so that no later write touches it. */
export const SEGMENT_HEADER_BYTES = 512;
export const BATCH_HEADER_BYTES = 40;
const RECORD_HEADER_BYTES = 9;
const ALIGNMENT = 8;

const SEGMENT_MAGIC = "KVORUMWL";
const BATCH_MAGIC = Buffer.from("KVBT", "latin1");
const INSTANCE_BYTES = 16;
const SEGMENT_CRC_OFFSET = 36;
const BATCH_CRC_OFFSET = 36;
const CHECKPOINT_FLAG = 1;

/** Payloads above this size are handed to the disk as they are, smaller ones are copied together. */
const COPY_LIMIT = 4096;

export interface LogRecord {
  readonly group: GroupId;
  /**
   * The first record of a full description of its group: everything the log has of the group before it is superseded.
   * The whole description belongs into one append.
   */
  readonly checkpoint: boolean;
  readonly bytes: Uint8Array;
}

/** What all checksums of a log start from. `instance`: 32 hex digits, the identity of the data directory. */
export const checksumSeed = (instance: string): number => crc32(instance);

const align = (bytes: number): number => Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;

// --- Segments ---

export const segmentName = (number: number): string => `${String(number).padStart(6, "0")}.log`;

/** Null for a name that is not a segment's. */
export function segmentNumber(name: string): number | null {
  const match = /^(\d{6,})\.log$/.exec(name);
  if (match === null) return null;
  const number = Number(match[1]);
  return segmentName(number) === name ? number : null;
}

export function encodeSegmentHeader(number: number, instance: string): Uint8Array {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  header.write(SEGMENT_MAGIC, 0, "latin1");
  header.writeUInt32BE(FORMAT_VERSION, 8);
  header.writeDoubleBE(number, 12);
  header.write(instance, 20, INSTANCE_BYTES, "hex");
  header.writeUInt32BE(crc32(header.subarray(0, SEGMENT_CRC_OFFSET)), SEGMENT_CRC_OFFSET);
  return header;
}

export type SegmentHeader =
  | { readonly type: "valid"; readonly number: number; readonly instance: string }
  | { readonly type: "newer"; readonly version: number }
  | { readonly type: "damaged" };

export function decodeSegmentHeader(segment: Uint8Array): SegmentHeader {
  if (segment.length < SEGMENT_HEADER_BYTES) return { type: "damaged" };
  const header = Buffer.from(segment.buffer, segment.byteOffset, SEGMENT_HEADER_BYTES);
  if (header.toString("latin1", 0, 8) !== SEGMENT_MAGIC) return { type: "damaged" };
  const version = header.readUInt32BE(8);
  // Said before the checksum is looked at: a newer format may have it elsewhere.
  if (version > FORMAT_VERSION) return { type: "newer", version };
  if (crc32(header.subarray(0, SEGMENT_CRC_OFFSET)) !== header.readUInt32BE(SEGMENT_CRC_OFFSET)) {
    return { type: "damaged" };
  }
  return {
    type: "valid",
    number: header.readDoubleBE(12),
    instance: header.toString("hex", 20, 20 + INSTANCE_BYTES),
  };
}

// --- Batches ---

/** Where a batch belongs. */
export interface BatchPlace {
  readonly segment: number;
  readonly offset: number;
  /** Numbers the batches of a log without gaps. */
  readonly sequence: number;
}

/** Bytes that a batch takes in its segment, with the padding after it. */
export function batchBytes(records: readonly LogRecord[]): number {
  return align(BATCH_HEADER_BYTES + payloadBytes(records));
}

function payloadBytes(records: readonly LogRecord[]): number {
  let bytes = records.length * RECORD_HEADER_BYTES;
  for (const record of records) bytes += record.bytes.length;
  return bytes;
}

/** The batch in pieces for one write. Large payloads are referred to, not copied. */
export function encodeBatch(seed: number, place: BatchPlace, records: readonly LogRecord[]): Uint8Array[] {
  const payload = payloadBytes(records);
  const padding = align(BATCH_HEADER_BYTES + payload) - BATCH_HEADER_BYTES - payload;
  let copied = BATCH_HEADER_BYTES + padding + records.length * RECORD_HEADER_BYTES;
  for (const { bytes } of records) if (bytes.length <= COPY_LIMIT) copied += bytes.length;

  const buffer = Buffer.allocUnsafe(copied);
  const pieces: Uint8Array[] = [];
  let checksum = seed;
  let offset = BATCH_HEADER_BYTES;
  /** What has been copied, and is not yet in `pieces`, starts here; the first piece starts with the batch's header. */
  let start = 0;
  const addCopied = (end: number): void => {
    const from = start === 0 ? BATCH_HEADER_BYTES : start;
    checksum = crc32(buffer.subarray(from, offset), checksum);
    if (end > start) pieces.push(buffer.subarray(start, end));
    start = end;
  };
  for (const { group, checkpoint, bytes } of records) {
    buffer.writeUInt32BE(group, offset);
    buffer.writeUInt8(checkpoint ? CHECKPOINT_FLAG : 0, offset + 4);
    buffer.writeUInt32BE(bytes.length, offset + 5);
    offset += RECORD_HEADER_BYTES;
    if (bytes.length <= COPY_LIMIT) {
      buffer.set(bytes, offset);
      offset += bytes.length;
    } else {
      addCopied(offset);
      pieces.push(bytes);
      checksum = crc32(bytes, checksum);
    }
  }
  buffer.fill(0, offset);
  addCopied(buffer.length);

  buffer.set(BATCH_MAGIC, 0);
  buffer.writeUInt32BE(payload, 4);
  buffer.writeDoubleBE(place.sequence, 8);
  buffer.writeDoubleBE(place.segment, 16);
  buffer.writeUInt32BE(place.offset, 24);
  buffer.writeUInt32BE(records.length, 28);
  buffer.writeUInt32BE(checksum, 32);
  buffer.writeUInt32BE(crc32(buffer.subarray(0, BATCH_CRC_OFFSET), seed), BATCH_CRC_OFFSET);
  return pieces;
}

export interface BatchHeader extends BatchPlace {
  readonly payload: number;
  readonly records: number;
  readonly checksum: number;
}

/** The header at `offset` when it is intact, wherever it says it belongs. */
export function intactHeader(bytes: Uint8Array, offset: number, seed: number): BatchHeader | null {
  if (offset + BATCH_HEADER_BYTES > bytes.length) return null;
  const header = Buffer.from(bytes.buffer, bytes.byteOffset + offset, BATCH_HEADER_BYTES);
  if (header.compare(BATCH_MAGIC, 0, BATCH_MAGIC.length, 0, BATCH_MAGIC.length) !== 0) return null;
  if (crc32(header.subarray(0, BATCH_CRC_OFFSET), seed) !== header.readUInt32BE(BATCH_CRC_OFFSET))
    return null;
  return {
    payload: header.readUInt32BE(4),
    sequence: header.readDoubleBE(8),
    segment: header.readDoubleBE(16),
    offset: header.readUInt32BE(24),
    records: header.readUInt32BE(28),
    checksum: header.readUInt32BE(32),
  };
}

/** The next intact header at or after `from`. */
export function findHeader(bytes: Uint8Array, from: number, seed: number): BatchHeader | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = buffer.indexOf(BATCH_MAGIC, from); at >= 0; at = buffer.indexOf(BATCH_MAGIC, at + 1)) {
    const header = at % ALIGNMENT === 0 ? intactHeader(bytes, at, seed) : null;
    if (header !== null) return header;
  }
  return null;
}

export type BatchReading =
  | {
      readonly type: "batch";
      readonly sequence: number;
      readonly records: number;
      readonly payload: Uint8Array;
      /** With header and padding. */
      readonly bytes: number;
    }
  /** Zeros, or too little space for a batch: nothing was ever written here. */
  | { readonly type: "nothing" }
  /** `torn`: this is the header of the batch expected here; only its records are incomplete. */
  | { readonly type: "invalid"; readonly torn: boolean; readonly why: string };

/** What is at `offset`. `sequence`: the one expected; null takes any. */
export function readBatch(
  segment: Uint8Array,
  number: number,
  offset: number,
  sequence: number | null,
  seed: number,
): BatchReading {
  const header = intactHeader(segment, offset, seed);
  if (header === null) {
    const found = segment.subarray(offset, offset + BATCH_HEADER_BYTES);
    if (found.every((byte) => byte === 0)) return { type: "nothing" };
    return { type: "invalid", torn: false, why: "checksum mismatch in the header of the batch" };
  }
  if (header.segment !== number || header.offset !== offset) {
    const place = `segment ${segmentName(header.segment)} offset ${header.offset}`;
    return { type: "invalid", torn: false, why: `misdirected: this batch belongs to ${place}` };
  }
  if (sequence !== null && header.sequence !== sequence) {
    const why = `batch ${header.sequence} where ${sequence} is expected`;
    return { type: "invalid", torn: false, why };
  }
  const start = offset + BATCH_HEADER_BYTES;
  const payload = segment.subarray(start, start + header.payload);
  if (payload.length < header.payload) {
    return { type: "invalid", torn: true, why: "the batch runs over the end of the file" };
  }
  if (crc32(payload, seed) !== header.checksum) {
    return { type: "invalid", torn: true, why: `checksum mismatch in batch ${header.sequence}` };
  }
  const bytes = align(BATCH_HEADER_BYTES + header.payload);
  return { type: "batch", sequence: header.sequence, records: header.records, payload, bytes };
}

/** The `count` records of a batch, as views into it. Null when that is not what `encodeBatch` can have written. */
export function decodeRecords(payload: Uint8Array, count: number): LogRecord[] | null {
  const buffer = Buffer.from(payload.buffer, payload.byteOffset, payload.length);
  const records: LogRecord[] = [];
  let offset = 0;
  while (offset < payload.length) {
    if (offset + RECORD_HEADER_BYTES > payload.length) return null;
    const group = groupId(buffer.readUInt32BE(offset));
    const checkpoint = (buffer.readUInt8(offset + 4) & CHECKPOINT_FLAG) !== 0;
    const length = buffer.readUInt32BE(offset + 5);
    offset += RECORD_HEADER_BYTES;
    if (offset + length > payload.length) return null;
    records.push({ group, checkpoint, bytes: payload.subarray(offset, offset + length) });
    offset += length;
  }
  return records.length === count ? records : null;
}
