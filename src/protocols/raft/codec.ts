/**
 * Messages and records as bytes: one byte of kind, then the fields in the order of `messages.ts`; numbers are varints,
 * payloads have their length before them. Decoded payloads are views of the frame, not copies. What is malformed, or
 * contradicts itself (terms that decrease, lists out of order), throws `CodecError`.
 */
import { ByteReader, ByteWriter, CodecError } from "../../core/bytes.ts";
import { unreachable } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import { nodeId } from "../../core/ids.ts";
import type { Codec, SnapshotChunk, SnapshotId } from "../../core/machine.ts";
import { configurationProblem } from "./configuration.ts";
import type { Configuration } from "./configuration.ts";
import type { Entry, RaftMessage, RaftRecord, RaftVocabulary } from "./messages.ts";

/** Never reused for something else: they are on disks and, during an upgrade, on the wire between versions. */
const MESSAGE_KIND = {
  "vote-request": 1,
  "vote-response": 2,
  append: 3,
  "append-accepted": 4,
  "append-rejected": 5,
  heartbeat: 6,
  "heartbeat-response": 7,
  commit: 8,
  "stale-term": 9,
  "timeout-now": 10,
  "read-index": 11,
  "read-index-response": 12,
  snapshot: 13,
  "snapshot-response": 14,
} as const satisfies Record<RaftMessage["type"], number>;

const RECORD_KIND = { "hard-state": 1, entries: 2, "log-start": 3 } as const satisfies Record<
  RaftRecord["type"],
  number
>;

const COMMAND = 0;
const NOOP = 1;
const CONFIGURATION = 2;

/** The least an entry takes: term and kind. Bounds a count before anything is made of it. */
const MIN_ENTRY_BYTES = 2;

/** One writer for all: messages and records are sent and written soon, and encoding never re-enters. */
const w = new ByteWriter(1024, { slabs: true });

export const raftCodec: Codec<RaftVocabulary> = {
  encodeMessage(message) {
    w.u8(MESSAGE_KIND[message.type]);
    w.varint(message.term);
    writeMessage(message);
    return w.finish();
  },
  decodeMessage(bytes) {
    const reader = new ByteReader(bytes);
    const kind = reader.u8();
    const message = readMessage(reader, kind, reader.varint());
    reader.end();
    return message;
  },
  encodeRecord(record) {
    w.u8(RECORD_KIND[record.type]);
    writeRecord(record);
    return w.finish();
  },
  decodeRecord(bytes) {
    const reader = new ByteReader(bytes);
    const record = readRecord(reader, reader.u8());
    reader.end();
    return record;
  },
};

function writeMessage(m: RaftMessage): void {
  switch (m.type) {
    case "append":
      w.varint(m.round);
      w.varint(m.prevIndex);
      w.varint(m.prevTerm);
      w.varint(m.commit);
      writeEntries(m.entries);
      return;
    case "append-accepted":
      w.varint(m.round);
      w.varint(m.match);
      return;
    case "append-rejected":
      w.varint(m.round);
      w.varint(m.prevIndex);
      w.varint(m.hintIndex);
      w.varint(m.hintTerm);
      return;
    case "heartbeat":
      w.varint(m.round);
      w.varint(m.commit);
      return;
    case "heartbeat-response":
      w.varint(m.round);
      w.varint(m.matched);
      w.varint(m.durable);
      return;
    case "commit":
      w.varint(m.commit);
      return;
    case "vote-request":
      writeFlag(m.pre);
      writeFlag(m.transfer);
      w.varint(m.lastIndex);
      w.varint(m.lastTerm);
      return;
    case "vote-response":
      writeFlag(m.pre);
      writeFlag(m.granted);
      return;
    case "stale-term":
    case "timeout-now":
      return;
    case "read-index":
      w.varint(m.life);
      w.varint(m.read);
      writeFlag(m.lease);
      return;
    case "read-index-response":
      w.varint(m.life);
      w.varint(m.read);
      writeFlag(m.index !== null);
      if (m.index !== null) w.varint(m.index);
      return;
    case "snapshot":
      writeSnapshotId(m.snapshot);
      w.varint(m.snapshotTerm);
      writeConfiguration(m.configuration);
      writeFlag(m.chunk !== null);
      if (m.chunk !== null) writeChunk(m.chunk);
      return;
    case "snapshot-response":
      writeSnapshotId(m.snapshot);
      w.bytes(m.cursor);
      return;
    default:
      unreachable(m);
  }
}

