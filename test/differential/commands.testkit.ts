/**
 * Sequences of commands for comparing two servers: every data command with all its options, over few keys so that types
 * meet, with the odd numbers, wrong arities and misplaced options that real clients send.
 */
import * as fc from "fast-check";

export type Command = readonly string[];

/** With a tag: all in one shard, whatever the number of shards. */
export const KEYS = ["a{t}", "b{t}", "c{t}", "d{t}", "e{t}"] as const;

const MEMBERS = [
  "m",
  "n",
  "o",
  "1",
  "2",
  "3",
  "10",
  "-5",
  "",
  "long member that does not fit an intset",
  "\xff\x00\x80",
];

const VALUES = [
  "",
  "0",
  "1",
  "-1",
  "5",
  "42",
  "007",
  "+1",
  " 1",
  "1 ",
  "1.0",
  "1.5",
  "-3.25",
  "1e3",
  "0x10",
  "inf",
  "-inf",
  "nan",
  "9223372036854775807",
  "9223372036854775808",
  "-9223372036854775808",
  "-9223372036854775809",
  "99999999999999999999999",
  "3.0000000000000000001",
  "abc",
  "foobar",
  "the quick brown fox jumps over the lazy dog",
  "\x00\x01\xff\r\n",
];

const key = fc.constantFrom(...KEYS);
const member = fc.constantFrom(...MEMBERS);
const value = fc.oneof(fc.constantFrom(...VALUES), fc.string({ unit: "binary-ascii", maxLength: 6 }));
const integer = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: -20, max: 20 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom(...VALUES) },
);
const float = fc.oneof(
  fc.double({ min: -1000, max: 1000, noNaN: true }).map((number) => number.toFixed(3)),
  fc.constantFrom(...VALUES, "1e10", "-0.1", "0.1", "5.0e-1", "1e4000"),
);
const offset = fc.oneof(
  fc.integer({ min: -12, max: 40 }).map(String),
  fc.constantFrom("x", "", "600000000", "4294967296"),
);
/** Not between our limit (the largest value) and Redis' (512 MiB), where the two differ on purpose. */
const bitOffset = fc.oneof(
  fc.integer({ min: -2, max: 90 }).map(String),
  fc.constantFrom("x", "", "4294967296", "9223372036854775807"),
);
const bit = fc.oneof(fc.constantFrom("0", "1"), fc.constantFrom("2", "-1", "x", ""));
const count = fc.oneof(
  fc.integer({ min: -6, max: 12 }).map(String),
  fc.constantFrom("x", "", "9223372036854775807"),
);

/**
 * Durations so long that nothing expires meanwhile, or such that it expires at once. Seldom the same twice: whether a second
 * EXPIRE with GT finds the time greater would depend on the millisecond in which it arrives.
 */
const seconds = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1000, max: 10_000_000 }).map(String) },
  {
    weight: 2,
    arbitrary: fc.constantFrom("0", "-1", "x", "1.5", "", "9223372036854775807", "9223372036854775"),
  },
);
const milliseconds = fc.oneof(
  { weight: 3, arbitrary: fc.integer({ min: 1_000_000, max: 10_000_000_000 }).map(String) },
  { weight: 2, arbitrary: fc.constantFrom("0", "-1", "x", "", "9223372036854775807") },
);
const atSeconds = fc.constantFrom("9000000000", "1", "0", "-1", "x", "9223372036854775807");
const atMilliseconds = fc.constantFrom("9000000000000", "1", "0", "-1", "x");

type Part = fc.Arbitrary<string | Command>;

/** A command from its parts; a part that is a list contributes all of its words. */
function command(name: string, ...parts: readonly Part[]): fc.Arbitrary<Command> {
  return fc.tuple(...parts).map((words) => [name, ...words.flat()]);
}

const listOf = (part: Part, minLength = 1, maxLength = 4): Part =>
  fc.array(part, { minLength, maxLength }).map((words) => words.flat());
const both = (...parts: readonly Part[]): Part => fc.tuple(...parts).map((words) => words.flat());
const word = (...words: readonly string[]): Part => fc.constantFrom(...words);
const maybe = (part: Part): Part => fc.option(part, { nil: [] });
const orElse = (...parts: readonly Part[]): Part => fc.oneof(...parts);

