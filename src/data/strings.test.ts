import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { bytes, Shard, type Plain } from "./data.testkit.ts";
import { checkRecords } from "./records.testkit.ts";

const OK = { status: "OK" };
const TOO_LARGE = { error: "ERR string exceeds maximum allowed size (proto-max-bulk-len)" };
const WRONG_TYPE = { error: "WRONGTYPE Operation against a key holding the wrong kind of value" };

describe("SET and GET", () => {
  test("a value is copied out of the buffer it came in", () => {
    const shard = new Shard();
    const buffer = Buffer.from("value");
    shard.run("set", "a", buffer);
    shard.run("hset", "h", "f", buffer);
    for (const payload of shard.log) payload.fill(0x78);
    buffer.fill(0x78);
    expect(shard.run("get", "a")).toBe("value");
    expect(shard.run("hget", "h", "f")).toBe("value");
  });

  test("any bytes are a key and a value, the empty ones too", () => {
    const shard = new Shard();
    const raw = Uint8Array.of(0, 255, 10, 13, 128);
    expect(shard.run("set", raw, raw)).toEqual(OK);
    expect(shard.run("get", raw)).toBe("\0ÿ\n\r\u0080");
    shard.run("set", "", "");
    expect(shard.run("get", "")).toBe("");
    expect(shard.run("exists", "")).toBe(1);
  });

  test("NX, XX and GET", () => {
    const shard = new Shard();
    expect(shard.run("set", "a", 1, "xx")).toBeNull();
    expect(shard.run("set", "a", 1, "NX")).toEqual(OK);
    expect(shard.run("set", "a", 2, "nx")).toBeNull();
    expect(shard.run("set", "a", 2, "nx", "get")).toBe("1");
    expect(shard.run("set", "a", 3, "xx", "get")).toBe("1");
    expect(shard.run("get", "a")).toBe("3");
    expect(shard.run("set", "b", 1, "get")).toBeNull();
    expect(shard.run("get", "b")).toBe("1");
    shard.run("sadd", "s", "x");
    expect(shard.run("set", "s", 1, "get")).toEqual(WRONG_TYPE);
    expect(shard.run("set", "s", 1)).toEqual(OK);
    checkRecords(shard);
  });

  test("SET forgets the expiry, KEEPTTL keeps it, EX gives a new one", () => {
    const shard = new Shard();
    shard.run("set", "a", 1, "ex", 100);
    shard.run("set", "a", 2, "keepttl");
    expect(shard.run("ttl", "a")).toBe(100);
    shard.run("set", "a", 3, "px", 5000);
    expect(shard.run("pttl", "a")).toBe(5000);
    shard.run("set", "a", 4);
    expect(shard.run("ttl", "a")).toBe(-1);
    checkRecords(shard);
  });

  test("SET with a time that has passed leaves no key, whatever was there", () => {
    const shard = new Shard();
    shard.run("sadd", "s", "x");
    expect(shard.run("set", "s", 1, "pxat", shard.time)).toEqual(OK);
    expect(shard.run("exists", "s")).toBe(0);
    expect(shard.run("set", "t", 1, "exat", 1)).toEqual(OK);
    expect(shard.run(".dbsize")).toBe(0);
    checkRecords(shard);
  });

  test("options that contradict each other, in every order", () => {
    const shard = new Shard();
    const refused: readonly (readonly string[])[] = [
      ["nx", "xx"],
      ["xx", "nx"],
      ["ex", "10", "px", "10"],
      ["ex", "10", "keepttl"],
      ["keepttl", "ex", "10"],
      ["ex"],
      ["persist"],
      ["nonsense"],
    ];
    for (const options of refused) {
      expect([options, shard.run("set", "a", 1, ...options)]).toEqual([
        options,
        { error: "ERR syntax error" },
      ]);
    }
    expect(shard.run("set", "a", 1, "ex", "10", "ex", "20")).toEqual(OK);
    expect(shard.run("ttl", "a")).toBe(20);
  });

  test("a moment beyond what 64 bits hold depends on the time, and is refused when the command runs", () => {
    const shard = new Shard();
    const refused = { error: "ERR invalid expire time in 'set' command" };
    expect(shard.run("set", "a", 1, "px", "9223372036854775807")).toEqual(refused);
    expect(shard.run("set", "a", 1, "ex", "9223372036854776")).toEqual(refused);
    expect(shard.run("set", "a", 1, "ex", "0")).toEqual(refused);
    expect(shard.run("psetex", "a", "9223372036854775807", 1)).toEqual({
      error: "ERR invalid expire time in 'psetex' command",
    });
    expect(shard.run("exists", "a")).toBe(0);
  });
});

