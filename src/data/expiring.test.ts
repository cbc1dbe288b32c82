import { describe, expect, test } from "vitest";
import { call, plain, Shard } from "./data.testkit.ts";
import { checkRecords } from "./records.testkit.ts";

describe("a key expires", () => {
  test("by the log's time: not by a clock that a reader has, nor before a batch says so", () => {
    const shard = new Shard();
    shard.run("set", "a", "v", "px", 1000);
    shard.time += 5000;
    expect(shard.run("get", "a")).toBe("v");
    expect(plain(shard.read(call("pttl", "a"), shard.time))).toBe(0);

    shard.run("set", "other", 1);
    expect(shard.run("get", "a")).toBeNull();
    checkRecords(shard);
  });

  test("exactly at its time, and for every command", () => {
    const shard = new Shard();
    shard.run("set", "a", "1", "px", 1000);
    shard.run("hset", "h", "f", "1");
    shard.run("pexpire", "h", 1000);
    shard.run("sadd", "s", "m");
    shard.run("pexpireat", "s", shard.time + 1000);
    shard.time += 999;
    shard.run("set", "tick", 1);
    expect(shard.run("exists", "a", "h", "s")).toBe(3);
    shard.time += 1;
    shard.run("set", "tick", 2);
    expect(shard.run("exists", "a", "h", "s")).toBe(0);
    expect(shard.run("type", "h")).toEqual({ status: "none" });
    expect(shard.run("hgetall", "h")).toEqual({ map: [] });
    expect(shard.run("smembers", "s")).toEqual({ set: [] });
    expect(shard.run("sinter", "s", "s")).toEqual({ set: [] });
    expect(shard.run("ttl", "a")).toBe(-2);
    expect(shard.run("rename", "h", "g")).toEqual({ error: "ERR no such key" });
    checkRecords(shard);
  });

  test("a write that meets it starts afresh, and frees what was there", () => {
    const shard = new Shard();
    shard.run("hset", "k", "old", "1");
    shard.run("pexpire", "k", 10);
    shard.time += 20;
    expect(shard.run("sadd", "k", "new")).toBe(1);
    expect(shard.run("ttl", "k")).toBe(-1);
    expect(shard.records.dropped.size).toBe(1);
    checkRecords(shard);
  });

  test("the log time never goes back, whatever the next leader's clock says", () => {
    const shard = new Shard();
    shard.run("set", "a", "v", "px", 1000);
    shard.time += 2000;
    shard.run("set", "tick", 1);
    shard.time -= 10_000;
    shard.run("set", "tick", 2);
    expect(shard.run("get", "a")).toBeNull();
    expect(shard.machine.logTime).toBe(1_700_000_002_000);
  });

  test("`.expire` frees what is due, says when to come back, and takes bounded steps", () => {
    const shard = new Shard();
    const start = shard.time;
    for (let i = 0; i < 450; i++) shard.run("set", `k${i}`, i, "px", 1000 + (i % 3));
    shard.run("sadd", "s", "m");
    shard.run("pexpire", "s", 5000);
    expect(shard.run(".next-expiry")).toBe(start + 1000);
    expect(Math.min(...shard.expiries)).toBe(start + 1000);

    shard.time += 3000;
    const replies = [1, 2, 3].map(() => shard.run(".expire"));
    expect(replies).toEqual([start + 1001, start + 1002, start + 5000]);
    expect(shard.run(".dbsize")).toBe(1);
    checkRecords(shard);

    shard.time += 3000;
    expect(shard.run(".expire")).toBe(-1);
    expect(shard.records.spaces.size).toBe(0);
    expect(shard.run(".next-expiry")).toBe(-1);
  });

  test("`.expire` leaves a key whose expiry was changed or taken away", () => {
    const shard = new Shard();
    for (const key of ["longer", "kept", "gone"]) shard.run("set", key, 1, "px", 100);
    shard.run("pexpire", "longer", 10_000);
    shard.run("persist", "kept");
    shard.time += 200;
    shard.run(".expire");
    expect(shard.run("exists", "longer", "kept", "gone")).toBe(2);
    checkRecords(shard);
  });
});

