/**
 * What all merging protocols say and write, as bytes: one byte of kind, then the fields in the order of `messages.ts`. Numbers are
 * varints, payloads have their length before them. Decoded payloads are views of the frame, not copies. What is malformed throws `CodecError`.
 */
import { unreachable } from "../../core/assert.ts";
import { ByteReader, ByteWriter, CodecError } from "../../core/bytes.ts";
import { replicaId } from "../../core/ids.ts";
import type { ReplicaId } from "../../core/ids.ts";
import { FIRST_MERGING_RECORD } from "../../core/merging.ts";
import {
  readAscending,
  readFamilies,
  readHash,
  readShape,
  writeAscending,
  writeFamilies,
  writeHash,
  writeShape,
} from "../../core/merkle-codec.ts";
import type { SharedMessage } from "./messages.ts";
import type { EntryKind, MergingRecord } from "./records.ts";

/** Never reused for something else: they are on disks and, during an upgrade, on the wire between versions. A protocol's own are from 32 on. */
const KIND = {
  compare: 1,
  same: 2,
  families: 3,
  ask: 4,
  fetch: 5,
  leaves: 6,
  push: 7,
  pushed: 8,
  handover: 9,
  taken: 10,
} as const satisfies Record<SharedMessage["type"], number>;

/** Decoding throws `CodecError` on anything malformed. */
export interface MergingCodec<M> {
  encodeMessage(message: M): Uint8Array;
  decodeMessage(bytes: Uint8Array): M;
  encodeRecord(record: MergingRecord): Uint8Array;
  decodeRecord(bytes: Uint8Array): MergingRecord;
}

/** A protocol's codec, from how its own messages are written, their kind first, and read behind their kind. */
export function mergingCodec<Own extends { readonly type: string }>(
  write: (w: ByteWriter, message: Own) => void,
  read: (r: ByteReader, kind: number) => Own,
): MergingCodec<Own | SharedMessage> {
  // The host copies a message into its frame, and a record into its log, at once.
  const writer = new ByteWriter(1024, { slabs: true });
  return {
    encodeMessage(message) {
      if (isSharedMessage(message)) writeSharedMessage(writer, message);
      else write(writer, message);
      return writer.finish();
    },
    decodeMessage(bytes) {
      const reader = new ByteReader(bytes);
      const kind = reader.u8();
      const message = readSharedMessage(reader, kind) ?? read(reader, kind);
      reader.end();
      return message;
    },
    encodeRecord: encodeMergingRecord,
    decodeRecord: decodeMergingRecord,
  };
}

const BORN = FIRST_MERGING_RECORD;
const READY = FIRST_MERGING_RECORD + 1;
const ENTRY_KIND = {
  command: FIRST_MERGING_RECORD + 2,
  merge: FIRST_MERGING_RECORD + 3,
  adopt: FIRST_MERGING_RECORD + 4,
} as const satisfies Record<EntryKind, number>;

export function isSharedMessage(message: { readonly type: string }): message is SharedMessage {
  return message.type in KIND;
}

export function writeSharedMessage(w: ByteWriter, m: SharedMessage): void {
  w.u8(KIND[m.type]);
  w.varint(m.session);
  switch (m.type) {
    case "compare":
      writeShape(w, m.shape);
      writeHash(w, m.root);
      return;
    case "same":
      w.varint(m.source);
      writeFlag(w, m.ready);
      writeHash(w, m.root);
      w.bytes(m.context);
      return;
    case "families":
      w.varint(m.source);
      writeFlag(w, m.ready);
      writeFlag(w, m.context !== null);
      if (m.context !== null) w.bytes(m.context);
      writeFamilies(w, m.families);
      return;
    case "ask":
      writeAscending(w, m.parents);
      return;
    case "fetch":
      writeNumbers(w, m.leaves);
      return;
    case "leaves":
      w.varint(m.source);
      writeNumbers(w, m.leaves);
      w.bytes(m.delta);
      return;
    case "push":
      w.bytes(m.delta);
      return;
    case "pushed":
      w.varint(m.source);
      writeFlag(w, m.taken);
      return;
    case "handover":
      w.varint(m.number);
      w.varint(m.to === null ? 0 : m.to);
      w.bytes(m.delta);
      writeFlag(w, m.last !== null);
      if (m.last === null) return;
      w.bytes(m.last.context);
      writeFlag(w, m.last.ready);
      return;
    case "taken":
      w.varint(m.number);
      w.varint(m.source);
      writeFlag(w, m.taken);
      return;
    default:
      unreachable(m);
  }
}

