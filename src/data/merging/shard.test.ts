import { expect, test } from "vitest";
import { binaryString, CodecError } from "../../core/bytes.ts";
import { OK } from "../../core/reply.ts";
import { call } from "../data.testkit.ts";
import { refusalOf } from "./commands.ts";
import { decodeDelta } from "./delta.ts";
import { Replica } from "./merging.testkit.ts";
import { checkRecords } from "./records.testkit.ts";

const two = (): [Replica, Replica] => [new Replica(1), new Replica(2)];

function exchange(...replicas: readonly Replica[]): void {
  for (const from of replicas)
    for (const to of replicas) if (from !== to) for (const delta of from.deltas) to.merge(delta);
}

test("two sides of a partition write, and come to the same when it heals", () => {
  const [a, b] = two();
  a.run("SET", "n", 0);
  exchange(a, b);
  a.run("INCR", "n");
  b.run("INCRBY", "n", 5);
  a.run("SADD", "s", "x", "y");
  b.run("SADD", "s", "y", "z");
  b.time += 10;
  a.run("SET", "k", "early");
  b.run("SET", "k", "late");
  exchange(a, b);
  for (const one of [a, b]) {
    expect(one.run("GET", "n")).toBe("6");
    expect(one.run("SMEMBERS", "s")).toEqual({ set: ["x", "y", "z"] });
    expect(one.run("GET", "k")).toBe("late");
    expect(one.run("SCARD", "s")).toBe(3);
    expect(one.shard.keys).toBe(3);
  }
  expect(a.items()).toEqual(b.items());
  expect(a.shard.summary.tree.root).toEqual(b.shard.summary.tree.root);
});

test("what was deleted does not return with old deltas", () => {
  const [a, b] = two();
  a.run("SADD", "s", "x");
  exchange(a, b);
  expect(b.run("DEL", "s")).toBe(1);
  exchange(a, b);
  expect([a.run("EXISTS", "s"), b.run("EXISTS", "s")]).toEqual([0, 0]);
  expect(a.items()).toEqual({});
  expect(a.run("TYPE", "s")).toEqual({ status: "none" });
});

test("a replica that missed everything gets it by pages, and then adopts", () => {
  const [a, b] = two();
  for (let i = 0; i < 50; i++) a.run("SET", `k${i}`, i);
  a.run("DEL", "k7");
  expect(b.merge(a.page())).toBe(true);
  b.shard.adopt(a.shard.summary.context());
  expect(b.items()).toEqual(a.items());
  exchange(a, b);
  expect(b.items()).toEqual(a.items());
  expect(b.shard.summary.covers(a.shard.summary.context())).toBe(true);
});

test("a string expires, is freed by each replica, and the host hears when", () => {
  const [a, b] = two();
  a.run("SET", "k", 1, "PX", 100);
  a.run("INCR", "k");
  exchange(a, b);
  expect([a.expiries, b.expiries]).toEqual([[a.time + 100], [a.time + 100]]);
  expect([b.run("GET", "k"), b.run("PTTL", "k")]).toEqual(["2", 100]);
  a.time += 100;
  expect([a.run("GET", "k"), a.run("EXISTS", "k"), b.run("GET", "k")]).toEqual([null, 0, "2"]);
  expect(a.run(".expire")).toBe(-1);
  expect(a.records.dump()).toEqual({});
  exchange(b, a);
  expect(a.items()).toEqual({});
});

/** The leaves in which the replicas differ. */
function differing(a: Replica, b: Replica): number[] {
  const [mine, other] = [a.shard.summary.tree, b.shard.summary.tree];
  return Array.from({ length: mine.leaves }, (_, leaf) => leaf).filter((leaf) => {
    const { high, low } = mine.hashOf(mine.firstLeaf + leaf);
    return !other.has(other.firstLeaf + leaf, high, low);
  });
}

