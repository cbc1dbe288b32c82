import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Shard, type Plain, type Word } from "./data.testkit.ts";

/** Walks a scan to its end, as a door does; `between` runs after every step. */
function walk(
  shard: Shard,
  name: string,
  before: readonly Word[],
  after: readonly Word[],
  between = () => {},
): Plain[] {
  const found: Plain[] = [];
  for (let from: string | null = ""; from !== null; between()) {
    const [next, items] = shard.run(name, ...before, from, ...after) as [string | null, Plain[]];
    found.push(...items);
    from = next;
  }
  return found;
}

describe("scans", () => {
  test("find every key once, in steps of any size", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string({ maxLength: 3 }), { maxLength: 30 }),
        fc.integer({ min: 1, max: 40 }),
        (names, count) => {
          const keys = names.filter((name) => /^[\0-\xff]*$/.test(name));
          const shard = new Shard();
          for (const key of keys) shard.run("set", key, 1);
          expect(walk(shard, ".scan", [], [count, "", ""])).toEqual([...keys].sort());
        },
      ),
    );
  });

  test("keys that are there all the time are found, whatever else comes and goes", () => {
    const shard = new Shard();
    const stable = Array.from({ length: 50 }, (_, i) => `stable${i}`);
    for (const key of stable) shard.run("set", key, 1);
    let i = 0;
    const found = walk(shard, ".scan", [], [3, "", ""], () => {
      shard.run("del", `x${i}`);
      shard.run("set", `x${++i}`, 1);
      shard.run("sadd", `a${i}`, "m");
    });
    for (const key of stable) expect(found.filter((each) => each === key)).toEqual([key]);
  });

  test("by pattern and by type", () => {
    const shard = new Shard();
    shard.run("mset", "user:1", 1, "user:2", 2, "other", 3);
    shard.run("hset", "user:h", "f", "v");
    shard.run("sadd", "user:s", "m");
    expect(walk(shard, ".scan", [], [2, "user:?", ""])).toEqual(["user:1", "user:2", "user:h", "user:s"]);
    expect(walk(shard, ".scan", [], [2, "user:*", "HASH"])).toEqual(["user:h"]);
    expect(walk(shard, ".scan", [], [2, "", "zset"])).toEqual([]);
  });

  test("elements of hashes and sets", () => {
    const shard = new Shard();
    shard.run("hset", "h", "a", 1, "b", 2, "c", 3);
    shard.run("sadd", "s", "x1", "x2", "y");
    expect(walk(shard, ".hscan", ["h"], [2, ""])).toEqual(["a", "1", "b", "2", "c", "3"]);
    expect(walk(shard, ".sscan", ["s"], [1, "x*"])).toEqual(["x1", "x2"]);
    expect(shard.run(".hscan", "missing", "", 10, "")).toEqual([null, []]);
    expect(shard.run(".hscan", "s", "", 10, "")).toEqual({
      error: "WRONGTYPE Operation against a key holding the wrong kind of value",
    });
  });

  test("one step stays bounded, whatever COUNT says", () => {
    const shard = new Shard();
    const limits: number[] = [];
    const load = shard.records.load.bind(shard.records);
    shard.records.load = (request) => {
      limits.push(request.limit);
      return load(request);
    };
    shard.run(".scan", "", "9223372036854775807", "", "");
    shard.run(".scan", "", "0", "", "");
    expect(limits).toEqual([10_000, 1]);
  });

  test("RANDOMKEY finds a key that is not due, and nothing in an empty shard", () => {
    const shard = new Shard();
    expect(shard.run(".randomkey")).toBeNull();
    shard.run("set", "due", 1, "px", 1);
    shard.time += 10;
    shard.run("set", "live", 1);
    for (let i = 0; i < 20; i++) expect(shard.run(".randomkey")).toBe("live");
  });
});
