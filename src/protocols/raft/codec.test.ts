import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CodecError } from "../../core/bytes.ts";
import { nodeId } from "../../core/ids.ts";
import { raftCodec } from "./codec.ts";
import { configuration } from "./configuration.ts";
import type { Entry, RaftMessage, RaftRecord } from "./messages.ts";

const number = fc.oneof(fc.nat(300), fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER));
const payload = fc.uint8Array({ maxLength: 300 });
const ids = fc.uniqueArray(fc.integer({ min: 1, max: 0xffffffff }), { maxLength: 5 });
const config = fc
  .tuple(ids, ids, ids)
  .map(([voters, learners, outgoing]) =>
    configuration(
      voters.map(nodeId),
      learners.filter((id) => !voters.includes(id)).map(nodeId),
      voters.length === 0 ? [] : outgoing.map(nodeId),
    ),
  );
const entryIn = (term: number): fc.Arbitrary<Entry> =>
  fc.oneof(
    payload.map((command): Entry => ({ kind: "command", term, command })),
    fc.constant<Entry>({ kind: "noop", term }),
    config.map((one): Entry => ({ kind: "configuration", term, configuration: one })),
  );
const entries = fc.array(entryIn(5), { maxLength: 5 });
const snapshot = fc.record({ id: fc.string({ unit: "grapheme-ascii" }), index: number });
const chunk = fc.record({ cursor: payload, data: payload, next: fc.option(payload) });
const flag = fc.boolean();
const type = <T extends string>(name: T): fc.Arbitrary<T> => fc.constant(name);

const message: fc.Arbitrary<RaftMessage> = fc.oneof(
  fc.record({
    type: type("vote-request"),
    term: number,
    pre: flag,
    transfer: flag,
    lastIndex: number,
    lastTerm: number,
  }),
  fc.record({ type: type("vote-response"), term: number, pre: flag, granted: flag }),
  fc.record({
    type: type("append"),
    term: fc.constant(5),
    round: number,
    prevIndex: number,
    prevTerm: fc.nat(5),
    commit: number,
    entries,
  }),
  fc.record({ type: type("append-accepted"), term: number, round: number, match: number }),
  fc.record({
    type: type("append-rejected"),
    term: number,
    round: number,
    prevIndex: number,
    hintIndex: number,
    hintTerm: number,
  }),
  fc.record({ type: type("heartbeat"), term: number, round: number, commit: number }),
  fc.record({
    type: type("heartbeat-response"),
    term: number,
    round: number,
    matched: number,
    durable: number,
  }),
  fc.record({ type: type("commit"), term: number, commit: number }),
  fc.record({ type: type("stale-term"), term: number }),
  fc.record({ type: type("timeout-now"), term: number }),
  fc.record({ type: type("read-index"), term: number, life: number, read: number, lease: flag }),
  fc.record({
    type: type("read-index-response"),
    term: number,
    life: number,
    read: number,
    index: fc.option(number),
  }),
  fc.record({
    type: type("snapshot"),
    term: fc.constant(9),
    snapshot,
    snapshotTerm: fc.nat(9),
    configuration: config,
    chunk: fc.option(chunk),
  }),
  fc.record({ type: type("snapshot-response"), term: number, snapshot, cursor: payload }),
);

const record: fc.Arbitrary<RaftRecord> = fc.oneof(
  fc.record({
    type: type("hard-state"),
    term: number,
    vote: fc.option(fc.integer({ min: 1, max: 0xffffffff }).map(nodeId)),
    life: number,
  }),
  fc.record({ type: type("entries"), start: fc.integer({ min: 1 }), entries }),
  fc.record({ type: type("log-start"), index: number, term: number, configuration: config }),
);

test("every message and every record comes back as it was", () => {
  fc.assert(
    fc.property(message, (one) => {
      expect(raftCodec.decodeMessage(raftCodec.encodeMessage(one))).toEqual(one);
    }),
  );
  fc.assert(
    fc.property(record, (one) => {
      expect(raftCodec.decodeRecord(raftCodec.encodeRecord(one))).toEqual(one);
    }),
  );
});

test("whatever the bytes, decoding ends in a value or a CodecError", () => {
  let refused = 0;
  const refuses = (decode: (bytes: Uint8Array) => unknown, bytes: Uint8Array): boolean => {
    try {
      decode(bytes);
      return false;
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      refused++;
      return true;
    }
  };
  const decodes = (bytes: Uint8Array): void => {
    refuses(raftCodec.decodeMessage, bytes);
    refuses(raftCodec.decodeRecord, bytes);
  };
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), decodes), { numRuns: 2000 });
  // One byte changed, and every prefix, of something valid.
  fc.assert(
    fc.property(message, fc.nat(), fc.nat(255), (one, at, byte) => {
      const bytes = raftCodec.encodeMessage(one);
      const changed = bytes.slice();
      changed[at % bytes.length] = byte;
      decodes(changed);
      return refuses(raftCodec.decodeMessage, bytes.subarray(0, at % bytes.length));
    }),
    { numRuns: 2000 },
  );
  expect(refused).toBeGreaterThan(2000);
});

test("trailing bytes, counts beyond the frame, and contradictions are refused", () => {
  const refuse = (...bytes: number[]): void => {
    expect(() => raftCodec.decodeMessage(Uint8Array.from(bytes))).toThrow(CodecError);
  };
  refuse();
  refuse(99, 1);
  refuse(10, 1, 0);
  // An append that says it has 2^40 entries.
  refuse(3, 1, 0, 0, 0, 0, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20);
  // An entry of a later term than the message; terms that decrease.
  refuse(3, 1, 0, 0, 0, 0, 1, 2, 1);
  refuse(3, 3, 0, 0, 0, 0, 2, 2, 1, 1, 1);
  // A configuration with a node twice, and with node 0.
  const record = (...bytes: number[]): void => {
    expect(() => raftCodec.decodeRecord(Uint8Array.from(bytes))).toThrow(CodecError);
  };
  record(3, 0, 0, 2, 4, 4, 0, 0);
  record(3, 0, 0, 1, 0, 0, 0);
  record(3, 0, 0, 1, 4, 0, 1, 4);
});

test("a command is decoded as a view of its frame, not as a copy", () => {
  const command = new Uint8Array([1, 2, 3]);
  const bytes = raftCodec.encodeRecord({
    type: "entries",
    start: 1,
    entries: [{ kind: "command", term: 1, command }],
  });
  const back = raftCodec.decodeRecord(bytes);
  if (back.type !== "entries" || back.entries[0]?.kind !== "command") throw new Error("not what was encoded");
  expect(back.entries[0].command).toEqual(command);
  expect(back.entries[0].command.buffer).toBe(bytes.buffer);
});