test("a leaf that is sent takes away what its sender has removed, though it is not mentioned", () => {
  const [a, b] = two();
  for (let i = 0; i < 20; i++) a.run("SET", `k${i}`, i);
  exchange(a, b);
  a.run("DEL", "k3", "k11");
  b.run("SET", "only-b", 1);
  const leaves = differing(a, b);
  expect(leaves).toHaveLength(3);
  const answer = a.query({ type: "leaves", leaves, maxBytes: 1e6 });
  expect(answer).toMatchObject({ type: "leaves", leaves });
  if (answer.type === "leaves") b.merge(answer.delta);
  expect(b.run("MGET", "k3", "k11", "only-b", "k4")).toEqual([null, null, "1", "4"]);
  checkRecords(b);
});

test("leaves come within the limit, one run of them at least; pages one after the other come to everything", () => {
  const [a, b] = two();
  for (let i = 0; i < 100; i++) a.run("SET", `k${i}`, "v".repeat(100));
  const leaves = differing(a, b);
  const answer = a.query({ type: "leaves", leaves, maxBytes: 1 });
  if (answer.type !== "leaves") throw new Error("another question was answered");
  // Nothing is between them: they are read as one.
  expect(answer.leaves).toEqual(leaves.slice(0, 64));
  let pages = 0;
  for (let from: string | null = ""; from !== null; pages++) {
    const page = a.query({ type: "page", from, maxBytes: 1000 });
    if (page.type !== "page") throw new Error("another question was answered");
    b.merge(page.delta);
    from = page.next;
  }
  expect(pages).toBeGreaterThan(2);
  expect(b.items()).toEqual(a.items());
});

test("a reading is answered where the items differ, and repaired by the answer", () => {
  const [a, b] = two();
  a.run("SADD", "s", "x", "y");
  exchange(a, b);
  a.run("SREM", "s", "x");
  for (const words of [
    ["SMEMBERS", "s"],
    ["SISMEMBER", "s", "x"],
    ["SCARD", "s"],
    [".sscan", "s", "", "1", ""],
  ]) {
    const copy = b.reopened();
    const asked = call(words[0]!, ...words.slice(1));
    const { what, digest } = copy.read(asked, true).reading!;
    const answer = a.query({ type: "reading", reading: what, digest });
    if (answer.type !== "reading" || answer.delta === null) throw new Error("no difference was seen");
    copy.merge(answer.delta);
    expect(copy.run("SMEMBERS", "s")).toEqual({ set: ["y"] });
    const again = copy.read(asked, true).reading!;
    expect(a.query({ type: "reading", reading: again.what, digest: again.digest })).toEqual({
      type: "reading",
      delta: null,
    });
  }
});

test("a delta with too many gaps before it is refused whole, and taken once they are filled", () => {
  const a = new Replica(1);
  const b = new Replica(2, 3);
  for (let i = 0; i < 12; i++) a.run("SET", `k${i}`, i);
  expect([2, 4, 6].map((i) => b.merge(a.deltas[i]!))).toEqual([true, true, true]);
  const before = b.records.dump();
  const meta = b.shard.encodeMeta();
  expect(b.merge(a.deltas[8]!)).toBe(false);
  expect([b.records.dump(), b.shard.encodeMeta()]).toEqual([before, meta]);
  for (const i of [0, 1, 3]) expect(b.merge(a.deltas[i]!)).toBe(true);
  expect(b.merge(a.deltas[8]!)).toBe(true);
});

test("an increment that comes late, after all that came of it, is not counted twice", () => {
  const [a, b] = two();
  a.run("INCRBY", "n", 5);
  a.run("INCRBY", "n", 4);
  b.merge(a.page());
  expect(b.run("GET", "n")).toBe("9");
  b.merge(a.deltas[0]!);
  expect(b.run("GET", "n")).toBe("9");
});

test("increments are counted once: doubled, merged by pages, and across a restart", () => {
  const [before, b] = two();
  before.run("INCRBY", "n", 5);
  before.run("HINCRBY", "h", "f", 2);
  b.merge(before.deltas[0]!);
  b.run("INCR", "n");
  const a = before.reopened();
  a.run("INCR", "n");
  a.run("INCR", "n");
  exchange(a, b);
  exchange(b, a);
  b.merge(a.page());
  a.merge(b.page());
  for (const one of [a, b]) expect([one.run("GET", "n"), one.run("HGET", "h", "f")]).toEqual(["8", "2"]);
  expect(a.run("EXPIRE", "n", 10)).toBe(1);
  b.run("INCR", "n");
  exchange(a, b);
  expect([a.run("GET", "n"), b.run("GET", "n")]).toEqual(["9", "9"]);
});