describe("EXPIRE and its conditions", () => {
  test("a key without expiry lives for ever when compared", () => {
    const shard = new Shard();
    shard.run("set", "a", 1);
    expect(shard.run("expire", "a", 10, "gt")).toBe(0);
    expect(shard.run("expire", "a", 10, "xx")).toBe(0);
    expect(shard.run("expire", "a", 10, "lt")).toBe(1);
    expect(shard.run("expire", "a", 10, "nx")).toBe(0);
    expect(shard.run("expire", "a", 5, "gt")).toBe(0);
    expect(shard.run("expire", "a", 20, "xx", "gt")).toBe(1);
    expect(shard.run("ttl", "a")).toBe(20);
    expect(shard.run("pexpiretime", "a")).toBe(shard.time + 20_000);
  });

  test("a time that has passed removes the key and says 1", () => {
    const shard = new Shard();
    shard.run("sadd", "s", "m");
    expect(shard.run("expire", "s", -1)).toBe(1);
    expect(shard.run("expire", "s", -1)).toBe(0);
    expect(shard.run("expireat", "missing", 1)).toBe(0);
    checkRecords(shard);
  });

  test("moments far away are kept to 2^53-1 milliseconds", () => {
    const shard = new Shard();
    shard.run("set", "a", 1, "pxat", 1_900_000_000_000);
    expect(shard.run("pexpiretime", "a")).toBe(1_900_000_000_000);
    shard.run("set", "a", 1, "pxat", "9223372036854775807");
    expect(shard.run("pexpiretime", "a")).toBe(Number.MAX_SAFE_INTEGER);
    checkRecords(shard);
  });
});

describe("FLUSHALL", () => {
  test("a few keys are gone at once, with everything that belonged to them", () => {
    const shard = new Shard();
    shard.run("set", "a", 1, "ex", 10);
    shard.run("sadd", "s", "m");
    expect(shard.run(".flush")).toEqual({ status: "OK" });
    expect(shard.run(".dbsize")).toBe(0);
    expect(shard.records.spaces.size).toBe(0);

    shard.run("sadd", "s", "again");
    expect(shard.run("smembers", "s")).toEqual({ set: ["again"] });
    checkRecords(shard);
  });

  test("many keys without collections: three drops, whatever their number", () => {
    const shard = new Shard();
    for (let i = 0; i < 1500; i++) shard.run("set", `k${i}`, i);
    shard.run(".flush");
    expect(shard.records.spaces.size).toBe(0);
    expect(shard.run(".next-expiry")).toBe(-1);
  });

  test("many keys with collections: gone at once, freed by later `.expire`s, also after a restart in between", () => {
    const shard = new Shard();
    for (let i = 0; i < 2500; i++) shard.run("set", `k${i}`, i);
    for (let i = 0; i < 7; i++) shard.run("sadd", `k${i * 400}s`, "m");
    shard.expiries.length = 0;
    shard.run(".flush");
    expect(shard.run(".dbsize")).toBe(0);
    expect(shard.run("exists", "k1")).toBe(0);
    expect(shard.expiries).toEqual([shard.time]);
    shard.run("sadd", "fresh", "m");
    checkRecords(shard);

    expect(shard.run(".expire")).toBe(shard.time);
    const restarted = new Shard(shard.records.snapshot(), shard.machine.encodeMeta());
    checkRecords(restarted);
    expect(restarted.run(".next-expiry")).toBe(restarted.time);
    for (let i = 0; i < 5 && restarted.run(".expire") !== -1; i++) checkRecords(restarted);
    expect([...restarted.records.spaces.keys()].map((space) => space[0]).sort()).toEqual(["e", "k"]);
    expect(restarted.run("smembers", "fresh")).toEqual({ set: ["m"] });
    checkRecords(restarted);
  });
});

test("a key that is scanned is not yet due", () => {
  const shard = new Shard();
  shard.run("mset", "a", 1, "c", 1);
  shard.run("set", "b", 1, "px", 5);
  shard.time += 10;
  shard.run("set", "d", 1);
  expect(shard.run(".scan", "", 10, "", "")).toEqual([null, ["a", "c", "d"]]);
  expect(shard.run(".dbsize")).toBe(4);
});