const expiry = orElse(
  both(word("EX", "ex"), seconds),
  both(word("PX"), milliseconds),
  both(word("EXAT"), atSeconds),
  both(word("PXAT"), atMilliseconds),
);
const setOptions = listOf(orElse(word("NX", "xx", "GET", "KEEPTTL", "JUNK"), expiry), 0, 3);
const getexOptions = listOf(orElse(word("PERSIST", "NX"), expiry), 0, 2);
const expireOptions = listOf(word("NX", "XX", "GT", "LT", "lt", "JUNK"), 0, 2);
const pair = both(key, value);
const field = both(member, value);
const range = both(offset, offset);
const unit = maybe(word("BYTE", "BIT", "bit", "JUNK"));

const STRINGS = [
  command("GET", key),
  command("SET", key, value),
  command("SET", key, value, setOptions),
  command("SETNX", key, value),
  command("SETEX", key, seconds, value),
  command("PSETEX", key, milliseconds, value),
  command("GETSET", key, value),
  command("GETDEL", key),
  command("GETEX", key, getexOptions),
  command("MGET", listOf(key)),
  command("MSET", listOf(pair)),
  command("MSETNX", listOf(pair)),
  command("APPEND", key, value),
  command("STRLEN", key),
  command("GETRANGE", key, range),
  command("SUBSTR", key, range),
  command("SETRANGE", key, offset, value),
  command(
    "LCS",
    key,
    key,
    listOf(orElse(word("LEN", "IDX", "WITHMATCHLEN", "JUNK"), both(word("MINMATCHLEN"), count)), 0, 3),
  ),
  command("SETBIT", key, bitOffset, bit),
  command("GETBIT", key, bitOffset),
  command("BITCOUNT", key, maybe(both(range, unit))),
  command("BITPOS", key, bit, maybe(both(offset, maybe(both(offset, unit))))),
  command("INCR", key),
  command("DECR", key),
  command("INCRBY", key, integer),
  command("DECRBY", key, integer),
  command("INCRBYFLOAT", key, float),
];

const GENERIC = [
  command("DEL", listOf(key)),
  command("UNLINK", listOf(key)),
  command("EXISTS", listOf(key)),
  command("TOUCH", listOf(key)),
  command("TYPE", key),
  command("EXPIRE", key, seconds, expireOptions),
  command("PEXPIRE", key, milliseconds, expireOptions),
  command("EXPIREAT", key, atSeconds, expireOptions),
  command("PEXPIREAT", key, atMilliseconds, expireOptions),
  command("TTL", key),
  command("PTTL", key),
  command("EXPIRETIME", key),
  command("PEXPIRETIME", key),
  command("PERSIST", key),
  command("RENAME", key, key),
  command("RENAMENX", key, key),
  command("COPY", key, key, listOf(orElse(word("REPLACE", "JUNK"), both(word("DB"), word("0", "x"))), 0, 2)),
  command("OBJECT", word("REFCOUNT", "IDLETIME", "FREQ", "ENCODING", "JUNK"), key),
  command("KEYS", word("*", "a*", "[a-c]{t}", "[^a]*", "?{t}", "\\a*", "", "none")),
  command("RANDOMKEY"),
];

const HASHES = [
  command("HSET", key, listOf(field)),
  command("HSET", key, listOf(field), member),
  command("HMSET", key, listOf(field)),
  command("HSETNX", key, field),
  command("HGET", key, member),
  command("HMGET", key, listOf(member)),
  command("HGETALL", key),
  command("HDEL", key, listOf(member)),
  command("HEXISTS", key, member),
  command("HLEN", key),
  command("HSTRLEN", key, member),
  command("HKEYS", key),
  command("HVALS", key),
  command("HINCRBY", key, member, integer),
  command("HINCRBYFLOAT", key, member, float),
  command("HRANDFIELD", key, maybe(both(count, maybe(word("WITHVALUES", "withvalues", "JUNK"))))),
];