test("numbers are as in Redis, on both sides of a merge", () => {
  const [a, b] = two();
  expect(a.run("INCR", "n")).toBe(1);
  expect(a.run("SET", "n", 10)).toEqual({ status: "OK" });
  expect([a.run("DECRBY", "n", 3), a.run("GET", "n"), a.run("STRLEN", "n")]).toEqual([7, "7", 1]);
  a.run("SET", "t", "text");
  expect(a.run("INCR", "t")).toEqual({ error: "ERR value is not an integer or out of range" });
  a.run("SET", "big", "9223372036854775807");
  expect(a.run("INCR", "big")).toEqual({ error: "ERR increment or decrement would overflow" });
  a.run("SADD", "s", 1);
  expect(a.run("INCR", "s")).toMatchObject({ error: expect.stringContaining("WRONGTYPE") });
  expect(a.run("SADD", "n", 1)).toMatchObject({ error: expect.stringContaining("WRONGTYPE") });
  expect([a.run("SET", "s", "now"), a.run("TYPE", "s")]).toEqual([{ status: "OK" }, { status: "string" }]);
  b.run("SADD", "n", "x");
  exchange(a, b);
  expect([a.run("TYPE", "n"), a.run("GET", "n"), a.run("SMEMBERS", "n")]).toEqual([
    { status: "string" },
    "7",
    { set: ["x"] },
  ]);
  expect([a.run("DEL", "n"), a.run("EXISTS", "n"), a.run("TYPE", "n")]).toEqual([1, 0, { status: "none" }]);
});

test("of concurrent writes the latest is shown, none is lost, and the next write replaces those it has seen", () => {
  const replicas = [new Replica(1), new Replica(2), new Replica(3)] as const;
  const [a, b, c] = replicas;
  a.time += 2;
  a.run("SET", "k", "a");
  b.time += 1;
  b.run("SET", "k", "b");
  c.run("SET", "k", "c");
  b.merge(c.deltas[0]!);
  b.run("SET", "k", "b2");
  exchange(a, b, c);
  for (const one of replicas) expect(one.run("GET", "k")).toBe("a");
  expect(decodeDelta(a.page()).items[0]!.store).toMatchObject({
    writes: [{ dot: { replica: 1 } }, { dot: { replica: 2 } }],
  });
  c.run("SET", "k", "resolved");
  exchange(a, b, c);
  for (const one of replicas) expect(decodeDelta(one.page()).items[0]!.store).toMatchObject({ writes: [{}] });
  expect(a.run("GET", "k")).toBe("resolved");
});

test("a clock that jumped ahead wins while its write stands, and takes no other clock with it", () => {
  const [a, b] = two();
  a.time += 3_600_000;
  a.run("SET", "k", "from the future");
  exchange(a, b);
  b.run("SET", "other", 1);
  b.run("SET", "k", "now");
  exchange(a, b);
  expect([a.run("GET", "k"), b.run("GET", "k")]).toEqual(["now", "now"]);
  const stamps = decodeDelta(b.page()).items.map(({ store }) =>
    "writes" in store ? store.writes[0]!.value.stamp.wall : 0,
  );
  expect(Math.max(...stamps)).toBe(b.time);
});

test("a clock within its bounds is followed, so that what was written later wins", () => {
  const [a, b] = two();
  a.time += 30_000;
  a.run("SET", "first", 1);
  a.run("SET", "k", "early");
  b.merge(a.deltas[0]!);
  b.run("SET", "k", "late, by what was seen");
  b.run("SET", "k", "later");
  exchange(a, b);
  expect(a.run("GET", "k")).toBe("later");
});