describe("GETEX, GETDEL, GETSET", () => {
  test("GETEX changes only the expiry", () => {
    const shard = new Shard();
    shard.run("set", "a", "v");
    expect(shard.run("getex", "a")).toBe("v");
    expect(shard.run("getex", "a", "ex", 10)).toBe("v");
    expect(shard.run("ttl", "a")).toBe(10);
    expect(shard.run("getex", "a", "persist")).toBe("v");
    expect(shard.run("ttl", "a")).toBe(-1);
    expect(shard.run("getex", "a", "pxat", shard.time)).toBe("v");
    expect(shard.run("exists", "a")).toBe(0);
    expect(shard.run("getex", "a", "ex", "abc")).toBeNull();
    checkRecords(shard);
  });

  test("GETDEL and GETSET answer the old value", () => {
    const shard = new Shard();
    expect(shard.run("getset", "a", 1)).toBeNull();
    expect(shard.run("getset", "a", 2)).toBe("1");
    expect(shard.run("getdel", "a")).toBe("2");
    expect(shard.run("getdel", "a")).toBeNull();
    shard.run("sadd", "s", "x");
    expect(shard.run("getdel", "s")).toEqual(WRONG_TYPE);
  });
});

describe("limits", () => {
  test("no command makes a value larger than the batch allows, and none changes anything when it refuses", () => {
    const shard = new Shard();
    shard.maxValueBytes = 10;
    const large = "x".repeat(11);
    shard.run("set", "a", "x".repeat(10));
    shard.run("sadd", "s", "m");
    const before = shard.records.dump();
    const refused: readonly (readonly string[])[] = [
      ["set", "a", large],
      ["setnx", "b", large],
      ["setex", "a", "10", large],
      ["getset", "a", large],
      ["mset", "c", "1", "a", large],
      ["msetnx", "c", "1", "d", large],
      ["append", "a", "x"],
      ["setrange", "a", "10", "x"],
      ["hset", "h", "f", "1", "g", large],
      ["hset", "h", large, "1"],
      ["hsetnx", "h", "f", large],
      ["hincrby", "h", large, "1"],
      ["hincrbyfloat", "h", large, "1"],
      ["sadd", "s", "n", large],
    ];
    for (const [name = "", ...args] of refused) {
      expect([name, shard.run(name, ...args)]).toEqual([name, TOO_LARGE]);
    }
    expect(shard.run("setbit", "a", 80, 1)).toEqual({
      error: "ERR bit offset is not an integer or out of range",
    });
    expect(shard.records.dump()).toEqual(before);
    expect(shard.run("setrange", "a", 9, "y")).toBe(10);
  });
});

describe("strings against a plain model", () => {
  const key = fc.constantFrom("a", "b");
  const text = fc.string({ maxLength: 6 });
  const offset = fc.integer({ min: -8, max: 8 });
  type Step = readonly [string, ...(string | number)[]];
  const step: fc.Arbitrary<Step> = fc.oneof(
    fc.tuple(fc.constant("set"), key, text),
    fc.tuple(fc.constant("append"), key, text),
    fc.tuple(fc.constant("setrange"), key, fc.nat(8), text),
    fc.tuple(fc.constant("getrange"), key, offset, offset),
    fc.tuple(fc.constant("getdel"), key),
    fc.tuple(fc.constant("strlen"), key),
    fc.tuple(fc.constant("rename"), key, key),
  );

  /** What a Map of strings would answer. */
  function expected(model: Map<string, string>, [name, ...args]: Step): Plain {
    const [key, a, b] = args as [string, string | number, string | number];
    const value = model.get(key) ?? "";
    switch (name) {
      case "set":
        model.set(key, String(a));
        return OK;
      case "append":
        model.set(key, value + a);
        return value.length + String(a).length;
      case "setrange": {
        const patch = String(b);
        if (patch === "") return value.length;
        const padded = value.padEnd(Number(a), "\0");
        model.set(key, padded.slice(0, Number(a)) + patch + padded.slice(Number(a) + patch.length));
        return model.get(key)!.length;
      }
      case "getrange":
        return rangeOf(value, Number(a), Number(b));
      case "getdel": {
        const old = model.get(key) ?? null;
        model.delete(key);
        return old;
      }
      case "strlen":
        return value.length;
      default: {
        if (!model.has(key)) return { error: "ERR no such key" };
        model.delete(key);
        model.set(String(a), value);
        return OK;
      }
    }
  }

  function rangeOf(value: string, start: number, end: number): string {
    let found = "";
    const from = start < 0 ? Math.max(value.length + start, 0) : start;
    const to = end < 0 ? Math.max(value.length + end, 0) : end;
    if (start < 0 && end < 0 && start > end) return "";
    for (let i = from; i <= to && i < value.length; i++) found += value[i];
    return found;
  }

  test("every sequence gives the model's replies and sound records", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const shard = new Shard();
        const model = new Map<string, string>();
        for (const each of steps) {
          const [name, ...args] = each;
          expect([...each, shard.run(name, ...args)]).toEqual([...each, expected(model, each)]);
        }
        checkRecords(shard);
        expect(shard.run(".dbsize")).toBe(model.size);
      }),
    );
  });
});

