/** Messages and records of gossip as bytes; what it shares with other merging protocols is in `merging/codec.ts`. */
import { unreachable } from "../../core/assert.ts";
import { type ByteReader, type ByteWriter, CodecError } from "../../core/bytes.ts";
import { mergingCodec, readFlag, writeFlag } from "../merging/codec.ts";
import type { MergingCodec } from "../merging/codec.ts";
import type { GossipMessage } from "./gossip.ts";
import type { RumorId, RumorMessage, ToldRumor } from "./messages.ts";

const RUMORS = 32;
const FEEDBACK = 33;

/** The least a rumor takes: the lengths of id and payload, and the age. Bounds a count before anything is made of it. */
const MIN_RUMOR_BYTES = 3;

export const gossipCodec: MergingCodec<GossipMessage> = mergingCodec(writeRumorMessage, readRumorMessage);

function writeRumorMessage(w: ByteWriter, message: RumorMessage): void {
  switch (message.type) {
    case "rumors":
      w.u8(RUMORS);
      writeFlag(w, message.asks);
      w.varint(message.rumors.length);
      for (const { id, payload, age } of message.rumors) {
        w.binary(id);
        w.bytes(payload);
        w.varint(age);
      }
      return;
    case "feedback":
      w.u8(FEEDBACK);
      for (const ids of [message.needed, message.unneeded]) {
        w.varint(ids.length);
        for (const id of ids) w.binary(id);
      }
      return;
    default:
      unreachable(message);
  }
}

function readRumorMessage(r: ByteReader, kind: number): RumorMessage {
  if (kind === FEEDBACK) return { type: "feedback", needed: readIds(r), unneeded: readIds(r) };
  if (kind !== RUMORS) throw new CodecError(`no kind of message: ${kind}`);
  const asks = readFlag(r);
  const count = r.varint();
  if (count > r.remaining / MIN_RUMOR_BYTES) throw new CodecError(`${count} rumors in ${r.remaining} bytes`);
  const rumors: ToldRumor[] = [];
  for (let at = 0; at < count; at++) rumors.push({ id: r.binary(), payload: r.bytes(), age: r.varint() });
  return { type: "rumors", rumors, asks };
}

function readIds(r: ByteReader): readonly RumorId[] {
  const count = r.varint();
  if (count > r.remaining) throw new CodecError(`${count} ids in ${r.remaining} bytes`);
  return Array.from({ length: count }, () => r.binary());
}
