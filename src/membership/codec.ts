/**
 * Messages as bytes: one byte of kind, the sender, the fields in the order of `messages.ts`, then the news. Sizes are bounded
 * before anything is made of them. What is malformed, or contradicts itself, throws `CodecError`.
 */
import { unreachable } from "../core/assert.ts";
import { ByteReader, ByteWriter, CodecError } from "../core/bytes.ts";
import { nodeId } from "../core/ids.ts";
import type { NodeId } from "../core/ids.ts";
import type { Address } from "../core/world.ts";
import type { MemberRecord, MemberStatus, SwimMessage } from "./messages.ts";
import { MAX_HOST_CHARS, MAX_INCARNATION } from "./record.ts";

/** Never reused for something else: they are on the wire between versions. */
const KIND = {
  ping: 1,
  "ping-request": 2,
  ack: 3,
  nack: 4,
  gossip: 5,
  "list-request": 6,
  list: 7,
} as const satisfies Record<SwimMessage["type"], number>;

const STATUSES: readonly MemberStatus[] = ["alive", "suspect", "dead", "left"];

/** Longer messages are refused unread, whatever the sender's own bound. */
export const MAX_SWIM_MESSAGE_BYTES = 64 * 1024;
/** Id, status, incarnation, a host of one character and a port. Bounds a count before anything is made of it. */
const MIN_RECORD_BYTES = 7;
/** Kind, sequence or cursor, target, digest and the counts of two lists, at their longest. */
const MAX_FIXED_BYTES = 1 + 1 + 8 + 8 + 5 + 3 + 3;

const w = new ByteWriter(1024);

export function encodeSwimMessage(message: SwimMessage): Uint8Array {
  w.u8(KIND[message.type]);
  w.u8(message.from === null ? 0 : 1);
  if (message.from !== null) writeRecord(message.from);
  writeBody(message);
  writeRecords(message.updates);
  return w.finish();
}

export function decodeSwimMessage(bytes: Uint8Array): SwimMessage {
  if (bytes.length > MAX_SWIM_MESSAGE_BYTES) throw new CodecError(`a message of ${bytes.length} bytes`);
  const r = new ByteReader(bytes);
  const kind = r.u8();
  const from = flag(r) ? readRecord(r) : null;
  const message = readBody(r, kind, from);
  r.end();
  return message;
}

/** What a record takes in a message, exactly. */
export function recordBytes(record: MemberRecord): number {
  const by = record.by === null ? 0 : varintBytes(record.by);
  return varintBytes(record.id) + 1 + varintBytes(record.incarnation) + addressBytes(record.address) + by;
}

/** Never less than a message takes without its updates and records; `address` is the one that it names, if any. */
export function envelopeBytes(from: MemberRecord, address: Address | null): number {
  return MAX_FIXED_BYTES + recordBytes(from) + (address === null ? 0 : addressBytes(address));
}

function addressBytes({ host, port }: Address): number {
  return varintBytes(host.length) + host.length + varintBytes(port);
}

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

function writeBody(message: SwimMessage): void {
  switch (message.type) {
    case "ping":
      w.varint(message.sequence);
      w.varint(message.target);
      return;
    case "ping-request":
      w.varint(message.sequence);
      w.varint(message.target);
      writeAddress(message.address);
      return;
    case "ack":
    case "nack":
      w.varint(message.sequence);
      return;
    case "gossip":
      return;
    case "list-request":
      w.varint(message.after);
      w.u8(message.digest === null ? 0 : 1);
      if (message.digest !== null) w.u32(message.digest);
      writeAddress(message.replyTo);
      return;
    case "list":
      w.varint(message.after);
      w.varint(message.next);
      writeRecords(message.records);
      return;
    default:
      unreachable(message);
  }
}

function readBody(r: ByteReader, kind: number, from: MemberRecord | null): SwimMessage {
  switch (kind) {
    case KIND.ping: {
      const body = { sequence: r.varint(), target: readId(r) };
      return { type: "ping", from, ...body, updates: readRecords(r) };
    }
    case KIND["ping-request"]: {
      const body = { sequence: r.varint(), target: readId(r), address: readAddress(r) };
      return { type: "ping-request", from, ...body, updates: readRecords(r) };
    }
    case KIND.ack:
      return { type: "ack", from, sequence: r.varint(), updates: readRecords(r) };
    case KIND.nack:
      return { type: "nack", from, sequence: r.varint(), updates: readRecords(r) };
    case KIND.gossip:
      return { type: "gossip", from, updates: readRecords(r) };
    case KIND["list-request"]: {
      const body = { after: r.varint(), digest: flag(r) ? r.u32() : null, replyTo: readAddress(r) };
      return { type: "list-request", from, ...body, updates: readRecords(r) };
    }
    case KIND.list: {
      const after = r.varint();
      const next = r.varint();
      const records = readRecords(r);
      let last = after;
      for (const { id } of records) {
        if (id <= last) throw new CodecError(`member ${id} after ${last}: the list is out of order`);
        last = id;
      }
      if (next !== 0 && (records.length === 0 || next !== last)) {
        throw new CodecError(`a page that ends with ${last} goes on after ${next}`);
      }
      return { type: "list", from, after, next, records, updates: readRecords(r) };
    }
    default:
      throw new CodecError(`unknown kind of message ${kind}`);
  }
}

function writeRecords(records: readonly MemberRecord[]): void {
  w.varint(records.length);
  for (const record of records) writeRecord(record);
}

function readRecords(r: ByteReader): readonly MemberRecord[] {
  const count = r.varint();
  if (count * MIN_RECORD_BYTES > r.remaining) {
    throw new CodecError(`${count} records in ${r.remaining} bytes`);
  }
  return Array.from({ length: count }, () => readRecord(r));
}

function writeRecord(record: MemberRecord): void {
  w.varint(record.id);
  w.u8(STATUSES.indexOf(record.status));
  w.varint(record.incarnation);
  writeAddress(record.address);
  if (record.status === "suspect") w.varint(record.by!);
}

function readRecord(r: ByteReader): MemberRecord {
  const id = readId(r);
  const code = r.u8();
  const status = STATUSES[code];
  if (status === undefined) throw new CodecError(`unknown status ${code} of member ${id}`);
  const incarnation = r.varint();
  if (incarnation > MAX_INCARNATION) throw new CodecError(`incarnation ${incarnation} of member ${id}`);
  const address = readAddress(r);
  return { id, address, incarnation, status, by: status === "suspect" ? readId(r) : null };
}

function writeAddress({ host, port }: Address): void {
  w.binary(host);
  w.varint(port);
}

function readAddress(r: ByteReader): Address {
  const host = r.binary();
  if (host.length === 0 || host.length > MAX_HOST_CHARS) {
    throw new CodecError(`a host of ${host.length} characters`);
  }
  const port = r.varint();
  if (port > 65_535) throw new CodecError(`port ${port}`);
  return { host, port };
}

function readId(r: ByteReader): NodeId {
  const id = r.varint();
  if (id === 0 || id >= 2 ** 32) throw new CodecError(`node id ${id}`);
  return nodeId(id);
}

function flag(r: ByteReader): boolean {
  const value = r.u8();
  if (value > 1) throw new CodecError(`${value} is neither yes nor no`);
  return value === 1;
}