const SETS = [
  command("SADD", key, listOf(member)),
  command("SADD", key, listOf(member, 3, 8)),
  command("SREM", key, listOf(member)),
  command("SISMEMBER", key, member),
  command("SMISMEMBER", key, listOf(member)),
  command("SMEMBERS", key),
  command("SCARD", key),
  command("SRANDMEMBER", key, maybe(count)),
  command("SMOVE", key, key, member),
  command("SINTER", listOf(key)),
  command("SUNION", listOf(key)),
  command("SDIFF", listOf(key)),
  command("SINTERSTORE", key, listOf(key)),
  command("SUNIONSTORE", key, listOf(key)),
  command("SDIFFSTORE", key, listOf(key)),
  command(
    "SINTERCARD",
    word("1", "2", "0", "-1", "x", "9"),
    listOf(key, 1, 3),
    maybe(both(word("LIMIT", "JUNK"), count)),
  ),
];

const one = fc.oneof(...STRINGS, ...GENERIC, ...HASHES, ...SETS);

/** What is popped differs between two servers; the key goes with it, so that they agree again. */
const pop = fc
  .tuple(key, fc.option(count, { nil: undefined }))
  .map(([from, many]): Command[] => [
    many === undefined ? ["SPOP", from] : ["SPOP", from, many],
    ["DEL", from],
  ]);

/** Redis counts keys that are due until somebody looks at them. */
const dbsize = fc.constant<Command[]>([["EXISTS", ...KEYS], ["DBSIZE"]]);

/** It may be taken for a key. */
const junk = value.map((word) => `{t}${word}`);

/** Now and then a word too many, a word too few, or another case. */
const disturbed = fc.tuple(one, fc.nat(99), junk).map(([words, chance, extra]): Command => {
  if (chance < 4 && words.length > 1) return words.slice(0, -1);
  if (chance < 7) return [...words, extra];
  if (chance < 15) return [words[0]!.toLowerCase(), ...words.slice(1)];
  if (chance < 16) return [`${words[0]!}X`, ...words.slice(1)];
  return words;
});

const transaction = fc
  .tuple(
    fc.array(disturbed, { maxLength: 5 }),
    fc.constantFrom("EXEC", "EXEC", "EXEC", "DISCARD"),
    fc.boolean(),
  )
  .map(([commands, end, watched]): Command[] => [
    ...(watched ? [["WATCH", KEYS[0], KEYS[1]]] : []),
    ["MULTI"],
    ...commands.filter((words) => !OVER_ALL_SHARDS.has(words[0]!.toUpperCase())),
    [end],
  ]);

/** Redis runs these within a transaction, Kvorum does not. */
const OVER_ALL_SHARDS = new Set(["KEYS", "RANDOMKEY"]);

export const sequences = (maxLength: number): fc.Arbitrary<Command[]> =>
  fc
    .array(
      fc.oneof(
        { weight: 20, arbitrary: disturbed.map((words) => [words]) },
        { weight: 1, arbitrary: pop },
        { weight: 1, arbitrary: dbsize },
        { weight: 1, arbitrary: transaction },
      ),
      { maxLength, size: "max" },
    )
    .map((groups) => groups.flat());

