/** The values of the control records (see `keys.ts`): what a node has to know about its groups before it reads a record. */
import { ByteReader, ByteWriter } from "../../core/bytes.ts";
import type { LogIndex } from "../../core/machine.ts";

/** The store's format. A store with a higher one was written by a newer Kvorum and is refused. */
export const FORMAT_VERSION = 1;

/** Which incarnation of a group's records counts, and the number of the next one. Numbers are never reused. */
export interface Generations {
  readonly current: number;
  readonly next: number;
}

/** The records reflect the log up to and including `index`. `meta` is the host's own. */
export interface Applied {
  readonly index: LogIndex;
  readonly meta: Uint8Array;
}

/** A snapshot that is being received: everything before `cursor` is stored in `generation`. */
export interface ImportProgress {
  readonly id: string;
  readonly index: LogIndex;
  readonly meta: Uint8Array;
  readonly generation: number;
  readonly cursor: Uint8Array;
}

export function encodeFormat(version: number): Uint8Array {
  const writer = new ByteWriter(4);
  writer.u32(version);
  return writer.finish();
}

export function decodeFormat(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes);
  const version = reader.u32();
  reader.end();
  return version;
}

export function encodeGenerations(value: Generations): Uint8Array {
  const writer = new ByteWriter(8);
  writer.u32(value.current);
  writer.u32(value.next);
  return writer.finish();
}

export function decodeGenerations(bytes: Uint8Array): Generations {
  const reader = new ByteReader(bytes);
  const value = { current: reader.u32(), next: reader.u32() };
  reader.end();
  return value;
}

export function encodeApplied(value: Applied): Uint8Array {
  const writer = new ByteWriter(16 + value.meta.length);
  writer.varint(value.index);
  writer.bytes(value.meta);
  return writer.finish();
}

export function decodeApplied(bytes: Uint8Array): Applied {
  const reader = new ByteReader(bytes);
  const value = { index: reader.varint(), meta: reader.bytes() };
  reader.end();
  return value;
}

export function encodeImport(value: ImportProgress): Uint8Array {
  const writer = new ByteWriter(64 + value.meta.length + value.cursor.length);
  writer.binary(value.id);
  writer.varint(value.index);
  writer.bytes(value.meta);
  writer.u32(value.generation);
  writer.bytes(value.cursor);
  return writer.finish();
}

export function decodeImport(bytes: Uint8Array): ImportProgress {
  const reader = new ByteReader(bytes);
  const value = {
    id: reader.binary(),
    index: reader.varint(),
    meta: reader.bytes(),
    generation: reader.u32(),
    cursor: reader.bytes(),
  };
  reader.end();
  return value;
}
