/** Messages and records of quorums as bytes; what they share with other merging protocols is in `merging/codec.ts`. */
import { unreachable } from "../../core/assert.ts";
import { type ByteReader, type ByteWriter, CodecError } from "../../core/bytes.ts";
import { nodeId } from "../../core/ids.ts";
import type { NodeId } from "../../core/ids.ts";
import { readHash, writeHash } from "../../core/merkle-codec.ts";
import { mergingCodec, readFlag, writeFlag } from "../merging/codec.ts";
import type { MergingCodec } from "../merging/codec.ts";
import type { QuorumMessage as OwnMessage } from "./messages.ts";
import type { QuorumMessage } from "./quorum.ts";

/** Never reused for something else: they are on the wire between versions during an upgrade. */
const KIND = {
  store: 32,
  hint: 33,
  stored: 34,
  refused: 35,
  examine: 36,
  examined: 37,
  repair: 38,
} as const satisfies Record<OwnMessage["type"], number>;

export const quorumCodec: MergingCodec<QuorumMessage> = mergingCodec(writeOwn, readOwn);

function writeOwn(w: ByteWriter, m: OwnMessage): void {
  w.u8(KIND[m.type]);
  switch (m.type) {
    case "store":
      w.varint(m.id);
      w.bytes(m.delta);
      return;
    case "hint":
      w.varint(m.id);
      w.varint(m.for);
      w.bytes(m.delta);
      return;
    case "stored":
    case "refused":
      w.varint(m.id);
      return;
    case "examine":
      w.varint(m.id);
      w.bytes(m.reading);
      writeHash(w, m.digest);
      return;
    case "examined":
      w.varint(m.id);
      writeFlag(w, m.delta !== null);
      if (m.delta !== null) w.bytes(m.delta);
      return;
    case "repair":
      w.bytes(m.delta);
      return;
    default:
      unreachable(m);
  }
}

function readOwn(r: ByteReader, kind: number): OwnMessage {
  switch (kind) {
    case KIND.store:
      return { type: "store", id: r.varint(), delta: r.bytes() };
    case KIND.hint: {
      const id = r.varint();
      return { type: "hint", id, for: readNode(r), delta: r.bytes() };
    }
    case KIND.stored:
      return { type: "stored", id: r.varint() };
    case KIND.refused:
      return { type: "refused", id: r.varint() };
    case KIND.examine: {
      const id = r.varint();
      const reading = r.bytes();
      return { type: "examine", id, reading, digest: readHash(r) };
    }
    case KIND.examined: {
      const id = r.varint();
      return { type: "examined", id, delta: readFlag(r) ? r.bytes() : null };
    }
    case KIND.repair:
      return { type: "repair", delta: r.bytes() };
    default:
      throw new CodecError(`no kind of message: ${kind}`);
  }
}

function readNode(r: ByteReader): NodeId {
  const id = r.varint();
  if (id === 0 || id > 0xffffffff) throw new CodecError(`no node id: ${id}`);
  return nodeId(id);
}
