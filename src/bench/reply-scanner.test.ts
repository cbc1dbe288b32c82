import { describe, expect, it } from "vitest";
import { binaryBytes } from "../core/bytes.ts";
import { ReplyScanner } from "./reply-scanner.ts";

const STREAM = [
  "+OK\r\n",
  ":-12\r\n",
  "$-1\r\n",
  "$0\r\n\r\n",
  "$7\r\na\r\n-b\r\n\r\n",
  "-CLUSTERDOWN there is no leader\r\n",
  "*0\r\n",
  "*-1\r\n",
  "*3\r\n$2\r\n+x\r\n*2\r\n:1\r\n-ERR within\r\n$-1\r\n",
  "+end\r\n",
].join("");

const REPLIES = [
  null,
  null,
  null,
  null,
  null,
  "CLUSTERDOWN there is no leader",
  null,
  null,
  "ERR within",
  null,
];

describe("replies out of a stream", () => {
  it("are counted, errors with their text, wherever the stream is cut", () => {
    const bytes = binaryBytes(STREAM);
    for (let first = 0; first <= bytes.length; first++) {
      for (const second of [first, first + 1, first + 3, bytes.length]) {
        const found: (string | null)[] = [];
        const scanner = new ReplyScanner((error) => found.push(error));
        for (const part of [bytes.slice(0, first), bytes.slice(first, second), bytes.slice(second)])
          scanner.push(part);
        expect(found).toEqual(REPLIES);
      }
    }
  });

  it("one byte at a time", () => {
    const found: (string | null)[] = [];
    const scanner = new ReplyScanner((error) => found.push(error));
    for (const byte of binaryBytes(STREAM)) scanner.push(Uint8Array.of(byte));
    expect(found).toEqual(REPLIES);
  });

  it.each(["HTTP/1.1 400 Bad Request\r\n", "$x\r\n", "*1x\r\n"])(
    "are refused when they are none: %j",
    (text) => {
      const scanner = new ReplyScanner(() => undefined);
      expect(() => scanner.push(binaryBytes(text))).toThrow(/no RESP/);
    },
  );
});
