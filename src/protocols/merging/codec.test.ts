import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodecError } from "../../core/bytes.ts";
import { nodeId, replicaId } from "../../core/ids.ts";
import { gossipCodec } from "../gossip/codec.ts";
import type { GossipMessage } from "../gossip/gossip.ts";
import { quorumCodec } from "../quorum/codec.ts";
import type { QuorumMessage } from "../quorum/quorum.ts";
import type { MergingCodec } from "./codec.ts";
import { decodeMergingRecord, encodeMergingRecord } from "./codec.ts";
import type { SharedMessage } from "./messages.ts";
import { drawSession } from "./messages.ts";
import type { MergingRecord } from "./records.ts";
import { bytes } from "./toy.testkit.ts";

const session = drawSession(() => 0.999_999_999);
const source = replicaId(2 ** 52 + 1);
const root = { high: 0xffff_ffff, low: 1 };
const hashes = Uint32Array.from([1, 2, 0, 0, 0, 7]);
const delta = bytes("delta");
const context = bytes("context");

const SHARED: readonly SharedMessage[] = [
  { type: "compare", session, shape: { fanout: 256, depth: 2, seed: 9 }, root },
  { type: "same", session, source, ready: true, root, context },
  { type: "families", session, source, ready: false, context, families: [{ parent: 0, hashes }] },
  {
    type: "families",
    session,
    source,
    ready: true,
    context: null,
    families: [
      { parent: 3, hashes },
      { parent: 4, hashes },
    ],
  },
  { type: "families", session, source, ready: true, context: null, families: [] },
  { type: "ask", session, parents: [1, 2, 900] },
  { type: "fetch", session, leaves: [7, 3] },
  { type: "leaves", session, source, leaves: [7], delta },
  { type: "push", session, delta },
  { type: "pushed", session, source, taken: false },
  { type: "handover", session, number: 0, to: null, delta, last: null },
  { type: "handover", session, number: 3, to: source, delta, last: { context, ready: true } },
  { type: "taken", session, number: 3, source, taken: true },
];
const GOSSIP: readonly GossipMessage[] = [
  { type: "rumors", rumors: [{ id: "5:1", payload: delta, age: 3 }], asks: true },
  { type: "rumors", rumors: [], asks: false },
  { type: "feedback", needed: ["5:1"], unneeded: ["5:2", "6:1"] },
];
const QUORUM: readonly QuorumMessage[] = [
  { type: "store", id: session, delta },
  { type: "hint", id: 1, for: nodeId(3), delta },
  { type: "stored", id: session },
  { type: "refused", id: 0 },
  { type: "examine", id: 5, reading: bytes("what"), digest: root },
  { type: "examined", id: 5, delta: null },
  { type: "examined", id: 5, delta },
  { type: "repair", delta },
];
const RECORDS: readonly MergingRecord[] = [
  { type: "born", replica: source, founder: true },
  { type: "ready" },
  { type: "entry", index: 1, kind: "command", bytes: bytes("c") },
  { type: "entry", index: 2 ** 40, kind: "merge", bytes: bytes("") },
  { type: "entry", index: 3, kind: "adopt", bytes: context },
];

/** Decodes, or says that it is malformed. Nothing else may happen. */
function fate<M>(codec: MergingCodec<M>, data: Uint8Array): "message" | "malformed" {
  try {
    codec.decodeMessage(data);
    return "message";
  } catch (error) {
    if (error instanceof CodecError) return "malformed";
    throw error;
  }
}

describe("messages and records", () => {
  test("come back as they were", () => {
    for (const message of [...SHARED, ...GOSSIP])
      expect(gossipCodec.decodeMessage(gossipCodec.encodeMessage(message))).toEqual(message);
    for (const message of [...SHARED, ...QUORUM])
      expect(quorumCodec.decodeMessage(quorumCodec.encodeMessage(message))).toEqual(message);
    for (const record of RECORDS) expect(decodeMergingRecord(encodeMergingRecord(record))).toEqual(record);
  });

  test("cut off, or with more behind, are refused", () => {
    for (const message of [...SHARED, ...QUORUM]) {
      const whole = quorumCodec.encodeMessage(message);
      for (let length = 0; length < whole.length; length++)
        expect(fate(quorumCodec, whole.subarray(0, length))).toBe("malformed");
      expect(fate(quorumCodec, Uint8Array.from([...whole, 0]))).toBe("malformed");
    }
    for (const message of GOSSIP) {
      const whole = gossipCodec.encodeMessage(message);
      for (let length = 0; length < whole.length; length++)
        expect(fate(gossipCodec, whole.subarray(0, length))).toBe("malformed");
    }
  });

  test("any bytes are a message or a codec error", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 40 }), fc.uint8Array({ maxLength: 40 }), (kind, rest) => {
        const data = Uint8Array.from([kind, ...rest]);
        expect(["message", "malformed"]).toContain(fate(gossipCodec, data));
        expect(["message", "malformed"]).toContain(fate(quorumCodec, data));
      }),
      { numRuns: 1000 },
    );
  });

  test("records of no kind, without an index or a replica, are refused", () => {
    for (const data of [[9], [3, 0, 0], [1, 0, 1], [1, 5, 2]])
      expect(() => decodeMergingRecord(Uint8Array.from(data))).toThrow(CodecError);
  });
});
