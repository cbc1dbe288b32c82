import { describe, expect, test } from "vitest";
import {
  Double,
  Failure,
  MapReply,
  NULL_ARRAY,
  OK,
  QUEUED,
  SetReply,
  Status,
  type Reply,
} from "../../core/reply.ts";
import { ReplyWriter, type RespVersion } from "./writer.ts";

function wire(reply: Reply, version: RespVersion): string {
  const writer = new ReplyWriter();
  writer.write(reply, version);
  return Buffer.concat(writer.take()).toString("utf8");
}

const bulk = (text: string): Uint8Array => Buffer.from(text);

describe("the writer", () => {
  test.each<[Reply, string, string]>([
    [OK, "+OK\r\n", "+OK\r\n"],
    [QUEUED, "+QUEUED\r\n", "+QUEUED\r\n"],
    [new Status("a\r\nb"), "+a  b\r\n", "+a  b\r\n"],
    [new Failure("ERR no\r\n+OK"), "-ERR no  +OK\r\n", "-ERR no  +OK\r\n"],
    [null, "$-1\r\n", "_\r\n"],
    [NULL_ARRAY, "*-1\r\n", "_\r\n"],
    [0, ":0\r\n", ":0\r\n"],
    [1023, ":1023\r\n", ":1023\r\n"],
    [1024, ":1024\r\n", ":1024\r\n"],
    [-1, ":-1\r\n", ":-1\r\n"],
    [1e15, ":1000000000000000\r\n", ":1000000000000000\r\n"],
    [Number.MAX_SAFE_INTEGER, ":9007199254740991\r\n", ":9007199254740991\r\n"],
    [Number.MIN_SAFE_INTEGER, ":-9007199254740991\r\n", ":-9007199254740991\r\n"],
    [-9223372036854775808n, ":-9223372036854775808\r\n", ":-9223372036854775808\r\n"],
    [true, ":1\r\n", "#t\r\n"],
    [false, ":0\r\n", "#f\r\n"],
    [bulk(""), "$0\r\n\r\n", "$0\r\n\r\n"],
    [bulk("a\r\nb"), "$4\r\na\r\nb\r\n", "$4\r\na\r\nb\r\n"],
    [new Double(1.5), "$3\r\n1.5\r\n", ",1.5\r\n"],
    [new Double(Number.NEGATIVE_INFINITY), "$4\r\n-inf\r\n", ",-inf\r\n"],
    [[1, [null, bulk("x")]], "*2\r\n:1\r\n*2\r\n$-1\r\n$1\r\nx\r\n", "*2\r\n:1\r\n*2\r\n_\r\n$1\r\nx\r\n"],
    [[], "*0\r\n", "*0\r\n"],
    [new SetReply([bulk("x")]), "*1\r\n$1\r\nx\r\n", "~1\r\n$1\r\nx\r\n"],
    [new MapReply([[bulk("x"), null]]), "*2\r\n$1\r\nx\r\n$-1\r\n", "%1\r\n$1\r\nx\r\n_\r\n"],
  ])("writes %o in both versions", (reply, resp2, resp3) => {
    expect(wire(reply, 2)).toBe(resp2);
    expect(wire(reply, 3)).toBe(resp3);
  });

  test("what was taken is not overwritten by what comes later", () => {
    const writer = new ReplyWriter();
    writer.write(bulk("first"), 2);
    const first = writer.take();
    for (let i = 0; i < 10_000; i++) writer.write(bulk("second"), 2);
    expect(writer.length).toBe(10_000 * 12);
    expect(Buffer.concat(writer.take()).length).toBe(10_000 * 12);
    expect(Buffer.concat(first).toString()).toBe("$5\r\nfirst\r\n");
    expect(writer.take()).toEqual([]);
  });

  test("replies of every size around the slab's end arrive whole", () => {
    const writer = new ReplyWriter();
    const expected: string[] = [];
    for (let size = 0; size < 40_000; size += 997) {
      const text = String.fromCharCode(97 + (size % 26)).repeat(size);
      writer.write(bulk(text), 2);
      expected.push(`$${size}\r\n${text}\r\n`);
    }
    expect(Buffer.concat(writer.take()).toString()).toBe(expected.join(""));
  });

  test("a large bulk is handed out as it is", () => {
    const large = Buffer.alloc(1 << 20);
    const writer = new ReplyWriter();
    writer.write([large, large], 2);
    expect(writer.take().filter((piece) => piece === large)).toHaveLength(2);
  });
});
