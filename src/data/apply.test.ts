import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { InvariantError } from "../core/assert.ts";
import { CodecError } from "../core/bytes.ts";
import { BatchBuilder, decodeBatch } from "./batch.ts";
import { call, MapRecords, plain, Shard, type Plain } from "./data.testkit.ts";
import { checkRecords } from "./records.testkit.ts";

describe("transactions", () => {
  test("run as one, and an error of one command stays where it is, as in Redis", () => {
    const shard = new Shard();
    const replies = shard.transaction([
      call("set", "a", "x"),
      call("incr", "a"),
      call("sadd", "s", 1),
      call("get", "a"),
    ]);
    expect(replies).toEqual([
      { status: "OK" },
      { error: "ERR value is not an integer or out of range" },
      1,
      "x",
    ]);
    expect(shard.transaction([])).toEqual([]);
  });

  test("read collections in the middle, as the commands before left them", () => {
    const shard = new Shard();
    shard.run("sadd", "s", "a");
    expect(
      shard.transaction([
        call("smembers", "s"),
        call("sadd", "s", "b"),
        call("smembers", "s"),
        call("spop", "s", 5),
      ]),
    ).toEqual([{ set: ["a"] }, 1, { set: ["a", "b"] }, { set: ["a", "b"] }]);
    checkRecords(shard);
  });

  test("are not run when a watched key was changed, created, removed or came due", () => {
    const changes: readonly (readonly [string, (shard: Shard) => unknown])[] = [
      ["k", (shard) => shard.run("set", "k", 2)],
      ["k", (shard) => shard.run("expire", "k", 100)],
      ["k", (shard) => shard.run("del", "k")],
      ["k", (shard) => shard.run(".flush")],
      ["new", (shard) => shard.run("set", "new", 1)],
      ["h", (shard) => shard.run("hset", "h", "f", 1)],
      ["s", (shard) => shard.run("spop", "s")],
      ["k", (shard) => shard.run("rename", "s", "k")],
      ["due", (shard) => (shard.time += 1000)],
      // What was not there before and is not there afterwards has changed as well.
      ["new", (shard) => [shard.run("set", "new", 1), shard.run("del", "new")]],
      ["new", (shard) => [shard.run("sadd", "new", 1), shard.run("rename", "new", "k")]],
      ["new", (shard) => [shard.run("set", "new", 1), shard.run(".flush")]],
      ["new", (shard) => [shard.run("set", "new", 1, "px", 5), (shard.time += 10)]],
      ["new", (shard) => [shard.run("set", "new", 1, "px", 5), (shard.time += 10), shard.run(".expire")]],
    ];
    for (const [key, change] of changes) {
      const shard = new Shard();
      shard.run("set", "k", 1);
      shard.run("hset", "h", "f", 1);
      shard.run("sadd", "s", "a", "b");
      shard.run("set", "due", 1, "px", 500);
      const watched = [shard.watch("k"), shard.watch(key)].slice(key === "k" ? 1 : 0);
      change(shard);
      expect([key, String(change), shard.transaction([call("set", "done", 1)], watched)]).toEqual([
        key,
        String(change),
        { nullArray: true },
      ]);
      expect(shard.run("exists", "done")).toBe(0);
    }
  });

  test("run when nothing was changed, whatever was asked or tried in vain", () => {
    const shard = new Shard();
    shard.run("sadd", "s", "a");
    const watched = [shard.watch("s"), shard.watch("missing")];
    shard.run("sadd", "s", "a");
    shard.run("srem", "s", "z");
    shard.run("smembers", "s");
    shard.run("del", "missing");
    shard.run("set", "s", 1, "nx");
    shard.run("set", "other", 1);
    expect(shard.transaction([call("scard", "s")], watched)).toEqual([1]);
  });
});

describe("a run", () => {
  const batchOf = (...names: readonly (readonly string[])[]): ReturnType<typeof decodeBatch> => {
    const builder = new BatchBuilder();
    for (const [name = "", ...args] of names) builder.add({ kind: "command", ...call(name, ...args) });
    return decodeBatch(builder.finish({ time: 1, seed: 1, maxValueBytes: 1000 }));
  };

  test("asks for ranges at the command's place in the order, and goes on from there", () => {
    const shard = new Shard();
    const run = shard.machine.start(
      batchOf(["sadd", "s", "a"], ["smembers", "s"], ["sadd", "s", "b"], ["scard", "s"]),
    );
    const step = run.next();
    if (step.type !== "load") throw new Error("expected a load");
    expect(step.requests).toMatchObject([{ from: "", limit: 1 }]);
    expect(shard.machine.busy).toBe(true);
    const done = run.next(step.requests.map((request) => shard.records.load(request)));
    expect(done.type === "done" && done.replies.map(plain)).toEqual([1, { set: ["a"] }, 1, 2]);
    expect(shard.machine.busy).toBe(false);
  });

  test("is guarded against a host that confuses its steps", () => {
    const shard = new Shard();
    shard.run("sadd", "s", "a");
    const run = shard.machine.start(batchOf(["smembers", "s"]));
    expect(() => run.next([])).toThrow(InvariantError);
    expect(run.next().type).toBe("load");
    expect(() => run.next()).toThrow(InvariantError);
    expect(() => shard.machine.start(batchOf())).toThrow(InvariantError);
    expect(() => shard.machine.read(call("get", "a"))).toThrow(InvariantError);
    expect(() => shard.machine.encodeMeta()).toThrow(InvariantError);
    expect(run.next([{ entries: [], more: false }]).type).toBe("done");
    expect(() => run.next()).toThrow(InvariantError);
    expect(() => shard.machine.read(call("set", "a", "1"))).toThrow(InvariantError);
  });
});

