import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { groupId } from "../../core/ids.ts";
import {
  batchBytes,
  checksumSeed,
  decodeRecords,
  decodeSegmentHeader,
  encodeBatch,
  encodeSegmentHeader,
  findHeader,
  readBatch,
  segmentName,
  segmentNumber,
} from "./format.ts";
import type { LogRecord } from "./format.ts";
import { INSTANCE, records, show } from "./log.testkit.ts";

const SEED = checksumSeed(INSTANCE);
const hex = (...parts: Uint8Array[]): string => Buffer.concat(parts).toString("hex");

const anyRecord: fc.Arbitrary<LogRecord> = fc.record({
  group: fc.nat(0xffffffff).map(groupId),
  checkpoint: fc.boolean(),
  bytes: fc.oneof(
    fc.uint8Array({ maxLength: 40 }),
    fc.integer({ min: 4090, max: 4100 }).map((length) => new Uint8Array(length).fill(length)),
  ),
});

describe("the bytes on the disk do not change from version to version", () => {
  test("of a segment's header", () => {
    const header = encodeSegmentHeader(3, INSTANCE);
    expect(header).toHaveLength(512);
    expect(hex(header.subarray(0, 40))).toBe(
      `4b564f52554d574c 00000001 4008000000000000 ${INSTANCE} c51db8d5`.replaceAll(" ", ""),
    );
    expect(header.subarray(40).every((byte) => byte === 0)).toBe(true);
  });

  test("of a batch", () => {
    const place = { segment: 3, offset: 512, sequence: 17 };
    const header = "4b564254 00000015 4031000000000000 4008000000000000 00000200 00000002 903180ad 28bfc4d2";
    const payload = "00000001 00 00000002 6162  00000102 01 00000001 63";
    expect(hex(...encodeBatch(SEED, place, records("1:ab", "258!c")))).toBe(
      `${header} ${payload} 000000`.replaceAll(" ", ""),
    );
  });
});

test("whatever is written into a batch is read from it, at its place only", () => {
  fc.assert(
    fc.property(
      fc.array(anyRecord, { maxLength: 12 }),
      fc.integer({ min: 0, max: 5 }),
      fc.nat(Number.MAX_SAFE_INTEGER),
      (batch, slots, sequence) => {
        const offset = slots * 8;
        const pieces = encodeBatch(SEED, { segment: 7, offset, sequence }, batch);
        const segment = new Uint8Array(
          Buffer.concat([new Uint8Array(offset), ...pieces, new Uint8Array(48)]),
        );
        const reading = readBatch(segment, 7, offset, sequence, SEED);
        if (reading.type !== "batch") throw new Error(JSON.stringify(reading));
        expect(reading.bytes).toBe(batchBytes(batch));
        expect(reading.bytes).toBe(segment.length - offset - 48);
        expect(decodeRecords(reading.payload, batch.length)!.map(show)).toEqual(batch.map(show));
        expect(decodeRecords(reading.payload, batch.length + 1)).toBeNull();

        expect(readBatch(segment, 7, offset, null, SEED).type).toBe("batch");
        expect(readBatch(segment, 8, offset, sequence, SEED).type).toBe("invalid");
        expect(readBatch(segment, 7, offset, sequence + 1, SEED).type).toBe("invalid");
        expect(readBatch(segment, 7, offset, sequence, SEED + 1).type).toBe("invalid");
        expect(readBatch(segment, 7, offset + reading.bytes, null, SEED).type).toBe("nothing");
        expect(findHeader(segment, 0, SEED)?.sequence).toBe(sequence);
        expect(findHeader(segment, offset + 1, SEED)).toBeNull();
      },
    ),
  );
});

test("a payload that does not divide into records is none", () => {
  expect(decodeRecords(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0), 1)).toBeNull();
  expect(decodeRecords(Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 5, 1), 1)).toBeNull();
});

test("segments are named so that they sort; other names are not segments", () => {
  for (const number of [1, 999_999, 1_000_000, 123_456_789])
    expect(segmentNumber(segmentName(number))).toBe(number);
  for (const name of ["1.log", "0000001.log", "000001.log.tmp", "x000001.log", "identity.json"]) {
    expect(segmentNumber(name)).toBeNull();
  }
});

test("a header says which segment of which directory it belongs to, or that it is damaged, or newer", () => {
  const header = encodeSegmentHeader(4_000_000_000, INSTANCE);
  expect(decodeSegmentHeader(header)).toEqual({ type: "valid", number: 4_000_000_000, instance: INSTANCE });
  expect(decodeSegmentHeader(header.subarray(0, 100))).toEqual({ type: "damaged" });
  expect(decodeSegmentHeader(new Uint8Array(512))).toEqual({ type: "damaged" });
  header[11] = 9;
  expect(decodeSegmentHeader(header)).toEqual({ type: "newer", version: 9 });
  header[11] = 0;
  expect(decodeSegmentHeader(header)).toEqual({ type: "damaged" });
});
