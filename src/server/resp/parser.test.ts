import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ARGUMENT_OVERHEAD, ProtocolError, RequestParser } from "./parser.ts";

const LIMITS = { maxBulkBytes: 1000, maxCommandBytes: 4000 };

interface Read {
  readonly commands: string[][];
  readonly oversized: string[];
  readonly parser: RequestParser;
}

function newParser(limits = LIMITS): Read {
  const commands: string[][] = [];
  const oversized: string[] = [];
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");
  const parser = new RequestParser(limits, {
    onCommand: (source, start, end, args) =>
      commands.push([text(source.subarray(start, end)), ...args.map(text)]),
    onOversized: (reason) => oversized.push(reason),
  });
  return { commands, oversized, parser };
}

const bytes = (text: string): Buffer => Buffer.from(text, "latin1");

const encode = (command: readonly string[]): string =>
  `*${command.length}\r\n${command.map((arg) => `$${arg.length}\r\n${arg}\r\n`).join("")}`;

/** Feeds `wire` cut at the given places, each piece in memory of its own. */
function feedInPieces(parser: RequestParser, wire: string, cuts: readonly number[]): void {
  const places = [0, ...cuts.map((cut) => cut % (wire.length + 1)).sort((a, b) => a - b), wire.length];
  for (let i = 1; i < places.length; i++) parser.feed(bytes(wire.slice(places[i - 1], places[i])));
}

describe("the parser", () => {
  test("reads the same commands however the stream is cut", () => {
    const argument = fc.oneof(
      fc.string({ unit: "binary-ascii", maxLength: 12 }),
      fc.constantFrom("", "\r\n", "*1\r\n$4\r\nPING\r\n", "x".repeat(900)),
    );
    const command = fc.array(argument, { minLength: 1, maxLength: 5 });
    fc.assert(
      fc.property(
        fc.array(command, { maxLength: 6 }),
        fc.array(fc.nat(5000), { maxLength: 12 }),
        (sent, cuts) => {
          const fits = sent.filter((each) => each.join("").length + each.length * ARGUMENT_OVERHEAD <= 4000);
          const { commands, parser } = newParser();
          feedInPieces(parser, fits.map(encode).join(""), cuts);
          expect(commands).toEqual(fits);
          expect(parser.buffered).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("reads a stream that comes byte by byte, arrays and lines mixed", () => {
    const wire = `${encode(["SET", "k", "v"])}PING\r\n\r\n${encode(["GET", "k"])}set a "b c"\n*0\r\n*-1\r\n`;
    const { commands, parser } = newParser();
    for (const char of wire) parser.feed(bytes(char));
    expect(commands).toEqual([["SET", "k", "v"], ["PING"], ["GET", "k"], ["set", "a", "b c"]]);
  });

  test("splits lines into words as Redis does", () => {
    const { commands, parser } = newParser();
    parser.feed(bytes(`a 'b c' "d\\x41\\n\\"" '\\'' "" x"y z"\r\n`));
    expect(commands).toEqual([["a", "b c", 'dA\n"', "'", "", "xy z"]]);
  });

  test("hands out views of the chunk, not copies", () => {
    const chunk = bytes(encode(["SET", "key", "value"]));
    let seen: Uint8Array[] = [];
    const parser = new RequestParser(LIMITS, {
      onCommand: (_s, _a, _b, args) => (seen = args),
      onOversized: () => {},
    });
    parser.feed(chunk);
    expect(seen.map((arg) => arg.buffer === chunk.buffer)).toEqual([true, true]);
  });

  test.each([
    ["*x\r\n", "invalid multibulk length"],
    ["*1048577\r\n", "invalid multibulk length"],
    ["*99999999999999999999999999999", "invalid multibulk length"],
    ["*01\r\n", "invalid multibulk length"],
    ["*1\r\n+PING\r\n", "expected '$', got '+'"],
    ["*1\r\n$-1\r\n", "invalid bulk length"],
    ["*1\r\n$4x\r\n", "invalid bulk length"],
    ["*1\r\n$536870913\r\n", "invalid bulk length"],
    ["*1\r\n$4\r\nPINGxx", "expected CR LF after a bulk"],
    ['set a "b\r\n', "unbalanced quotes in request"],
    ['set a "b"c\r\n', "unbalanced quotes in request"],
    [`${"x".repeat(70_000)}`, "too big inline request"],
  ])("answers %j with its own error", (wire, complaint) => {
    for (const step of [wire.length, Math.ceil(wire.length / 100)]) {
      const { parser } = newParser();
      const feed = (): void => {
        for (let at = 0; at < wire.length; at += step) parser.feed(bytes(wire.slice(at, at + step)));
      };
      expect(feed).toThrow(new ProtocolError(`Protocol error: ${complaint}`));
    }
  });

  test("after a protocol error the rest of the stream is ignored", () => {
    const { commands, parser } = newParser();
    expect(() => parser.feed(bytes("*x\r\n"))).toThrow(ProtocolError);
    parser.feed(bytes(encode(["SET", "a", "b"])));
    expect(commands).toEqual([]);
  });

  test("an argument over the limit is skipped, wherever the stream is cut, and the next command is read", () => {
    const wire = `${encode(["SET", "k", "x".repeat(1001)])}${encode(["PING"])}`;
    for (let cut = 0; cut <= wire.length; cut += 7) {
      const { commands, oversized, parser } = newParser();
      feedInPieces(parser, wire, [cut, cut + 1, cut + 3]);
      expect(commands).toEqual([["PING"]]);
      expect(oversized).toEqual(["an argument of 1001 bytes is over the limit of 1000 bytes"]);
    }
  });

  test("many arguments together are over the limit of a command, and cost no memory from there on", () => {
    const { commands, oversized, parser } = newParser();
    const wire = encode(Array.from({ length: 1000 }, () => ""));
    parser.feed(bytes(wire.slice(0, -6)));
    expect(parser.buffered).toBeLessThanOrEqual(4000);
    parser.feed(bytes(`${wire.slice(-6)}${encode(["PING"])}`));
    expect(commands).toEqual([["PING"]]);
    expect(oversized).toEqual(["the command is over the limit of 4000 bytes"]);
  });

  test("a length that is announced is no memory yet", () => {
    const { parser } = newParser({ maxBulkBytes: 16 << 20, maxCommandBytes: 64 << 20 });
    parser.feed(bytes("*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$16777216\r\nabc"));
    expect(parser.buffered).toBeLessThan(500);
  });

  test("a large argument in many small chunks is put together once", () => {
    const value = Buffer.alloc(8 << 20, 0x61);
    const { commands, parser } = newParser({ maxBulkBytes: 16 << 20, maxCommandBytes: 64 << 20 });
    const start = performance.now();
    parser.feed(bytes(`*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$${value.length}\r\n`));
    for (let at = 0; at < value.length; at += 512) parser.feed(value.subarray(at, at + 512));
    parser.feed(bytes("\r\n"));
    expect(commands[0]![2]!.length).toBe(value.length);
    // Putting it together anew with every chunk would copy 64 GiB.
    expect(performance.now() - start).toBeLessThan(3000);
  });

  test("a handler that stops the parser is not called again", () => {
    let calls = 0;
    const parser: RequestParser = new RequestParser(LIMITS, {
      onCommand: () => {
        calls++;
        parser.stop();
      },
      onOversized: () => {},
    });
    parser.feed(bytes(encode(["QUIT"]) + encode(["SET", "a", "b"])));
    parser.feed(bytes(encode(["SET", "a", "b"])));
    expect(calls).toBe(1);
  });
});
