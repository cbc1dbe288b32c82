import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Double, Failure, MapReply, NULL_ARRAY, SetReply, Status, type Reply } from "../../core/reply.ts";
import { formatReply, rawReply } from "./format-reply.ts";
import { ProtocolError, ReplyParser } from "./reply-parser.ts";
import { splitLine } from "./split-line.ts";

const bytes = (text: string) => Uint8Array.from(Buffer.from(text));

function parse(text: string): Reply | undefined {
  const parser = new ReplyParser();
  parser.push(bytes(text));
  return parser.next();
}

const EXAMPLES: readonly (readonly [wire: string, reply: Reply, shown: string])[] = [
  ["+OK\r\n", new Status("OK"), "OK"],
  ["-ERR no\r\n", new Failure("ERR no"), "(error) ERR no"],
  [":-12\r\n", -12, "(integer) -12"],
  [":9223372036854775807\r\n", 9223372036854775807n, "(integer) 9223372036854775807"],
  ["$3\r\na\nb\r\n", bytes("a\nb"), '"a\\nb"'],
  ["$0\r\n\r\n", bytes(""), '""'],
  ["$-1\r\n", null, "(nil)"],
  ["_\r\n", null, "(nil)"],
  ["*-1\r\n", NULL_ARRAY, "(nil)"],
  ["*0\r\n", [], "(empty array)"],
  ["*2\r\n:1\r\n*2\r\n:2\r\n:3\r\n", [1, [2, 3]], "1) (integer) 1\n2) 1) (integer) 2\n   2) (integer) 3"],
  ["#t\r\n", true, "(true)"],
  [",1.5\r\n", new Double(1.5), "(double) 1.5"],
  [",-inf\r\n", new Double(-Infinity), "(double) -inf"],
  ["~1\r\n+a\r\n", new SetReply([new Status("a")]), "1~ a"],
  ["%1\r\n+k\r\n:1\r\n", new MapReply([[new Status("k"), 1]]), "1# k => (integer) 1"],
  ["=5\r\ntxt:a\r\n", bytes("a"), '"a"'],
  ["!6\r\nERR no\r\n", new Failure("ERR no"), "(error) ERR no"],
];

describe("replies", () => {
  it.each(EXAMPLES)("%j are read and shown", (wire, reply, shown) => {
    expect(parse(wire)).toEqual(reply);
    expect(formatReply(reply)).toBe(shown);
  });

  it("come out whole however the bytes were cut", () => {
    const wire = Buffer.concat(EXAMPLES.map(([text]) => bytes(text)));
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (cuts) => {
        const parser = new ReplyParser();
        const replies: Reply[] = [];
        for (let at = 0, cut = 0; at < wire.length; cut++) {
          const end = at + cuts[cut % cuts.length]!;
          parser.push(wire.subarray(at, end));
          for (let reply = parser.next(); reply !== undefined; reply = parser.next()) replies.push(reply);
          at = end;
        }
        expect(replies).toEqual(EXAMPLES.map(([, reply]) => reply));
      }),
      { numRuns: 50 },
    );
  });

  it("may be large without being copied again for every chunk", () => {
    const value = new Uint8Array(8 * 1024 * 1024).fill(65);
    const parser = new ReplyParser();
    parser.push(bytes(`$${value.length}\r\n`));
    const before = performance.now();
    for (let at = 0; at < value.length; at += 16_384) {
      parser.push(value.subarray(at, at + 16_384));
      expect(parser.next()).toBeUndefined();
    }
    parser.push(bytes("\r\n"));
    const reply = parser.next() as Uint8Array;
    expect(Buffer.compare(reply, value)).toBe(0);
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it.each([
    "HTTP/1.1 400 Bad Request\r\n",
    "$x\r\n",
    "*99999999999\r\n",
    ":1.5\r\n",
    `${"*1\r\n".repeat(40)}:1\r\n`,
  ])("that are no RESP are refused: %j", (wire) => expect(() => parse(wire)).toThrow(ProtocolError));

  it("go into a pipe as they are, one item a line", () => {
    const text = (reply: Reply) => Buffer.from(rawReply(reply)).toString();
    expect(text([bytes("a"), 1, null, [new Status("x")]])).toBe("a\n1\n\nx");
    expect(text(new MapReply([[bytes("k"), bytes("v")]]))).toBe("k\nv");
    expect(Buffer.from(rawReply(Uint8Array.of(0, 255)))).toEqual(Buffer.from([0, 255]));
  });
});

describe("typed lines", () => {
  const split = (line: string) => splitLine(line)?.map((arg) => Buffer.from(arg).toString("latin1"));
  it.each([
    ["", []],
    ["  set a  1 ", ["set", "a", "1"]],
    ['set a "hello world"', ["set", "a", "hello world"]],
    [String.raw`set a "\x00\xff\n\"\\"`, ["set", "a", '\u0000\u00ff\n"\\']],
    [String.raw`set a 'it\'s \n'`, ["set", "a", String.raw`it's \n`]],
    ['""', [""]],
    ['"open', undefined],
    ['"a"b', undefined],
    ["a'b", ["a'b"]],
  ])("%j", (line, expected) => expect(split(line)).toEqual(expected));

  it("keep what is not ASCII as UTF-8", () => {
    expect(splitLine("set é")![1]).toEqual(Buffer.from("é"));
  });
});