function readMessage(r: ByteReader, kind: number, term: number): RaftMessage {
  switch (kind) {
    case MESSAGE_KIND.append: {
      const round = r.varint();
      const prevIndex = r.varint();
      const prevTerm = r.varint();
      const commit = r.varint();
      if (prevTerm > term) throw new CodecError(`append of term ${term} after term ${prevTerm}`);
      const entries = readEntries(r, prevTerm);
      const last = entries[entries.length - 1];
      if (last !== undefined && last.term > term)
        throw new CodecError(`entry of term ${last.term} in term ${term}`);
      return { type: "append", term, round, prevIndex, prevTerm, commit, entries };
    }
    case MESSAGE_KIND["append-accepted"]:
      return { type: "append-accepted", term, round: r.varint(), match: r.varint() };
    case MESSAGE_KIND["append-rejected"]: {
      const [round, prevIndex, hintIndex, hintTerm] = [r.varint(), r.varint(), r.varint(), r.varint()];
      return { type: "append-rejected", term, round, prevIndex, hintIndex, hintTerm };
    }
    case MESSAGE_KIND.heartbeat:
      return { type: "heartbeat", term, round: r.varint(), commit: r.varint() };
    case MESSAGE_KIND["heartbeat-response"]:
      return {
        type: "heartbeat-response",
        term,
        round: r.varint(),
        matched: r.varint(),
        durable: r.varint(),
      };
    case MESSAGE_KIND.commit:
      return { type: "commit", term, commit: r.varint() };
    case MESSAGE_KIND["vote-request"]: {
      const pre = readFlag(r);
      const transfer = readFlag(r);
      return { type: "vote-request", term, pre, transfer, lastIndex: r.varint(), lastTerm: r.varint() };
    }
    case MESSAGE_KIND["vote-response"]:
      return { type: "vote-response", term, pre: readFlag(r), granted: readFlag(r) };
    case MESSAGE_KIND["stale-term"]:
      return { type: "stale-term", term };
    case MESSAGE_KIND["timeout-now"]:
      return { type: "timeout-now", term };
    case MESSAGE_KIND["read-index"]:
      return { type: "read-index", term, life: r.varint(), read: r.varint(), lease: readFlag(r) };
    case MESSAGE_KIND["read-index-response"]: {
      const [life, read] = [r.varint(), r.varint()];
      return { type: "read-index-response", term, life, read, index: readFlag(r) ? r.varint() : null };
    }
    case MESSAGE_KIND.snapshot: {
      const snapshot = readSnapshotId(r);
      const snapshotTerm = r.varint();
      const configuration = readConfiguration(r);
      const chunk = readFlag(r) ? readChunk(r) : null;
      if (snapshotTerm > term) throw new CodecError(`snapshot of term ${snapshotTerm} in term ${term}`);
      return { type: "snapshot", term, snapshot, snapshotTerm, configuration, chunk };
    }
    case MESSAGE_KIND["snapshot-response"]:
      return { type: "snapshot-response", term, snapshot: readSnapshotId(r), cursor: r.bytes() };
    default:
      throw new CodecError(`no kind of message: ${kind}`);
  }
}

function writeRecord(record: RaftRecord): void {
  switch (record.type) {
    case "hard-state":
      w.varint(record.term);
      w.varint(record.vote ?? 0);
      w.varint(record.life);
      return;
    case "entries":
      w.varint(record.start);
      writeEntries(record.entries);
      return;
    case "log-start":
      w.varint(record.index);
      w.varint(record.term);
      writeConfiguration(record.configuration);
      return;
    default:
      unreachable(record);
  }
}

