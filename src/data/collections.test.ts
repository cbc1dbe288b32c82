/** Hashes and sets as clients see them, and what is left of them in the records. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Shard, type Plain } from "./data.testkit.ts";
import { checkRecords } from "./records.testkit.ts";

const WRONG_TYPE = { error: "WRONGTYPE Operation against a key holding the wrong kind of value" };

describe("hashes", () => {
  test("one changed field of a large hash writes two records: the field and the header", () => {
    const shard = new Shard();
    for (let i = 0; i < 500; i++) shard.run("hset", "h", `f${i}`, i);
    const before = shard.records.dump();
    shard.run("hset", "h", "f7", "new");
    const after = shard.records.dump();
    expect(Object.keys(after).filter((id) => after[id] !== before[id]).length).toBe(2);
  });

  test("the last field takes the key along, and a new hash of that name is another one", () => {
    const shard = new Shard();
    shard.run("hset", "h", "a", 1, "b", 2);
    expect(shard.run("hdel", "h", "a", "missing", "b")).toBe(2);
    expect(shard.run("exists", "h")).toBe(0);
    expect(shard.records.spaces.size).toBe(0);
    shard.run("hset", "h", "c", 3);
    expect(shard.run("hgetall", "h")).toEqual({ map: [["c", "3"]] });
    checkRecords(shard);
  });

  test("the same field twice in one HSET counts once", () => {
    const shard = new Shard();
    expect(shard.run("hset", "h", "a", 1, "a", 2)).toBe(1);
    expect(shard.run("hlen", "h")).toBe(1);
    expect(shard.run("hget", "h", "a")).toBe("2");
    expect(shard.run("hmset", "h", "a", 1, "b")).toEqual({
      error: "ERR wrong number of arguments for 'hmset' command",
    });
  });

  test("numbers in fields", () => {
    const shard = new Shard();
    expect(shard.run("hincrby", "h", "n", 5)).toBe(5);
    expect(shard.run("hincrby", "h", "n", "9223372036854775807")).toEqual({
      error: "ERR increment or decrement would overflow",
    });
    expect(shard.run("hincrbyfloat", "h", "n", "0.1")).toBe("5.1");
    expect(shard.run("hincrby", "h", "n", 1)).toEqual({ error: "ERR hash value is not an integer" });
    shard.run("hset", "h", "word", "x");
    expect(shard.run("hincrbyfloat", "h", "word", 1)).toEqual({ error: "ERR hash value is not a float" });
    expect(shard.run("hincrbyfloat", "h", "n", "inf")).toEqual({ error: "ERR value is NaN or Infinity" });
    checkRecords(shard);
  });

  test("HRANDFIELD: counts, repetition, values", () => {
    const shard = new Shard();
    expect(shard.run("hrandfield", "h")).toBeNull();
    expect(shard.run("hrandfield", "h", 3)).toEqual([]);
    shard.run("hset", "h", "a", 1, "b", 2);
    expect(["a", "b"]).toContain(shard.run("hrandfield", "h"));
    expect((shard.run("hrandfield", "h", 9) as string[]).sort()).toEqual(["a", "b"]);
    expect((shard.run("hrandfield", "h", -50) as string[]).length).toBe(50);
    const pairs = shard.run("hrandfield", "h", -5, "withvalues") as [string, string][];
    for (const [field, value] of pairs) expect(value).toBe(field === "a" ? "1" : "2");
    expect(shard.run("hrandfield", "h", "-1000001")).toEqual({
      error: "ERR the reply would have too many elements; ask for fewer",
    });
  });
});

describe("sets", () => {
  test("SMOVE moves between keys, and creates and removes them", () => {
    const shard = new Shard();
    shard.run("sadd", "a", "m", "n");
    expect(shard.run("smove", "a", "b", "m")).toBe(1);
    expect(shard.run("smove", "a", "b", "missing")).toBe(0);
    expect(shard.run("smove", "a", "a", "n")).toBe(1);
    expect(shard.run("smove", "a", "b", "n")).toBe(1);
    expect(shard.run("exists", "a")).toBe(0);
    expect(shard.run("smembers", "b")).toEqual({ set: ["m", "n"] });
    shard.run("set", "s", 1);
    expect(shard.run("smove", "missing", "s", "m")).toBe(0);
    expect(shard.run("smove", "b", "s", "m")).toEqual(WRONG_TYPE);
    checkRecords(shard);
  });

  test("SPOP takes out what it answers, at last the key", () => {
    const shard = new Shard();
    shard.run("sadd", "s", ..."abcdefghij");
    const one = shard.run("spop", "s") as string;
    const { set: three } = shard.run("spop", "s", 3) as { set: string[] };
    expect(shard.run("scard", "s")).toBe(6);
    expect(shard.run("smismember", "s", one, ...three)).toEqual([0, 0, 0, 0]);
    checkRecords(shard);
    const { set: rest } = shard.run("spop", "s", 100) as { set: string[] };
    expect([one, ...three, ...rest].sort()).toEqual([..."abcdefghij"]);
    expect(shard.records.spaces.size).toBe(0);
    expect(shard.run("spop", "s")).toBeNull();
    expect(shard.run("spop", "s", 1)).toEqual({ set: [] });
  });

  test("a store command replaces its target, of any type, also when it is one of the operands", () => {
    const shard = new Shard();
    shard.run("sadd", "a", 1, 2, 3);
    shard.run("sadd", "b", 2, 3, 4);
    shard.run("hset", "h", "f", "v");
    expect(shard.run("sunionstore", "h", "a", "b")).toBe(4);
    expect(shard.run("sinterstore", "a", "a", "b")).toBe(2);
    expect(shard.run("smembers", "a")).toEqual({ set: ["2", "3"] });
    expect(shard.run("sdiffstore", "a", "a", "h")).toBe(0);
    expect(shard.run("exists", "a")).toBe(0);
    checkRecords(shard);
  });

  test("a wrong type behind a missing key is still refused", () => {
    const shard = new Shard();
    shard.run("set", "s", 1);
    for (const name of ["sinter", "sunion", "sdiff"])
      expect(shard.run(name, "missing", "s")).toEqual(WRONG_TYPE);
    expect(shard.run("sintercard", 2, "missing", "s")).toEqual(WRONG_TYPE);
  });
});

describe("random choices", () => {
  const chiSquare = (counts: readonly number[], expected: number): number =>
    counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);

  test("are uniform over small collections (chi square below the 0.999 quantile for 9 degrees of freedom)", () => {
    const shard = new Shard();
    shard.run("sadd", "s", ..."abcdefghij");
    const counts = new Map<string, number>();
    for (let i = 0; i < 2000; i++) {
      const member = shard.run("srandmember", "s") as string;
      counts.set(member, (counts.get(member) ?? 0) + 1);
    }
    expect(chiSquare([...counts.values()], 200)).toBeLessThan(27.9);

    const first = new Map<string, number>();
    for (let i = 0; i < 1000; i++) {
      for (const member of shard.run("srandmember", "s", 2) as string[]) {
        first.set(member, (first.get(member) ?? 0) + 1);
      }
    }
    expect(chiSquare([...first.values()], 200)).toBeLessThan(27.9);
  });

  test("of a large set load a window only, and still give as many different members as asked for", () => {
    const shard = new Shard();
    const members = Array.from({ length: 5000 }, (_, i) => `user:${i}`);
    shard.run("sadd", "s", ...members);
    const asked: number[] = [];
    const load = shard.records.load.bind(shard.records);
    shard.records.load = (request) => {
      asked.push(request.limit);
      return load(request);
    };
    expect(members).toContain(shard.run("srandmember", "s"));
    expect(asked).toEqual([1000, 1000]);
    const some = shard.run("srandmember", "s", 3000) as string[];
    expect(new Set(some).size).toBe(3000);
    const { set: popped } = shard.run("spop", "s", 1200) as { set: string[] };
    expect(new Set(popped).size).toBe(1200);
    expect(shard.run("scard", "s")).toBe(3800);
    checkRecords(shard);
  });
});

describe("collections too large to read at once", () => {
  test("are refused, with a hint at what to use instead", () => {
    const shard = new Shard();
    shard.run("sadd", "s", "m");
    // A header that claims more: a million real elements would only cost time.
    const header = shard.records.get("k\0\0\0\0", "s")!;
    new DataView(header.buffer).setUint32(header.length - 4, 1_000_001);
    const refused = { error: "ERR the collection is too large to be read at once; use SSCAN or HSCAN" };
    expect(shard.run("smembers", "s")).toEqual(refused);
    expect(shard.run("sunion", "s", "t")).toEqual(refused);
    expect(shard.run("copy", "s", "t")).toEqual(refused);
    expect(shard.run("spop", "s", 1_000_001)).toEqual({
      error: "ERR the reply would have too many elements; ask for fewer",
    });
    expect(shard.run("sinter", "s", "t")).toEqual({ set: [] });
    expect(shard.run("scard", "s")).toBe(1_000_001);
  });
});

describe("RENAME and COPY", () => {
  test("RENAME moves a collection without touching its elements, with its expiry", () => {
    const shard = new Shard();
    shard.run("sadd", "a", "m");
    shard.run("pexpire", "a", 1000);
    shard.run("hset", "b", "f", "v");
    const elements = [...shard.records.spaces.keys()].filter((space) => space.startsWith("e"));
    shard.run("rename", "a", "b");
    expect(shard.run("smembers", "b")).toEqual({ set: ["m"] });
    expect(shard.run("pttl", "b")).toBe(1000);
    expect([...shard.records.spaces.keys()].filter((space) => space.startsWith("e"))).toEqual([elements[0]]);
    expect(shard.run("renamenx", "b", "b")).toBe(0);
    checkRecords(shard);
  });

  test("a copy lives its own life", () => {
    const shard = new Shard();
    shard.run("hset", "a", "f", 1);
    shard.run("expire", "a", 100);
    expect(shard.run("copy", "a", "b")).toBe(1);
    expect(shard.run("copy", "a", "b")).toBe(0);
    shard.run("hincrby", "b", "f", 1);
    shard.run("del", "a");
    expect(shard.run("hgetall", "b")).toEqual({ map: [["f", "2"]] });
    expect(shard.run("ttl", "b")).toBe(100);
    shard.run("set", "c", "text");
    expect(shard.run("copy", "c", "b", "replace")).toBe(1);
    expect(shard.run("ttl", "b")).toBe(-1);
    checkRecords(shard);
  });
});

describe("hashes and sets against plain models", () => {
  const key = fc.constantFrom("a", "b", "c");
  const member = fc.constantFrom("x", "y", "z", "", "\xff");
  type Step = readonly [string, ...string[]];
  const setStep: fc.Arbitrary<Step> = fc.oneof(
    fc.tuple(fc.constant("sadd"), key, member, member),
    fc.tuple(fc.constant("srem"), key, member, member),
    fc.tuple(fc.constant("sismember"), key, member),
    fc.tuple(fc.constantFrom("scard", "smembers", "del"), key),
    fc.tuple(fc.constant("smove"), key, key, member),
    fc.tuple(fc.constantFrom("sinter", "sunion", "sdiff"), key, key),
    fc.tuple(fc.constantFrom("sinterstore", "sunionstore", "sdiffstore"), key, key, key),
  );

  const combine = (name: string, a: ReadonlySet<string>, b: ReadonlySet<string>): Set<string> => {
    if (name.startsWith("sunion")) return new Set([...a, ...b]);
    return new Set([...a].filter((each) => b.has(each) === name.startsWith("sinter")));
  };

  /** What sets of a Map would answer. */
  function expectedOfSets(model: Map<string, Set<string>>, [name, ...args]: Step): Plain {
    const [first = "", second = "", third = ""] = args;
    const at = (key: string): Set<string> => model.get(key) ?? new Set();
    const store = (key: string, members: Set<string>): void => {
      if (members.size > 0) model.set(key, members);
      else model.delete(key);
    };
    const before = at(first);
    switch (name) {
      case "sadd":
      case "srem": {
        const after = new Set(before);
        for (const each of args.slice(1))
          if (name === "sadd") after.add(each);
          else after.delete(each);
        store(first, after);
        return Math.abs(after.size - before.size);
      }
      case "sismember":
        return before.has(second) ? 1 : 0;
      case "scard":
        return before.size;
      case "smembers":
        return { set: [...before].sort() };
      case "del":
        return model.delete(first) ? 1 : 0;
      case "smove": {
        if (!before.has(third)) return 0;
        if (first === second) return 1;
        store(first, new Set([...before].filter((each) => each !== third)));
        store(second, new Set([...at(second), third]));
        return 1;
      }
      default: {
        if (!name.endsWith("store")) return { set: [...combine(name, before, at(second))].sort() };
        const result = combine(name, at(second), at(third));
        store(first, result);
        return result.size;
      }
    }
  }

  test("sets", () => {
    fc.assert(
      fc.property(fc.array(setStep, { maxLength: 40 }), (steps) => {
        const shard = new Shard();
        const model = new Map<string, Set<string>>();
        for (const each of steps) {
          const [name, ...args] = each;
          expect([...each, shard.run(name, ...args)]).toEqual([...each, expectedOfSets(model, each)]);
        }
        checkRecords(shard);
      }),
      { numRuns: 100 },
    );
  });

  const hashStep: fc.Arbitrary<Step> = fc.oneof(
    fc.tuple(fc.constant("hset"), key, member, member, member, member),
    fc.tuple(fc.constant("hdel"), key, member, member),
    fc.tuple(fc.constant("hget"), key, member),
    fc.tuple(fc.constant("hsetnx"), key, member, member),
    fc.tuple(fc.constantFrom("hlen", "hgetall", "hkeys", "hvals", "del"), key),
    fc.tuple(fc.constant("rename"), key, key),
  );

  function expectedOfHashes(model: Map<string, Map<string, string>>, [name, ...args]: Step): Plain {
    const [first = "", second = "", third = ""] = args;
    const before = model.get(first) ?? new Map<string, string>();
    const sorted = [...before].sort(([a], [b]) => (a < b ? -1 : 1));
    switch (name) {
      case "hset":
      case "hdel": {
        const after = new Map(before);
        if (name === "hset") after.set(second, third).set(args[3]!, args[4]!);
        else for (const each of args.slice(1)) after.delete(each);
        if (after.size > 0) model.set(first, after);
        else model.delete(first);
        return Math.abs(after.size - before.size);
      }
      case "hsetnx":
        if (before.has(second)) return 0;
        model.set(first, new Map(before).set(second, third));
        return 1;
      case "hget":
        return before.get(second) ?? null;
      case "hlen":
        return before.size;
      case "hgetall":
        return { map: sorted };
      case "hkeys":
        return sorted.map(([field]) => field);
      case "hvals":
        return sorted.map(([, value]) => value);
      case "del":
        return model.delete(first) ? 1 : 0;
      default:
        if (!model.delete(first)) return { error: "ERR no such key" };
        model.set(second, before);
        return { status: "OK" };
    }
  }

  test("hashes", () => {
    fc.assert(
      fc.property(fc.array(hashStep, { maxLength: 40 }), (steps) => {
        const shard = new Shard();
        const model = new Map<string, Map<string, string>>();
        for (const each of steps) {
          const [name, ...args] = each;
          expect([...each, shard.run(name, ...args)]).toEqual([...each, expectedOfHashes(model, each)]);
        }
        checkRecords(shard);
      }),
      { numRuns: 100 },
    );
  });
});
