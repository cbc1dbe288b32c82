import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ByteReader, ByteWriter, CodecError } from "../core/bytes.ts";
import { BatchBuilder, decodeBatch, decodeOperation, encodeOperation, type Operation } from "./batch.ts";
import { publicCommands } from "./commands.ts";
import { bytes, call } from "./data.testkit.ts";
import type { Envelope } from "./delivery.ts";

const HEADER = { time: 1_700_000_000_123, seed: 0xdead_beef, maxValueBytes: 16_777_216 };

const commandCall = fc
  .tuple(fc.constantFrom(...publicCommands), fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 5 }))
  .map(([spec, extra]) => {
    const least = Math.abs(spec.arity) - 1;
    const args = [...extra, ...Array.from({ length: least }, () => bytes("x"))];
    return { spec, args: spec.arity < 0 ? args : args.slice(0, least) };
  });

const bare: fc.Arbitrary<Operation> = fc.oneof(
  commandCall.map((each) => ({ kind: "command" as const, ...each })),
  fc.record({
    kind: fc.constant("transaction" as const),
    watched: fc.array(fc.record({ key: fc.uint8Array(), version: fc.maxSafeNat() }), { maxLength: 3 }),
    calls: fc.array(commandCall, { maxLength: 4 }),
  }),
);

const envelope: fc.Arbitrary<Envelope> = fc.oneof(
  fc.record({
    kind: fc.constant("session" as const),
    token: fc.maxSafeNat(),
    sequence: fc.maxSafeNat(),
    acknowledged: fc.maxSafeNat(),
  }),
  fc.record({ kind: fc.constant("idempotency" as const), key: fc.uint8Array(), lifetime: fc.maxSafeNat() }),
);

const operation: fc.Arbitrary<Operation> = fc.oneof(
  bare,
  fc.tuple(bare, envelope).map(([inner, around]) => ({ ...inner, envelope: around })),
);

describe("a batch", () => {
  test("comes back as it went in", () => {
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 20 }), (operations) => {
        const builder = new BatchBuilder();
        for (const each of operations) builder.add(each);
        expect(builder.count).toBe(operations.length);
        const length = builder.byteLength;
        const payload = builder.finish(HEADER);
        expect(payload.length).toBe(length);
        expect(decodeBatch(payload)).toEqual({ ...HEADER, operations });
        expect([builder.count, builder.byteLength]).toEqual([0, 25]);
      }),
    );
  });

  test("has this very form: logs of other versions are read with it", () => {
    const builder = new BatchBuilder();
    builder.add({ kind: "command", ...call("set", "k", "v") });
    builder.add({
      kind: "transaction",
      watched: [{ key: bytes("w"), version: 300 }],
      calls: [call("incr", "c"), call("get", "k")],
    });
    const payload = builder.finish({ time: 1, seed: 2, maxValueBytes: 3 });
    expect([...payload].map((byte) => byte.toString(16).padStart(2, "0")).join("")).toBe(
      ["01", "3ff0000000000000", "00000002", "4008000000000000", "00000002"].join("") +
        ["21", "02", "016b", "0176"].join("") +
        ["00", "01", "0177", "ac02", "02", "48", "01", "0163", "20", "01", "016b"].join(""),
    );
  });

  test("copies arguments: the caller may reuse its buffers", () => {
    const builder = new BatchBuilder();
    const key = bytes("key");
    builder.add({ kind: "command", ...call("get", key) });
    key.fill(0);
    const [first] = decodeBatch(builder.finish(HEADER)).operations;
    expect(first).toMatchObject({ args: [bytes("key")] });
  });

  test("an operation travels alone, too", () => {
    fc.assert(
      fc.property(operation, (each) => {
        const writer = new ByteWriter();
        encodeOperation(writer, each);
        const reader = new ByteReader(writer.finish());
        expect(decodeOperation(reader)).toEqual(each);
        reader.end();
      }),
    );
  });
});

function thrown(decode: () => unknown): unknown {
  try {
    decode();
    return null;
  } catch (error) {
    return error;
  }
}

describe("a malformed batch is refused", () => {
  const payload = (): Uint8Array => {
    const builder = new BatchBuilder();
    builder.add({ kind: "command", ...call("set", "key", "value") });
    builder.add({ kind: "transaction", watched: [], calls: [call("get", "key")] });
    return builder.finish(HEADER);
  };

  test("cut short anywhere, or with bytes to spare", () => {
    const whole = payload();
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeBatch(whole.subarray(0, length))).toThrow(CodecError);
    }
    expect(() => decodeBatch(Uint8Array.of(...whole, 0))).toThrow(CodecError);
  });

  test("of another format, with a command from the future, or with a number of arguments that no client sent", () => {
    const changed = (at: number, byte: number): Uint8Array => {
      const copy = payload();
      copy[at] = byte;
      return copy;
    };
    expect(() => decodeBatch(changed(0, 2))).toThrow("batch has format 2");
    expect(() => decodeBatch(changed(25, 127))).toThrow("command 127 is not known here");
    expect(() => decodeBatch(changed(25, 2))).toThrow("command 2 is not known here");
    expect(() => decodeBatch(changed(25, 32))).toThrow("get with 2 arguments");
    expect(() => decodeBatch(changed(1, 0xff))).toThrow("is not a whole number");
  });

  test("any bytes give a batch or a CodecError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.nat(60), (noise, at) => {
        const mixed = payload();
        mixed.set(noise.subarray(0, Math.max(0, mixed.length - at)), Math.min(at, mixed.length));
        expect(thrown(() => decodeBatch(mixed)) ?? new CodecError("")).toBeInstanceOf(CodecError);
      }),
      { numRuns: 200 },
    );
  });
});