describe("reads", () => {
  test("a later clock makes times to live count down while nothing is written", () => {
    const shard = new Shard();
    shard.run("set", "a", 1, "ex", 100);
    expect(shard.run("ttl", "a")).toBe(100);
    expect(plain(shard.read(call("ttl", "a"), shard.time + 40_000))).toBe(60);
    expect(plain(shard.read(call("ttl", "a"), shard.time - 40_000))).toBe(100);
    expect(plain(shard.read(call("expiretime", "a"), shard.time + 40_000))).toBe(1_700_000_100);
  });

  test("of random members differ from one another, but not between runs of a test", () => {
    const draw = (): Plain[] => {
      const shard = new Shard();
      shard.run("sadd", "s", ..."abcdefghijklmnop");
      return Array.from({ length: 20 }, () => shard.run("srandmember", "s"));
    };
    const first = draw();
    expect(new Set(first).size).toBeGreaterThan(5);
    expect(draw()).toEqual(first);
  });
});

describe("the meta", () => {
  test("of another format, or damaged, is refused", () => {
    const shard = new Shard();
    shard.run("sadd", "s", "a");
    const meta = shard.machine.encodeMeta();
    for (let length = 0; length < meta.length; length++) {
      expect(() => new Shard(new MapRecords(), meta.slice(0, length))).toThrow(CodecError);
    }
    expect(() => new Shard(new MapRecords(), Uint8Array.of(9, ...meta.slice(1)))).toThrow(
      "shard meta has format 9",
    );
  });
});

describe("replicas", () => {
  const key = fc.constantFrom("a", "b", "c", "d");
  const word = fc.constantFrom("x", "y", "1", "-5", "100", "");
  const command = fc.oneof(
    fc.tuple(
      fc.constantFrom("set", "append", "getset", "setnx", "sadd", "srem", "hdel", "incrby"),
      key,
      word,
    ),
    fc.tuple(
      fc.constantFrom("set"),
      key,
      word,
      fc.constantFrom("px", "ex"),
      fc.constantFrom("1", "50", "3000"),
    ),
    fc.tuple(fc.constant("pexpire"), key, fc.constantFrom("-1", "40", "100000")),
    fc.tuple(fc.constantFrom("hset", "hincrby", "hsetnx"), key, word, word),
    fc.tuple(
      fc.constantFrom("spop", "del", "incr", "persist", "getdel", "hgetall", "hrandfield", "srandmember"),
      key,
    ),
    fc.tuple(fc.constantFrom("rename", "renamenx", "copy", "sdiffstore"), key, key),
    fc.tuple(fc.constantFrom("sunionstore", "sinterstore"), key, key, key),
    fc.tuple(fc.constantFrom(".expire", ".expire", ".flush")),
  );
  const batches = fc.array(
    fc.record({
      commands: fc.array(command, { maxLength: 6 }),
      later: fc.integer({ min: -20, max: 60 }),
      atomic: fc.boolean(),
    }),
    { maxLength: 25 },
  );

  /** A leader's history: random batches, clocks that also go back. */
  function lead(
    history: readonly { commands: readonly string[][]; later: number; atomic: boolean }[],
  ): Shard {
    const leader = new Shard();
    for (const { commands, later, atomic } of history) {
      leader.time += later;
      const calls = commands.map(([name = "", ...args]) => call(name, ...args));
      if (atomic) leader.transaction(calls);
      else leader.write(...calls);
      checkRecords(leader);
    }
    return leader;
  }

  test("that apply the same batches hold the same records and give the same replies", () => {
    fc.assert(
      fc.property(batches, (history) => {
        const leader = lead(history);
        const [a, b] = [new Shard(), new Shard()];
        for (const payload of leader.log) expect(a.apply(payload)).toEqual(b.apply(payload));
        expect(a.records.dump()).toEqual(leader.records.dump());
        expect(a.machine.encodeMeta()).toEqual(leader.machine.encodeMeta());
      }),
      { numRuns: 40 },
    );
  });

  test("that start from a snapshot in the middle end up the same", () => {
    fc.assert(
      fc.property(batches, fc.nat(25), (history, cut) => {
        const leader = lead(history);
        const follower = new Shard();
        for (const payload of leader.log.slice(0, cut)) follower.apply(payload);
        const restored = new Shard(follower.records.snapshot(), follower.machine.encodeMeta());
        for (const payload of leader.log.slice(cut)) restored.apply(payload);
        expect(restored.records.dump()).toEqual(leader.records.dump());
        expect(restored.machine.encodeMeta()).toEqual(leader.machine.encodeMeta());
      }),
      { numRuns: 40 },
    );
  });
});
