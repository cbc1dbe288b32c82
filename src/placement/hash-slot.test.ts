import { describe, expect, test } from "vitest";
import { SLOTS, hashSlot, shardOfSlot } from "./hash-slot.ts";

const slot = (key: string) => hashSlot(Buffer.from(key));

describe("hash slots", () => {
  // The check value of CRC-16/XMODEM and the examples of the Redis Cluster specification.
  test("agree with Redis Cluster", () => {
    expect(slot("123456789")).toBe(0x31c3 % SLOTS);
    expect(slot("foo")).toBe(12182);
    expect(slot("somekey")).toBe(11058);
  });

  test("keys with one tag share a slot", () => {
    expect(slot("{user1000}.following")).toBe(slot("{user1000}.followers"));
    expect(slot("foo{bar}{zap}")).toBe(slot("bar"));
  });

  test("an empty or unclosed tag hashes the whole key", () => {
    expect(slot("foo{}{bar}")).not.toBe(slot("bar"));
    expect(slot("foo{bar")).not.toBe(slot("bar"));
    expect(slot("foo{{bar}}zap")).toBe(slot("{bar"));
  });

  test("every shard gets an even share of the slots, in order", () => {
    for (const shards of [1, 2, 3, 7, 8, 64, 1000]) {
      const counts = Array.from({ length: shards }, () => 0);
      let last = 0;
      for (let s = 0; s < SLOTS; s++) {
        const shard = shardOfSlot(s, shards);
        expect(shard).toBeGreaterThanOrEqual(last);
        last = shard;
        counts[shard]!++;
      }
      expect(last).toBe(shards - 1);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    }
  });
});