/** What clients say about themselves and ask of a server, where the answer does not depend on the server. */
export const CONVERSATION: readonly Command[] = [
  ["PING"],
  ["PING", "x"],
  ["PING", "x", "y"],
  ["ECHO", "x"],
  ["ECHO"],
  ["SELECT", "0"],
  ["SELECT", "x"],
  ["SELECT"],
  ["AUTH"],
  ["AUTH", "x"],
  ["AUTH", "default", "x"],
  ["AUTH", "nobody", "x"],
  ["AUTH", "a", "b", "c"],
  ["HELLO", "x"],
  ["HELLO", "1"],
  ["HELLO", "4"],
  ["HELLO", "2", "JUNK"],
  ["HELLO", "2", "AUTH", "nobody", "x"],
  ["HELLO", "2", "AUTH", "x"],
  ["HELLO", "2", "SETNAME", "a b"],
  ["CLIENT"],
  ["CLIENT", "JUNK"],
  ["CLIENT", "SETNAME"],
  ["CLIENT", "SETNAME", "a b"],
  ["CLIENT", "SETNAME", "me"],
  ["CLIENT", "GETNAME"],
  ["CLIENT", "ID", "x"],
  ["CLIENT", "REPLY", "JUNK"],
  ["CLIENT", "NO-EVICT", "ON"],
  ["CLIENT", "NO-EVICT", "JUNK"],
  ["CLIENT", "KILL", "1.2.3.4:5"],
  ["CLIENT", "KILL", "ID", "x"],
  ["CLIENT", "KILL", "ID", "999999"],
  ["CLIENT", "KILL", "JUNK", "x"],
  ["CLIENT", "LIST", "TYPE", "junk"],
  ["CLIENT", "LIST", "TYPE", "pubsub"],
  ["CLIENT", "LIST", "JUNK"],
  ["CLIENT", "LIST", "ID", "x"],
  ["CLIENT", "LIST", "ID", "999999"],
  ["CLIENT", "TRACKING", "OFF"],
  ["CLIENT", "TRACKING", "JUNK"],
  ["CLIENT", "CACHING", "YES"],
  ["CLIENT", "GETREDIR"],
  ["CLIENT", "TRACKINGINFO"],
  ["CLIENT", "UNPAUSE"],
  ["CONFIG"],
  ["CONFIG", "JUNK"],
  ["CONFIG", "GET"],
  ["CONFIG", "GET", "nosuchparameter"],
  ["CONFIG", "GET", "maxmemory", "databas?x", "maxmemory-policy"],
  ["CONFIG", "RESETSTAT", "x"],
  ["CONFIG", "RESETSTAT"],
  ["COMMAND", "JUNK"],
  ["COMMAND", "INFO", "nosuch"],
  ["COMMAND", "GETKEYS"],
  ["COMMAND", "GETKEYS", "GET"],
  ["COMMAND", "GETKEYS", "GET", "a"],
  ["COMMAND", "GETKEYS", "GET", "a", "b"],
  ["COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2"],
  ["COMMAND", "GETKEYS", "PING", "a"],
  ["COMMAND", "GETKEYS", "NOSUCH", "a"],
  ["CLUSTER", "INFO"],
  ["SLOWLOG", "JUNK"],
  ["SLOWLOG", "GET"],
  ["SLOWLOG", "LEN"],
  ["LATENCY", "LATEST"],
  ["LATENCY", "JUNK"],
  ["ACL", "WHOAMI"],
  ["ACL", "USERS"],
  ["WAIT", "0"],
  ["WAIT", "x", "1"],
  ["WAIT", "0", "x"],
  ["WAIT", "0", "-1"],
  ["SCAN"],
  ["SCAN", "x"],
  ["SCAN", "0", "COUNT"],
  ["SCAN", "0", "COUNT", "0"],
  ["SCAN", "0", "COUNT", "x"],
  ["SCAN", "0", "JUNK", "x"],
  ["HSCAN", "h"],
  ["HSCAN", "h", "x"],
  ["HSCAN", "h", "0"],
  ["SSCAN", "s", "0"],
  ["FLUSHALL", "JUNK"],
  ["FLUSHALL", "SYNC", "x"],
  ["FLUSHDB", "ASYNC"],
  ["FLUSHALL"],
  ["EXEC"],
  ["DISCARD"],
  ["UNWATCH"],
  ["WATCH"],
  ["MULTI", "x"],
  ["MULTI"],
  ["MULTI"],
  ["WATCH", "a"],
  ["UNWATCH"],
  ["PING"],
  ["CLIENT", "GETNAME"],
  ["SELECT", "x"],
  ["ECHO", "y"],
  ["EXEC"],
  ["MULTI"],
  ["NOSUCH"],
  ["EXEC"],
  ["NOSUCH", "a", "b c", "", "x".repeat(200), "y"],
  ["NO\r\nSUCH", "a\r\nb", "\x00\x01"],
  ["x".repeat(200)],
  [""],
  ["TIME", "x"],
  ["RANDOMKEY"],
  ["RANDOMKEY", "x"],
  ["DBSIZE", "x"],
  ["KEYS"],
  ["KEYS", "*"],
  ["OBJECT", "HELP", "x"],
  ["OBJECT", "ENCODING"],
  ["OBJECT"],
  ["RESET"],
];