/** Null when the kind is none of these. */
export function readSharedMessage(r: ByteReader, kind: number): SharedMessage | null {
  switch (kind) {
    case KIND.compare: {
      const session = r.varint();
      const shape = readShape(r);
      return { type: "compare", session, shape, root: readHash(r) };
    }
    case KIND.same: {
      const session = r.varint();
      const source = readReplica(r);
      const ready = readFlag(r);
      const root = readHash(r);
      return { type: "same", session, source, ready, root, context: r.bytes() };
    }
    case KIND.families: {
      const session = r.varint();
      const source = readReplica(r);
      const ready = readFlag(r);
      const context = readFlag(r) ? r.bytes() : null;
      return { type: "families", session, source, ready, context, families: readFamilies(r) };
    }
    case KIND.ask:
      return { type: "ask", session: r.varint(), parents: readAscending(r) };
    case KIND.fetch:
      return { type: "fetch", session: r.varint(), leaves: readNumbers(r) };
    case KIND.leaves: {
      const session = r.varint();
      const source = readReplica(r);
      const leaves = readNumbers(r);
      return { type: "leaves", session, source, leaves, delta: r.bytes() };
    }
    case KIND.push:
      return { type: "push", session: r.varint(), delta: r.bytes() };
    case KIND.pushed: {
      const session = r.varint();
      const source = readReplica(r);
      return { type: "pushed", session, source, taken: readFlag(r) };
    }
    case KIND.handover: {
      const session = r.varint();
      const number = r.varint();
      const receiver = r.varint();
      const delta = r.bytes();
      const last = readFlag(r) ? { context: r.bytes(), ready: readFlag(r) } : null;
      const to = receiver === 0 ? null : replicaId(receiver);
      return { type: "handover", session, number, to, delta, last };
    }
    case KIND.taken: {
      const session = r.varint();
      const number = r.varint();
      const source = readReplica(r);
      return { type: "taken", session, number, source, taken: readFlag(r) };
    }
    default:
      return null;
  }
}

const recordWriter = new ByteWriter(1024, { slabs: true });

export function encodeMergingRecord(record: MergingRecord): Uint8Array {
  const w = recordWriter;
  switch (record.type) {
    case "born":
      w.u8(BORN);
      w.varint(record.replica);
      writeFlag(w, record.founder);
      break;
    case "ready":
      w.u8(READY);
      break;
    case "entry":
      w.u8(ENTRY_KIND[record.kind]);
      w.varint(record.index);
      w.bytes(record.bytes);
      break;
    default:
      unreachable(record);
  }
  return w.finish();
}

export function decodeMergingRecord(bytes: Uint8Array): MergingRecord {
  const r = new ByteReader(bytes);
  const record = readRecord(r);
  r.end();
  return record;
}

function readRecord(r: ByteReader): MergingRecord {
  const kind = r.u8();
  if (kind === BORN) return { type: "born", replica: readReplica(r), founder: readFlag(r) };
  if (kind === READY) return { type: "ready" };
  const index = r.varint();
  if (index === 0) throw new CodecError("an entry with index 0");
  for (const name of ["command", "merge", "adopt"] as const)
    if (ENTRY_KIND[name] === kind) return { type: "entry", index, kind: name, bytes: r.bytes() };
  throw new CodecError(`no kind of record: ${kind}`);
}

function readReplica(r: ByteReader): ReplicaId {
  const replica = r.varint();
  if (replica === 0) throw new CodecError("no replica has the id 0");
  return replicaId(replica);
}

function writeNumbers(w: ByteWriter, numbers: readonly number[]): void {
  w.varint(numbers.length);
  for (const number of numbers) w.varint(number);
}

function readNumbers(r: ByteReader): readonly number[] {
  return Array.from({ length: readCount(r) }, () => r.varint());
}

function readCount(r: ByteReader): number {
  const count = r.varint();
  if (count > r.remaining) throw new CodecError(`${count} numbers in ${r.remaining} bytes`);
  return count;
}

export function writeFlag(w: ByteWriter, flag: boolean): void {
  w.u8(flag ? 1 : 0);
}

export function readFlag(r: ByteReader): boolean {
  const byte = r.u8();
  if (byte > 1) throw new CodecError(`no flag: ${byte}`);
  return byte === 1;
}