test("hashes, walks, algebra and random choices answer as in ordered keyspaces", () => {
  const a = new Replica(1);
  expect(a.run("HSET", "h", "f", 1, "g", "v")).toBe(2);
  expect(a.run("HINCRBY", "h", "f", 4)).toBe(5);
  expect(a.run("HINCRBY", "h", "g", 4)).toEqual({ error: "ERR hash value is not an integer" });
  expect(a.run("HGETALL", "h")).toEqual({
    map: [
      ["f", "5"],
      ["g", "v"],
    ],
  });
  expect([a.run("HLEN", "h"), a.run("HKEYS", "h"), a.run("HVALS", "h")]).toEqual([2, ["f", "g"], ["5", "v"]]);
  expect([a.run("HMGET", "h", "f", "no"), a.run("HEXISTS", "h", "g"), a.run("HSTRLEN", "h", "f")]).toEqual([
    ["5", null],
    1,
    1,
  ]);
  expect([a.run("HDEL", "h", "g", "no"), a.run("HLEN", "h")]).toEqual([1, 1]);
  a.run("SADD", "s", "a", "b", "c");
  a.run("SADD", "t", "b", "c", "d");
  expect(a.run("SINTER", "s", "t")).toEqual({ set: ["b", "c"] });
  expect(a.run("SUNION", "s", "t", "none")).toEqual({ set: ["a", "b", "c", "d"] });
  expect(a.run("SDIFF", "s", "t")).toEqual({ set: ["a"] });
  expect([a.run("SDIFF", "none", "t"), a.run("SINTER", "s", "none")]).toEqual([{ set: [] }, { set: [] }]);
  expect(a.run("SINTERCARD", 2, "s", "t", "LIMIT", 1)).toBe(1);
  expect(a.run(".sscan", "s", "", 2, "")).toEqual(["b\0", ["a", "b"]]);
  expect(a.run(".sscan", "s", "b\0", 2, "")).toEqual([null, ["c"]]);
  expect(a.run(".hscan", "h", "", 9, "")).toEqual([null, ["f", "5"]]);
  expect(a.run(".scan", "", 2, "", "")).toEqual(["s\0", ["h", "s"]]);
  expect(a.run(".scan", "", 9, "", "set")).toEqual([null, ["s", "t"]]);
  expect(["a", "b", "c"]).toContain(a.run("SRANDMEMBER", "s"));
  expect(a.run("SRANDMEMBER", "s", 9)).toEqual(["a", "b", "c"]);
  expect(["h", "s", "t"]).toContain(a.run(".randomkey"));
  expect(a.run("SETEX", "e", 10, "v")).toEqual({ status: "OK" });
  expect(a.run(".entry", "e")).toEqual(["string", expect.any(Number), 10_000, "v"]);
  expect([a.run(".flush"), a.run(".dbsize")]).toEqual([{ status: "OK" }, 0]);
  checkRecords(a);
  expect(a.records.dump()).toEqual({});
});

test("what cannot merge is refused with a reason; what can is not", () => {
  const refused = (name: string, ...words: string[]): string | null =>
    refusalOf(call(name, ...words))?.message ?? null;
  for (const [name, ...words] of [
    ["SET", "k", "v", "NX"],
    ["SET", "k", "v", "GET"],
    ["SETNX", "k", "v"],
    ["SPOP", "s"],
    ["APPEND", "k", "v"],
    ["RENAME", "a", "b"],
    ["GETDEL", "k"],
  ])
    expect(refused(name!, ...words)).toMatch(new RegExp(`^ERR ${name} cannot merge: .*raft keyspace`));
  expect(refused("SET", "k", "v", "NX")).toContain("both win");
  expect(refusalOf(call("LCS", "a", "b"))?.code).toBe("contradiction");
  for (const words of [["SET", "k", "v", "EX", "3"], ["SADD", "s", "x"], ["INCR", "n"], [".expire"]])
    expect(refused(words[0]!, ...words.slice(1))).toBeNull();
});

test("a damaged or foreign delta is refused before anything changes", () => {
  const [a, b] = two();
  a.run("SET", "k", "v");
  a.run("SADD", "s", "x");
  const [delta] = a.deltas as [Uint8Array];
  for (let cut = 0; cut < delta.length; cut++)
    expect(() => b.merge(delta.subarray(0, cut))).toThrow(CodecError);
  expect(() => b.merge(Uint8Array.of(9, ...delta.subarray(1)))).toThrow(CodecError);
  expect([b.records.dump(), b.shard.busy]).toEqual([{}, false]);
  expect(() => new Replica(2, 10, a.records, a.shard.encodeMeta())).toThrow(CodecError);
});