describe("bits", () => {
  test("SETBIT grows the string and answers the bit before", () => {
    const shard = new Shard();
    expect(shard.run("setbit", "b", 7, 1)).toBe(0);
    expect(shard.run("get", "b")).toBe("\x01");
    expect(shard.run("setbit", "b", 7, 0)).toBe(1);
    expect(shard.run("setbit", "b", 17, 0)).toBe(0);
    expect(shard.run("strlen", "b")).toBe(3);
    expect(shard.run("getbit", "b", 1000)).toBe(0);
  });

  test("BITCOUNT and BITPOS agree with looking at every bit", () => {
    const span = fc.integer({ min: -20, max: 20 });
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 3 }),
        span,
        span,
        fc.constantFrom(0, 1),
        (value, from, to, bit) => {
          const shard = new Shard();
          shard.run("set", "b", bytes(value));
          const all = [...value].flatMap((byte) => [...byte.toString(2).padStart(8, "0")].map(Number));
          const clampedFrom = Math.max(from < 0 ? all.length + from : from, 0);
          const clampedTo = Math.max(to < 0 ? all.length + to : to, 0);
          const empty = from < 0 && to < 0 && from > to;
          const chosen = empty ? [] : all.slice(clampedFrom, clampedTo + 1);
          expect(shard.run("bitcount", "b", from, to, "bit")).toBe(
            chosen.filter((each) => each === 1).length,
          );
          const found = all.slice(clampedFrom, clampedTo + 1).indexOf(bit);
          expect(shard.run("bitpos", "b", bit, from, to, "bit")).toBe(found < 0 ? -1 : clampedFrom + found);
        },
      ),
    );
  });
});

describe("counters", () => {
  test("count beyond 2^53 exactly, and stop at 64 bits", () => {
    const shard = new Shard();
    shard.run("set", "c", "9007199254740990");
    expect([1, 2, 3].map(() => shard.run("incr", "c"))).toEqual([
      9007199254740991,
      9007199254740992n,
      9007199254740993n,
    ]);
    expect(shard.run("get", "c")).toBe("9007199254740993");
    shard.run("set", "c", "9223372036854775807");
    expect(shard.run("incr", "c")).toEqual({ error: "ERR increment or decrement would overflow" });
    expect(shard.run("decrby", "c", "-9223372036854775808")).toEqual({
      error: "ERR decrement would overflow",
    });
    expect(shard.run("incrby", "c", "-9223372036854775808")).toBe(-1);
  });

  test("keep the expiry of their key", () => {
    const shard = new Shard();
    shard.run("set", "c", 1, "ex", 50);
    shard.run("incr", "c");
    shard.run("incrbyfloat", "c", "0.5");
    shard.run("append", "c", "0");
    expect(shard.run("get", "c")).toBe("2.50");
    expect(shard.run("ttl", "c")).toBe(50);
    checkRecords(shard);
  });
});

describe("LCS", () => {
  test("as in Redis' own documentation", () => {
    const shard = new Shard();
    shard.run("mset", "a", "ohmytext", "b", "mynewtext");
    expect(shard.run("lcs", "a", "b")).toBe("mytext");
    expect(shard.run("lcs", "a", "b", "len")).toBe(6);
    expect(shard.run("lcs", "a", "b", "idx", "minmatchlen", 4, "withmatchlen")).toEqual({
      map: [
        ["matches", [[[4, 7], [5, 8], 4]]],
        ["len", 6],
      ],
    });
  });

  test("refuses work that would hold up the shard", () => {
    const shard = new Shard();
    shard.run("mset", "a", "x".repeat(10_000), "b", "y".repeat(10_000));
    expect(shard.run("lcs", "a", "b")).toEqual({
      error: "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
    });
  });
});