function readRecord(r: ByteReader, kind: number): RaftRecord {
  switch (kind) {
    case RECORD_KIND["hard-state"]: {
      const term = r.varint();
      const vote = r.varint();
      return { type: "hard-state", term, vote: vote === 0 ? null : checkedNodeId(vote), life: r.varint() };
    }
    case RECORD_KIND.entries: {
      const start = r.varint();
      if (start === 0) throw new CodecError("entries start at index 0");
      return { type: "entries", start, entries: readEntries(r, 0) };
    }
    case RECORD_KIND["log-start"]:
      return { type: "log-start", index: r.varint(), term: r.varint(), configuration: readConfiguration(r) };
    default:
      throw new CodecError(`no kind of record: ${kind}`);
  }
}

function writeEntries(entries: readonly Entry[]): void {
  w.varint(entries.length);
  for (const entry of entries) {
    w.varint(entry.term);
    if (entry.kind === "command") {
      w.u8(COMMAND);
      w.bytes(entry.command);
    } else if (entry.kind === "noop") {
      w.u8(NOOP);
    } else {
      w.u8(CONFIGURATION);
      writeConfiguration(entry.configuration);
    }
  }
}

function readEntries(r: ByteReader, afterTerm: number): readonly Entry[] {
  const count = r.varint();
  if (count > r.remaining / MIN_ENTRY_BYTES) throw new CodecError(`${count} entries in ${r.remaining} bytes`);
  const entries: Entry[] = [];
  let lastTerm = afterTerm;
  for (let i = 0; i < count; i++) {
    const entry = readEntry(r);
    if (entry.term < lastTerm) throw new CodecError(`term ${entry.term} after ${lastTerm}`);
    lastTerm = entry.term;
    entries.push(entry);
  }
  return entries;
}

function readEntry(r: ByteReader): Entry {
  const term = r.varint();
  const kind = r.u8();
  if (kind === COMMAND) return { kind: "command", term, command: r.bytes() };
  if (kind === NOOP) return { kind: "noop", term };
  if (kind === CONFIGURATION) return { kind: "configuration", term, configuration: readConfiguration(r) };
  throw new CodecError(`no kind of entry: ${kind}`);
}

function writeConfiguration(configuration: Configuration): void {
  for (const list of [configuration.voters, configuration.outgoing, configuration.learners]) {
    w.varint(list.length);
    for (const id of list) w.varint(id);
  }
}

function readConfiguration(r: ByteReader): Configuration {
  const configuration = { voters: readIds(r), outgoing: readIds(r), learners: readIds(r) };
  const problem = configurationProblem(configuration);
  if (problem !== null) throw new CodecError(`configuration: ${problem}`);
  return configuration;
}

function readIds(r: ByteReader): readonly NodeId[] {
  const count = r.varint();
  if (count > r.remaining) throw new CodecError(`${count} ids in ${r.remaining} bytes`);
  const ids: NodeId[] = [];
  for (let i = 0; i < count; i++) ids.push(checkedNodeId(r.varint()));
  return ids;
}

function checkedNodeId(value: number): NodeId {
  if (value === 0 || value > 0xffffffff) throw new CodecError(`no node id: ${value}`);
  return nodeId(value);
}

function writeSnapshotId(snapshot: SnapshotId): void {
  w.varint(snapshot.index);
  w.binary(snapshot.id);
}

function readSnapshotId(r: ByteReader): SnapshotId {
  const index = r.varint();
  return { id: r.binary(), index };
}

function writeChunk(chunk: SnapshotChunk): void {
  w.bytes(chunk.cursor);
  w.bytes(chunk.data);
  writeFlag(chunk.next !== null);
  if (chunk.next !== null) w.bytes(chunk.next);
}

function readChunk(r: ByteReader): SnapshotChunk {
  return { cursor: r.bytes(), data: r.bytes(), next: readFlag(r) ? r.bytes() : null };
}

function writeFlag(flag: boolean): void {
  w.u8(flag ? 1 : 0);
}

function readFlag(r: ByteReader): boolean {
  const byte = r.u8();
  if (byte > 1) throw new CodecError(`no flag: ${byte}`);
  return byte === 1;
}
