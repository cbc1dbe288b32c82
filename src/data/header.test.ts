import { describe, expect, test } from "vitest";
import { binaryBytes, binaryString } from "../core/bytes.ts";
import { Shard } from "./data.testkit.ts";
import { expireAt, expiryId, headerVersion, newHeader, SET, splitExpiryId, withExpiry } from "./header.ts";

const hex = (text: string): string =>
  [...text].map((char) => char.charCodeAt(0).toString(16).padStart(2, "0")).join("");

describe("the layout of records", () => {
  test("is what RECORDS.md says, byte for byte: stored data depends on it", () => {
    const shard = new Shard();
    shard.time = 0x018b_cfe5_6800;
    shard.run("set", "s", "v");
    shard.run("set", "t", "w", "pxat", 0x018b_cfe5_6c00);
    shard.run("hset", "h", "f", "value");
    shard.run("sadd", "m", "x", "y");
    const stored = [...shard.records.spaces].flatMap(([space, records]) =>
      [...records].map(([id, value]) => [space, id, binaryString(value)].map(hex).join(" ").trimEnd()),
    );
    expect(stored.sort()).toEqual([
      "650000000000000003 66 76616c7565",
      "650000000000000004 78",
      "650000000000000004 79",
      "6b00000000 68 02000000000000000300000000000000030000000000000001",
      "6b00000000 6d 03000000000000000400000000000000040000000000000002",
      "6b00000000 73 01000000000000000176",
      "6b00000000 74 8100000000000000020000018bcfe56c0077",
      "7800000000 0000018bcfe56c0074",
    ]);
  });

  test("numbers keep their 53 bits", () => {
    const header = newHeader(SET, Number.MAX_SAFE_INTEGER, 2 ** 52 + 1, 0);
    expect([headerVersion(header), expireAt(header)]).toEqual([Number.MAX_SAFE_INTEGER, 2 ** 52 + 1]);
    expect(expireAt(withExpiry(header, 1, 0))).toBe(0);
  });

  test("ids of the expiry space sort by time", () => {
    const times = [0, 1, 255, 256, 65_535, 2 ** 32 - 1, 2 ** 32, 1_700_000_000_000, 2 ** 53 - 1];
    const ids = times.map((time) => expiryId(time, "key"));
    expect([...ids].sort()).toEqual(ids);
    expect(ids.map((id) => splitExpiryId(id))).toEqual(times.map((expiry) => ({ expiry, key: "key" })));
    expect(splitExpiryId(expiryId(5, "\0\xff"))).toEqual({ expiry: 5, key: "\0\xff" });
    expect(binaryBytes(ids[0]!).length).toBe(11);
  });
});
