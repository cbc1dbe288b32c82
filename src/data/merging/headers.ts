/** How many items of each kind a key has: its header, kept decoded while it is worked with. */
import { ByteReader, ByteWriter } from "../../core/bytes.ts";
import { type Kind, MEMBER, STRING } from "./address.ts";

/** How many items of each kind a key has. */
export interface Counts {
  readonly strings: number;
  readonly members: number;
  readonly fields: number;
}

export class Header implements Counts {
  readonly key: string;
  strings = 0;
  members = 0;
  fields = 0;
  /** It has a record. */
  stored: boolean;
  /** Its record is to be written. */
  changed = false;

  /** `bytes`: its record. Throws `CodecError` when that is malformed. */
  constructor(key: string, bytes: Uint8Array | undefined) {
    this.key = key;
    this.stored = bytes !== undefined;
    if (bytes === undefined) return;
    const reader = new ByteReader(bytes);
    this.strings = reader.varint();
    this.members = reader.varint();
    this.fields = reader.varint();
    reader.end();
  }

  add(kind: Kind, by: 1 | -1): void {
    if (kind === STRING) this.strings += by;
    else if (kind === MEMBER) this.members += by;
    else this.fields += by;
  }
}

export function countOf(counts: Counts, kind: Kind): number {
  return kind === STRING ? counts.strings : kind === MEMBER ? counts.members : counts.fields;
}

export const totalOf = ({ strings, members, fields }: Counts): number => strings + members + fields;

const writer = new ByteWriter();

/** Most keys have items of one kind, and few: their headers are alike, and one for all. */
const ALIKE = 128;
const strings: Uint8Array[] = [];
const members: Uint8Array[] = [];
const fields: Uint8Array[] = [];

/** Not to be changed. */
export function encodeCounts(counts: Counts): Uint8Array {
  const total = totalOf(counts);
  if (total >= ALIKE) return encode(counts);
  if (counts.strings === total) return (strings[total] ??= encode(counts));
  if (counts.members === total) return (members[total] ??= encode(counts));
  return counts.fields === total ? (fields[total] ??= encode(counts)) : encode(counts);
}

function encode(counts: Counts): Uint8Array {
  writer.varint(counts.strings);
  writer.varint(counts.members);
  writer.varint(counts.fields);
  return writer.finish();
}
