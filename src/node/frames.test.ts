import { expect, test } from "vitest";
import { CodecError } from "../core/bytes.ts";
import { groupId } from "../core/ids.ts";
import { decodePeerFrame, encodeLoadFrame, encodeProtocolFrame } from "./frames.ts";

test("a group's message comes out as it went in, whatever the number of the group and the length of the message", () => {
  for (const group of [1, 127, 128, 300, 2 ** 21, 2 ** 31]) {
    for (const length of [1, 61, 62, 63, 64, 65, 5000]) {
      const message = Uint8Array.from({ length }, (_, i) => i + length);
      const frame = encodeProtocolFrame(groupId(group), message);
      expect(decodePeerFrame(frame)).toEqual({ kind: "protocol", group, message });
    }
  }
});

test("a frame that ends within the number of its group is malformed", () => {
  const frame = encodeProtocolFrame(groupId(300), new Uint8Array(0));
  for (let length = 0; length < frame.length; length++) {
    expect(() => decodePeerFrame(frame.subarray(0, length))).toThrow(CodecError);
  }
});

test("how late a node runs comes out as it went in", () => {
  for (const lag of [0, 127, 128, 100_000])
    expect(decodePeerFrame(encodeLoadFrame(lag))).toEqual({ kind: "load", lag });
  expect(() => decodePeerFrame(Uint8Array.of(...encodeLoadFrame(300), 0))).toThrow(CodecError);
});
