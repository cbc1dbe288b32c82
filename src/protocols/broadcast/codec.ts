/**
 * Messages as bytes: one byte of kind, then the fields in the order of `messages.ts`. Counts are bounded by what is left before anything is
 * made of them. What is malformed, or contradicts itself, throws `CodecError`.
 */
import { unreachable } from "../../core/assert.ts";
import { ByteReader, ByteWriter, CodecError } from "../../core/bytes.ts";
import { nodeId } from "../../core/ids.ts";
import type { BroadcastMessage, Item, Lane, Member, Position, Receipt } from "./messages.ts";

/** Never reused for something else: they are on the wire between versions. */
const KIND = { items: 1, status: 2 } as const satisfies Record<BroadcastMessage["type"], number>;
const LANES: readonly Lane[] = ["data", "order"];

/** The fewest bytes that each can take. */
const MIN_POSITION_BYTES = 3;
const MIN_ITEM_BYTES = 7;
const MIN_RECEIPT_BYTES = 8;

const w = new ByteWriter(1024);

export function encodeBroadcastMessage(message: BroadcastMessage): Uint8Array {
  w.u8(KIND[message.type]);
  w.varint(message.epoch);
  w.varint(message.since);
  switch (message.type) {
    case "items":
      w.varint(message.items.length);
      for (const item of message.items) writeItem(item);
      break;
    case "status":
      w.varint(message.sequence);
      w.u8((message.asks ? 1 : 0) | (message.joined ? 2 : 0));
      w.varint(message.receipts.length);
      for (const receipt of message.receipts) writeReceipt(receipt);
      break;
    default:
      unreachable(message);
  }
  return w.finish();
}

export function decodeBroadcastMessage(bytes: Uint8Array): BroadcastMessage {
  const r = new ByteReader(bytes);
  const kind = r.u8();
  const epoch = r.varint();
  const since = r.varint();
  if (since > epoch) throw new CodecError(`a member since view ${since} in view ${epoch}`);
  let message: BroadcastMessage;
  switch (kind) {
    case KIND.items:
      message = { type: "items", epoch, since, items: list(r, MIN_ITEM_BYTES, readItem) };
      break;
    case KIND.status: {
      const sequence = r.varint();
      const flags = r.u8();
      if (flags > 3) throw new CodecError(`unknown flags ${flags}`);
      message = {
        type: "status",
        epoch,
        since,
        sequence,
        asks: (flags & 1) === 1,
        joined: (flags & 2) === 2,
        receipts: list(r, MIN_RECEIPT_BYTES, readReceipt),
      };
      break;
    }
    default:
      throw new CodecError(`unknown kind of message ${kind}`);
  }
  r.end();
  return message;
}

function writeItem(item: Item): void {
  w.u8(LANES.indexOf(item.lane));
  writeMember(item.origin);
  w.varint(item.number);
  w.varint(item.epoch - item.origin.since);
  w.varint(item.stable);
  if (item.lane === "order") {
    writePositions(item.places);
    return;
  }
  writePositions(item.after);
  w.bytes(item.payload);
}

function readItem(r: ByteReader): Item {
  const lane = readLane(r);
  const origin = readMember(r);
  const number = r.varint();
  const epoch = origin.since + r.varint();
  const stable = r.varint();
  if (!Number.isSafeInteger(epoch)) throw new CodecError(`view ${epoch}`);
  if (stable >= number) throw new CodecError(`message ${number} comes when ${stable} are stable`);
  const head = { origin, number, epoch, stable };
  if (lane === "order") return { lane, ...head, places: readPositions(r) };
  const after = readPositions(r);
  // A copy: a view would keep the whole frame alive for as long as the message is held.
  return { lane, ...head, after, payload: r.bytes().slice() };
}

function writeReceipt(receipt: Receipt): void {
  w.u8(LANES.indexOf(receipt.lane));
  writeMember(receipt.origin);
  w.varint(receipt.start);
  w.varint(receipt.delivered - receipt.start);
  w.varint(receipt.have - receipt.delivered);
  writeAscending(receipt.have, receipt.beyond);
  writeAscending(receipt.start, receipt.holes);
}

function readReceipt(r: ByteReader): Receipt {
  const lane = readLane(r);
  const origin = readMember(r);
  const start = r.varint();
  const delivered = start + r.varint();
  const have = delivered + r.varint();
  const beyond = readAscending(r, have);
  const holes = readAscending(r, start);
  if ((holes.at(-1) ?? 0) > have) throw new CodecError(`a hole behind the last message ${have}`);
  return { origin, lane, start, delivered, have, beyond, holes };
}

/** Numbers above `from`, as steps. */
function writeAscending(from: number, numbers: readonly number[]): void {
  w.varint(numbers.length);
  let last = from;
  for (const number of numbers) {
    w.varint(number - last);
    last = number;
  }
}

function readAscending(r: ByteReader, from: number): readonly number[] {
  let last = from;
  const numbers = list(r, 1, () => {
    const step = r.varint();
    if (step === 0) throw new CodecError(`number ${last} twice`);
    return (last += step);
  });
  if (!Number.isSafeInteger(last)) throw new CodecError(`number ${last}`);
  return numbers;
}

function writePositions(positions: readonly Position[]): void {
  w.varint(positions.length);
  for (const position of positions) {
    writeMember(position);
    w.varint(position.number);
  }
}

const readPositions = (r: ByteReader): readonly Position[] =>
  list(r, MIN_POSITION_BYTES, () => ({ ...readMember(r), number: r.varint() }));

function writeMember(member: Member): void {
  w.varint(member.node);
  w.varint(member.since);
}

function readMember(r: ByteReader): Member {
  const id = r.varint();
  if (id === 0 || id >= 2 ** 32) throw new CodecError(`node id ${id}`);
  return { node: nodeId(id), since: r.varint() };
}

function readLane(r: ByteReader): Lane {
  const code = r.u8();
  const lane = LANES[code];
  if (lane === undefined) throw new CodecError(`unknown lane ${code}`);
  return lane;
}

function list<T>(r: ByteReader, minBytes: number, read: (r: ByteReader) => T): readonly T[] {
  const count = r.varint();
  if (count * minBytes > r.remaining) throw new CodecError(`${count} elements in ${r.remaining} bytes`);
  return Array.from({ length: count }, () => read(r));
}
