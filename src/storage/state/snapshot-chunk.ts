/**
 * What travels in a piece of a snapshot. Integers as in `core/bytes.ts`.
 *
 *     crc32:u32 of all that follows
 *     version:u8
 *     header:u8           1: index:varint meta:bytes follow (the first piece); 0: they do not
 *     entries until the end:
 *       space:u8          1: a space's name follows (binary); 0: as the entry before
 *       id:binary value:bytes
 */
import { crc32 } from "node:zlib";
import { ByteReader, ByteWriter, CodecError } from "../../core/bytes.ts";
import type { LogIndex } from "../../core/machine.ts";

const VERSION = 1;

export interface SnapshotHeader {
  readonly index: LogIndex;
  readonly meta: Uint8Array;
}

export interface SnapshotEntry {
  readonly space: string;
  readonly id: string;
  readonly value: Uint8Array;
}

export class ChunkWriter {
  readonly #writer: ByteWriter;
  #space: string | null = null;

  constructor(header: SnapshotHeader | null, capacity: number) {
    this.#writer = new ByteWriter(capacity);
    this.#writer.u32(0);
    this.#writer.u8(VERSION);
    this.#writer.u8(header === null ? 0 : 1);
    if (header !== null) {
      this.#writer.varint(header.index);
      this.#writer.bytes(header.meta);
    }
  }

  get length(): number {
    return this.#writer.length;
  }

  add(space: string, id: string, value: Uint8Array): void {
    if (space === this.#space) {
      this.#writer.u8(0);
    } else {
      this.#writer.u8(1);
      this.#writer.binary(space);
      this.#space = space;
    }
    this.#writer.binary(id);
    this.#writer.bytes(value);
  }

  finish(): Uint8Array {
    const data = this.#writer.finish();
    new DataView(data.buffer, data.byteOffset).setUint32(0, crc32(data.subarray(4)));
    return data;
  }
}

/** Null: the bytes are not what was sent. Throws `CodecError` when they are, and make no sense nevertheless. */
export function readChunk(
  data: Uint8Array,
): { readonly header: SnapshotHeader | null; readonly entries: readonly SnapshotEntry[] } | null {
  if (data.length < 6) return null;
  const reader = new ByteReader(data);
  if (reader.u32() !== crc32(data.subarray(4))) return null;
  const version = reader.u8();
  if (version !== VERSION)
    throw new CodecError(`version ${version} of the snapshot format is not known here`);
  const header = reader.u8() === 1 ? { index: reader.varint(), meta: reader.bytes() } : null;
  const entries: SnapshotEntry[] = [];
  let space: string | null = null;
  while (reader.remaining > 0) {
    if (reader.u8() === 1) space = reader.binary();
    if (space === null || space.length > 255) throw new CodecError("an entry without a proper space");
    entries.push({ space, id: reader.binary(), value: reader.bytes() });
  }
  return { header, entries };
}
