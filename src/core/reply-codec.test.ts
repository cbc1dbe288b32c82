import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvariantError } from "./assert.ts";
import { ByteReader, ByteWriter, CodecError } from "./bytes.ts";
import { ERRORS, type ErrorCode } from "./errors.ts";
import { decodeReply, encodeReply } from "./reply-codec.ts";
import { Double, Failure, MapReply, NULL_ARRAY, OK, QUEUED, SetReply, Status, type Reply } from "./reply.ts";

function encoded(reply: Reply): Uint8Array {
  const writer = new ByteWriter();
  encodeReply(writer, reply);
  return writer.finish();
}

function roundTrip(reply: Reply): Reply {
  const reader = new ByteReader(encoded(reply));
  const back = decodeReply(reader);
  reader.end();
  return back;
}

const LONG = 2n ** 63n;
const ERROR_CODES = Object.keys(ERRORS) as readonly ErrorCode[];

const { reply: anyReply } = fc.letrec<{ reply: Reply }>((tie) => ({
  reply: fc.oneof(
    { depthSize: "small", maxDepth: 4 },
    fc.constantFrom<Reply>(null, true, false, OK, QUEUED, NULL_ARRAY),
    fc.maxSafeInteger().filter((value) => !Object.is(value, -0)),
    fc.bigInt(-LONG, LONG - 1n),
    fc.uint8Array(),
    fc.string().map((text) => new Status(text)),
    fc.string({ unit: "binary" }).map((text) => new Failure(text)),
    fc.constantFrom(...ERROR_CODES).map((code) => new Failure(`ERR ${code}`, code)),
    fc.double().map((value) => new Double(value)),
    fc.array(tie("reply")),
    fc.array(tie("reply")).map((members) => new SetReply(members)),
    fc.array(fc.tuple(tie("reply"), tie("reply"))).map((pairs) => new MapReply(pairs)),
  ),
}));

describe("a reply", () => {
  test("comes back as it went in", () => {
    fc.assert(
      fc.property(anyReply, (reply) => {
        expect(roundTrip(reply)).toEqual(reply);
      }),
    );
  });

  test("of the frequent kinds is short, and constants stay themselves", () => {
    expect(encoded(OK).length).toBe(1);
    expect(encoded(42).length).toBe(2);
    expect(encoded(null).length).toBe(1);
    expect(roundTrip(OK)).toBe(OK);
    expect(roundTrip(NULL_ARRAY)).toBe(NULL_ARRAY);
    expect(roundTrip(new Failure("ERR \u{1f980} ÿ"))).toEqual(new Failure("ERR \u{1f980} ÿ"));
  });

  test("that is no 64-bit integer, or nested without end, is a defect of the caller", () => {
    for (const reply of [1.5, 2 ** 53, Number.NaN, LONG])
      expect(() => encoded(reply)).toThrow(InvariantError);
    let nested: Reply = [];
    for (let i = 0; i < 16; i++) nested = [nested];
    expect(() => encoded(nested)).toThrow(InvariantError);
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

describe("malformed bytes are refused", () => {
  test("cut short, of an unknown kind, with impossible counts, or nested too deeply", () => {
    const whole = encoded([new Failure("ERR x"), new MapReply([[1, new Double(2)]]), 5n]);
    for (let length = 0; length < whole.length; length++) {
      expect(() => decodeReply(new ByteReader(whole.subarray(0, length)))).toThrow(CodecError);
    }
    const decode = (...bytes: number[]): Reply => decodeReply(new ByteReader(Uint8Array.from(bytes)));
    expect(() => decode(99)).toThrow("unknown reply tag 99");
    expect(() => decode(11, 0xff, 0xff, 0xff, 0xff, 0x0f)).toThrow(CodecError);
    expect(() => decode(9, 1, 0x80, 0x80, 0x04)).toThrow(CodecError);
    expect(() => decode(...Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? 11 : 1)))).toThrow(
      "levels deep",
    );
  });

  test("any bytes give a reply or a CodecError", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (noise) => {
        expect(thrown(() => decodeReply(new ByteReader(noise))) ?? new CodecError("")).toBeInstanceOf(
          CodecError,
        );
      }),
      { numRuns: 1000 },
    );
  });
});
