import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, ByteWriter, CodecError, binaryBytes, binaryString } from "./bytes.ts";

describe("bytes", () => {
  test("whatever is written is read back, over any number of uses of one writer", () => {
    const writer = new ByteWriter(1);
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            fc.record({ kind: fc.constant("u8" as const), value: fc.nat(255) }),
            fc.record({ kind: fc.constant("u32" as const), value: fc.nat(0xffffffff) }),
            fc.record({ kind: fc.constant("varint" as const), value: fc.maxSafeNat() }),
            fc.record({ kind: fc.constant("f64" as const), value: fc.double({ noNaN: true }) }),
            fc.record({ kind: fc.constant("bytes" as const), value: fc.uint8Array({ maxLength: 600 }) }),
          ),
        ),
        (items) => {
          for (const item of items) {
            if (item.kind === "bytes") writer.bytes(item.value);
            else writer[item.kind](item.value);
          }
          const reader = new ByteReader(writer.finish());
          for (const item of items) {
            expect(item.kind === "bytes" ? reader.bytes() : reader[item.kind]()).toEqual(item.value);
          }
          reader.end();
        },
      ),
    );
  });

  test("what was finished stays as it is when the writer goes on", () => {
    const writer = new ByteWriter();
    writer.u8(1);
    const first = writer.finish();
    writer.u8(2);
    expect([...first]).toEqual([1]);
    expect([...writer.finish()]).toEqual([2]);
    expect(writer.finish()).toHaveLength(0);
  });

  test("reading past the end, trailing bytes and endless varints are refused", () => {
    expect(() => new ByteReader(Uint8Array.of(1, 2)).u32()).toThrow(CodecError);
    expect(() => new ByteReader(Uint8Array.of(200, 1)).bytes()).toThrow(/need 200 bytes/);
    expect(() => new ByteReader(Uint8Array.of(1)).end()).toThrow(/1 bytes left over/);
    expect(() => new ByteReader(new Uint8Array(20).fill(0xff)).varint()).toThrow(/varint over/);
  });

  test("binary strings keep every byte, also long ones", () => {
    const bytes = Uint8Array.from({ length: 20_000 }, (_, i) => (i * 7) % 256);
    expect(binaryBytes(binaryString(bytes))).toEqual(bytes);
  });
});