test("the application sees concurrent values, and its write replaces those that it has seen and no other", () => {
  const [a, b] = two();
  a.run("SET", "cart", "milk");
  b.run("SET", "cart", "bread");
  exchange(a, b);
  const [token, values] = a.read(call(".siblings", "cart")).reply as [Uint8Array, readonly Uint8Array[]];
  expect(values.map(binaryString)).toEqual(["bread", "milk"]);
  b.time += 1;
  b.run("SET", "cart", "eggs");
  b.run("HSET", "h", "f", 1);
  exchange(b, a);
  expect(a.run(".resolve", "cart", token, "milk and bread")).toEqual({ status: "OK" });
  exchange(a, b);
  for (const one of [a, b]) {
    const [seen, both] = one.read(call(".siblings", "cart")).reply as [Uint8Array, readonly Uint8Array[]];
    expect(both.map(binaryString).sort()).toEqual(["eggs", "milk and bread"]);
    if (one === b) one.run(".resolve", "cart", seen, "all");
  }
  exchange(a, b);
  expect([a.run("GET", "cart"), b.run("GET", "cart")]).toEqual(["all", "all"]);
  expect(a.run(".siblings", "h", "f")).toMatchObject([expect.any(String), ["1"]]);
  expect(a.run(".siblings", "none")).toMatchObject([expect.any(String), []]);
  expect(a.run(".resolve", "cart", "no token", "v")).toMatchObject({ error: expect.any(String) });
  checkRecords(a);
});

test("an addition wins over a concurrent removal, though the member was there already", () => {
  const [a, b] = two();
  a.run("SADD", "s", "x");
  exchange(a, b);
  expect(a.run("SADD", "s", "x")).toBe(0);
  b.run("SREM", "s", "x");
  exchange(a, b);
  expect([a.run("SMEMBERS", "s"), b.run("SMEMBERS", "s")]).toEqual([{ set: ["x"] }, { set: ["x"] }]);
});

test("a page says nothing about what lies behind it", () => {
  const [a, b] = two();
  for (let i = 0; i < 30; i++) a.run("SET", `k${i}`, i);
  exchange(a, b);
  const page = a.query({ type: "page", from: "", maxBytes: 10 });
  if (page.type !== "page") throw new Error("another question was answered");
  b.merge(page.delta);
  expect(b.items()).toEqual(a.items());
});

test("stamps that were received before a restart are observed after it", () => {
  const [a, b] = two();
  a.time += 30_000;
  a.run("SET", "first", 1);
  b.merge(a.deltas[0]!);
  const again = b.reopened();
  again.run("SET", "k", "later");
  const { store } = decodeDelta(again.deltas[0]!).items[0]!;
  expect("writes" in store && store.writes[0]!.value.stamp).toMatchObject({ wall: a.time, logical: 2 });
});

test("a command that loads records sees what those before it in its batch have done", () => {
  const a = new Replica(1);
  a.run("SADD", "s", "old");
  expect(a.write(call("SADD", "s", "x", "y"), call("SET", "t", "1"), call("DEL", "s", "t"))).toEqual([
    2,
    OK,
    2,
  ]);
  expect(a.run("EXISTS", "s", "t")).toBe(0);
  const b = new Replica(2);
  for (const delta of a.deltas) b.merge(delta);
  expect(b.items()).toEqual({});
  checkRecords(a);
  checkRecords(b);
});

test("a collection over the limit is neither read nor removed at once, definitely", () => {
  const before = new Replica(1);
  before.run("SADD", "s", "x");
  // As if it had so many: the header is what the commands go by.
  before.records.put("k", "s", Uint8Array.of(0, 0xa1, 0x8d, 0x06, 0));
  const a = before.reopened();
  expect(a.run("SCARD", "s")).toBe(100_001);
  for (const words of [
    ["DEL", "s"],
    ["SMEMBERS", "s"],
    ["SET", "s", "v"],
    ["SUNION", "s", "t"],
  ]) {
    const asked = call(words[0]!, ...words.slice(1));
    const reply = asked.spec.access === "read" ? a.read(asked).reply : a.write(asked)[0];
    expect(reply).toMatchObject({ code: "too-large" });
  }
  expect(a.run("SISMEMBER", "s", "x")).toBe(1);
});
