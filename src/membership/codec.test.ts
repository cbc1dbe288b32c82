import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CodecError } from "../core/bytes.ts";
import { nodeId } from "../core/ids.ts";
import { decodeSwimMessage, encodeSwimMessage, envelopeBytes, recordBytes } from "./codec.ts";
import type { MemberRecord, SwimMessage } from "./messages.ts";
import { MAX_INCARNATION } from "./record.ts";

const id = fc.integer({ min: 1, max: 2 ** 32 - 1 }).map(nodeId);
const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const address = fc.record({
  host: fc.string({ unit: "binary-ascii", minLength: 1, maxLength: 255 }),
  port: fc.integer({ min: 0, max: 65_535 }),
});
const record: fc.Arbitrary<MemberRecord> = fc
  .record({
    id,
    address,
    incarnation: fc.integer({ min: 0, max: MAX_INCARNATION }),
    status: fc.constantFrom("alive", "suspect", "dead", "left"),
    by: id,
  })
  .map((made) => ({ ...made, by: made.status === "suspect" ? made.by : null }));
const records = fc.array(record, { maxLength: 20 });
const envelope = { from: fc.option(record), updates: records };
const kind = <T extends string>(type: T) => fc.constant(type);

const message: fc.Arbitrary<SwimMessage> = fc.oneof(
  fc.record({ type: kind("ping"), sequence: number, target: id, ...envelope }),
  fc.record({ type: kind("ping-request"), sequence: number, target: id, address, ...envelope }),
  fc.record({ type: kind("ack"), sequence: number, ...envelope }),
  fc.record({ type: kind("nack"), sequence: number, ...envelope }),
  fc.record({ type: kind("gossip"), ...envelope }),
  fc.record({
    type: kind("list-request"),
    after: number,
    digest: fc.option(fc.integer({ min: 0, max: 2 ** 32 - 1 })),
    replyTo: address,
    ...envelope,
  }),
  fc
    .record({ type: kind("list"), records, more: fc.boolean(), ...envelope })
    .map(({ more, records, ...rest }) => {
      const sorted = [...new Map(records.map((one) => [one.id, one])).values()].sort((a, b) => a.id - b.id);
      return { ...rest, after: 0, next: more ? (sorted.at(-1)?.id ?? 0) : 0, records: sorted };
    }),
);

test("what is written is read again", () => {
  fc.assert(
    fc.property(message, (one) => {
      expect(decodeSwimMessage(encodeSwimMessage(one))).toEqual(one);
    }),
    { seed: 1, numRuns: 500 },
  );
});

function refusalOf(bytes: Uint8Array): unknown {
  try {
    decodeSwimMessage(bytes);
    return null;
  } catch (error) {
    return error;
  }
}

test("malformed bytes throw CodecError and nothing else", () => {
  const mangled = fc
    .tuple(message, fc.nat(), fc.nat({ max: 255 }), fc.nat())
    .map(([one, place, byte, length]) => {
      const bytes = encodeSwimMessage(one).slice();
      bytes[place % bytes.length] = byte;
      return bytes.subarray(0, length % 2 === 0 ? bytes.length : length % bytes.length);
    });
  fc.assert(
    fc.property(fc.oneof(mangled, fc.uint8Array({ maxLength: 100 })), (bytes) => {
      expect(refusalOf(bytes)).toSatisfy((error) => error === null || error instanceof CodecError);
    }),
    { seed: 1, numRuns: 2000 },
  );
});

test("a message cut short, or with something after it, is refused", () => {
  fc.assert(
    fc.property(message, fc.nat(), (one, cut) => {
      const bytes = encodeSwimMessage(one);
      expect(() => decodeSwimMessage(bytes.subarray(0, cut % bytes.length))).toThrow(CodecError);
      expect(() => decodeSwimMessage(Uint8Array.of(...bytes, 0))).toThrow(CodecError);
    }),
    { seed: 1, numRuns: 200 },
  );
});

test("sizes are known before a message is made: exactly for records, never too little for the rest", () => {
  fc.assert(
    fc.property(message, (one) => {
      if (one.from === null) return;
      const named = "address" in one ? one.address : "replyTo" in one ? one.replyTo : null;
      const listed = [...one.updates, ...("records" in one ? one.records : [])];
      const empty = encodeSwimMessage(
        one.type === "list" ? { ...one, next: 0, records: [], updates: [] } : { ...one, updates: [] },
      );
      const bytes = encodeSwimMessage(one);
      const sum = listed.reduce((total, record) => total + recordBytes(record), 0);
      expect(bytes.length).toBeLessThanOrEqual(envelopeBytes(one.from, named) + sum);
      expect(bytes.length).toBeGreaterThanOrEqual(empty.length + sum);
    }),
    { seed: 1, numRuns: 300 },
  );
});

const bytesOf = (change: Partial<MemberRecord>) =>
  encodeSwimMessage({
    type: "gossip",
    updates: [],
    from: {
      id: nodeId(1),
      address: { host: "a", port: 1 },
      incarnation: 0,
      status: "alive",
      by: null,
      ...change,
    },
  });

test.each([
  ["nobody's id", bytesOf({ id: nodeId(0) })],
  ["an id of more than 32 bits", bytesOf({ id: nodeId(2 ** 32) })],
  ["an incarnation that leaves no room", bytesOf({ incarnation: MAX_INCARNATION + 1 })],
  ["a host without a name", bytesOf({ address: { host: "", port: 1 } })],
  ["a host with too long a name", bytesOf({ address: { host: "a".repeat(256), port: 1 } })],
  ["a port that is none", bytesOf({ address: { host: "a", port: 65_536 } })],
  ["an unknown kind", Uint8Array.of(99, 0, 0)],
  ["more records than bytes", Uint8Array.of(5, 0, 200)],
  ["more than any message", new Uint8Array(64 * 1024 + 1)],
])("%s is refused", (_, bytes) => {
  expect(() => decodeSwimMessage(bytes)).toThrow(CodecError);
});
