import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { COMMAND_IDS } from "./command-ids.ts";
import { commandById, findCommand, publicCommands, repliesWithPairs } from "./commands.ts";
import { call, plain, Shard } from "./data.testkit.ts";

describe("the table of commands", () => {
  test("every number belongs to one command, beyond the framing of a batch", () => {
    const ids = Object.values(COMMAND_IDS);
    expect(new Set(ids).size).toBe(ids.length);
    expect(Math.min(...ids)).toBeGreaterThanOrEqual(16);
    for (const [name, id] of Object.entries(COMMAND_IDS)) {
      expect([name, findCommand(name)?.id, commandById(id)?.name]).toEqual([name, id, name]);
    }
    expect(commandById(0)).toBeUndefined();
    expect(findCommand("__proto__")).toBeUndefined();
  });

  test("numbers that are in logs stay what they are", () => {
    const frozen = {
      ".expire": 21,
      get: 32,
      set: 33,
      incr: 72,
      del: 80,
      expire: 85,
      hset: 128,
      sadd: 176,
      sdiffstore: 191,
    };
    for (const [name, id] of Object.entries(frozen))
      expect([name, findCommand(name)?.id]).toEqual([name, id]);
  });

  test("internal commands are not public", () => {
    expect(publicCommands.every(({ name }) => /^[a-z]+$/.test(name))).toBe(true);
    expect(publicCommands.length).toBe(
      Object.keys(COMMAND_IDS).filter((name) => !name.startsWith(".")).length,
    );
    expect([...repliesWithPairs].map(({ name }) => name)).toEqual(["hrandfield"]);
  });

  test("keys are where Redis has them", () => {
    const keysOf = (name: string, ...args: string[]): string[] => {
      const asked = call(name, ...args);
      return asked.spec.keys(asked.args).map((i) => args[i]!);
    };
    expect(keysOf("mset", "a", "1", "b", "2")).toEqual(["a", "b"]);
    expect(keysOf("sintercard", "2", "a", "b", "limit", "1")).toEqual(["a", "b"]);
    expect(keysOf("sintercard", "9", "a")).toEqual([]);
    expect(keysOf("object", "encoding", "a")).toEqual(["a"]);
    expect(keysOf("object", "help")).toEqual([]);
    expect(keysOf("sdiffstore", "a", "b", "c")).toEqual(["a", "b", "c"]);
    expect(keysOf("smove", "a", "b", "m")).toEqual(["a", "b"]);
  });
});

describe("every command", () => {
  const word = fc.oneof(
    fc.constantFrom(
      "a",
      "b",
      "c",
      "0",
      "1",
      "-1",
      "2",
      "nx",
      "ex",
      "limit",
      "withvalues",
      "bit",
      "idx",
      "inf",
      "",
    ),
    fc.constantFrom(
      "9223372036854775807",
      "-9223372036854775808",
      "1e400",
      "\xff\0",
      "replace",
      "db",
      "get",
      "gt",
    ),
  );
  const anything = fc
    .tuple(fc.constantFrom(...Object.keys(COMMAND_IDS)), fc.array(word, { maxLength: 7 }))
    .filter(([name, args]) => {
      const { arity } = findCommand(name)!;
      return arity < 0 ? args.length + 1 >= -arity : args.length + 1 === arity;
    });

  test("is total, and answers what `validate` refuses with the same words when it is run nevertheless", () => {
    fc.assert(
      fc.property(fc.array(anything, { maxLength: 25 }), (commands) => {
        const shard = new Shard();
        for (const [name, args] of commands) {
          const asked = call(name, ...args);
          const refusal = asked.spec.validate?.(asked.args) ?? null;
          asked.spec.keys(asked.args);
          const reply = shard.run(name, ...args);
          // A command that looks at the key first may also say that it is of another type.
          const isRefused = refusal !== null && !JSON.stringify(reply).includes("WRONGTYPE");
          expect([name, args, reply]).toEqual([name, args, isRefused ? plain(refusal) : reply]);
        }
      }),
      { numRuns: 200 },
    );
  });
});

describe("OBJECT", () => {
  test("ENCODING says what Redis would probably use", () => {
    const shard = new Shard();
    shard.run("mset", "int", 12, "short", "abc", "long", "x".repeat(45));
    shard.run("sadd", "ints", 1, -5);
    shard.run("sadd", "words", "a");
    shard.run("hset", "small", "f", "v");
    shard.run("hset", "big", "f", "x".repeat(65));
    const encodings = ["int", "short", "long", "ints", "words", "small", "big", "none"].map((key) =>
      shard.run("object", "ENCODING", key),
    );
    expect(encodings).toEqual(["int", "embstr", "raw", "intset", "hashtable", "listpack", "hashtable", null]);
    expect(shard.run("object", "refcount", "int")).toBe(1);
    expect(shard.run("object", "bad\r\nword", "int")).toEqual({
      error: "ERR unknown subcommand 'bad  word'. Try OBJECT HELP.",
    });
  });
});
