import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  startServer,
  type Argument,
  type RunningServer,
  type TestClient,
  type Wire,
} from "./client.testkit.ts";
import { FakeNode } from "./fake-node.testkit.ts";

let node: FakeNode;
let running: RunningServer;
let client: TestClient;

beforeEach(async () => {
  node = new FakeNode({ atOnce: true });
  running = await startServer({ node });
  client = await running.connect();
});

afterEach(() => running.close());

const call = (...args: Argument[]): Promise<Wire> => client.call(...args);
const mapOf = (reply: Wire): Map<string, Wire> => new Map((reply as { map: [string, Wire][] }).map);

describe("handshakes", () => {
  test("HELLO tells what a Redis would, and what this is", async () => {
    const hello = mapOf(await call("HELLO", "3", "AUTH", "default", "anything", "SETNAME", "me"));
    expect(Object.fromEntries(hello)).toEqual({
      server: "redis",
      version: expect.stringMatching(/^7\.0\./),
      proto: 3,
      id: expect.any(Number),
      mode: "standalone",
      role: "master",
      modules: [],
      kvorum_version: "0.1.0-test",
    });
    expect(await call("CLIENT", "GETNAME")).toBe("me");
  });

  test("a HELLO that is refused changes nothing", async () => {
    expect(await call("HELLO", "3", "SETNAME", "me", "NOSUCH")).toBe(
      "-ERR Syntax error in HELLO option 'NOSUCH'",
    );
    expect(await call("HELLO", "3", "AUTH", "root", "x")).toBe(
      "-WRONGPASS invalid username-password pair or user is disabled.",
    );
    expect(await call("HELLO", "4")).toBe("-NOPROTO unsupported protocol version");
    expect(await call("HELLO", "x")).toBe("-ERR Protocol version is not an integer or out of range");
    expect(await call("CLIENT", "GETNAME")).toBeNull();
    expect(await call("HGETALL", "x")).toEqual([]);
  });

  test("AUTH, as an open Redis answers it", async () => {
    expect(await call("AUTH", "x")).toMatch(/^-ERR AUTH <password> called without any password configured/);
    expect(await call("AUTH", "default", "x")).toBe("+OK");
    expect(await call("AUTH", "root", "x")).toMatch(/^-WRONGPASS /);
  });

  test("small talk", async () => {
    expect(await call("PING")).toBe("+PONG");
    expect(await call("PING", "x")).toBe("x");
    expect(await call("ECHO", "x")).toBe("x");
    expect(await call("SELECT", "0")).toBe("+OK");
    expect(await call("SELECT", "1")).toMatch(/^-ERR DB index is out of range/);
    expect(await call("TIME")).toEqual([expect.stringMatching(/^\d{10}$/), expect.stringMatching(/^\d+$/)]);
    expect(await call("ROLE")).toEqual(["master", 0, []]);
    expect(await call("WAIT", "2", "100")).toBe(1);
    expect(await call("WAIT", "2", "-1")).toBe("-ERR timeout is negative");
    expect(await call("CLUSTER", "INFO")).toBe("-ERR This instance has cluster support disabled");
    expect(await call("DEBUG", "SEGFAULT")).toMatch(/^-ERR DEBUG command not allowed/);
    expect(await call("SLOWLOG", "GET")).toEqual([]);
    expect(await call("RESET")).toBe("+RESET");
  });
});

describe("CLIENT", () => {
  test("says who is there", async () => {
    await call("CLIENT", "SETINFO", "LIB-NAME", "lib");
    await call("CLIENT", "SETNAME", "me");
    const line = String(await call("CLIENT", "INFO"));
    expect(line).toMatch(
      /^id=\d+ addr=127\.0\.0\.1:\d+ laddr=127\.0\.0\.1:\d+ .*name=me .*cmd=client .*lib-name=lib .*\n$/,
    );
    await running.connect();
    expect(String(await call("CLIENT", "LIST")).split("\n")).toHaveLength(3);
    expect(await call("CLIENT", "SETNAME", "a b")).toMatch(/^-ERR Client names cannot contain spaces/);
    expect(await call("CLIENT", "SETINFO", "NOSUCH", "x")).toBe("-ERR Unrecognized option 'NOSUCH'");
  });

  test("KILL disconnects others, and oneself after the answer", async () => {
    const other = await running.connect();
    const id = await other.call("CLIENT", "ID");
    expect(await call("CLIENT", "KILL", "ID", String(id))).toBe(1);
    await other.closed;
    expect(await call("CLIENT", "KILL", "ID", String(id))).toBe(0);
    expect(await call("CLIENT", "KILL", "9.9.9.9:1")).toBe("-ERR No such client");
    const me = await call("CLIENT", "ID");
    expect(await call("CLIENT", "KILL", "ID", String(me), "SKIPME", "no")).toBe(1);
    await client.closed;
  });

  test("refuses what there is not, in the words of Redis", async () => {
    expect(await call("CLIENT", "NOSUCH")).toBe("-ERR unknown subcommand 'NOSUCH'. Try CLIENT HELP.");
    expect(await call("CLIENT", "SETNAME")).toBe(
      "-ERR wrong number of arguments for 'client|setname' command",
    );
    expect(await call("CLIENT", "TRACKING", "OFF")).toBe("+OK");
    expect(await call("CLIENT", "TRACKING", "ON")).toMatch(/^-ERR /);
    expect(await call("CLIENT")).toBe("-ERR wrong number of arguments for 'client' command");
    expect((await call("CLIENT", "HELP")) as Wire[]).toContain("+KILL <ip:port> | <option> <value> ...");
  });
});

describe("COMMAND", () => {
  test("describes commands as Redis does", async () => {
    const [get, mset, none, hscan] = (await call(
      "COMMAND",
      "INFO",
      "get",
      "MSET",
      "nosuch",
      "hscan",
    )) as Wire[][];
    expect(get!.slice(0, 6)).toEqual(["get", 2, ["+readonly"], 1, 1, 1]);
    expect(get).toHaveLength(10);
    expect(mset!.slice(0, 6)).toEqual(["mset", -3, ["+write"], 1, -1, 2]);
    expect(none).toBeNull();
    expect(hscan!.slice(3, 6)).toEqual([1, 1, 1]);
    const count = await call("COMMAND", "COUNT");
    expect(await call("COMMAND")).toHaveLength(count as number);
    expect(await call("COMMAND", "LIST")).toHaveLength(count as number);
  });

  test("key positions follow from the commands", async () => {
    const positions = async (name: string): Promise<Wire[]> =>
      ((await call("COMMAND", "INFO", name)) as Wire[][])[0]!.slice(3, 6);
    expect(await positions("del")).toEqual([1, -1, 1]);
    expect(await positions("rename")).toEqual([1, 2, 1]);
    expect(await positions("sinterstore")).toEqual([1, -1, 1]);
    expect(await positions("object")).toEqual([2, 2, 1]);
    expect(await positions("ping")).toEqual([0, 0, 0]);
  });

  test("every command has a manual", async () => {
    await call("HELLO", "3");
    const docs = mapOf(await call("COMMAND", "DOCS"));
    expect(docs.size).toBe(await call("COMMAND", "COUNT"));
    for (const doc of docs.values()) expect(mapOf(doc).get("summary")).not.toBe("");
    expect(mapOf(mapOf(await call("COMMAND", "DOCS", "get")).get("get")!).get("group")).toBe("string");
  });

  test("GETKEYS", async () => {
    expect(await call("COMMAND", "GETKEYS", "MSET", "a", "1", "b", "2")).toEqual(["a", "b"]);
    expect(await call("COMMAND", "GETKEYS", "PING", "x")).toBe("-ERR The command has no key arguments");
    expect(await call("COMMAND", "GETKEYS", "GET", "a", "b")).toBe(
      "-ERR Invalid number of arguments specified for command",
    );
    expect(await call("COMMAND", "GETKEYS", "NOSUCH", "a")).toBe("-ERR Invalid command specified");
  });
});

describe("CONFIG and INFO", () => {
  test("CONFIG GET tells what is true, SET says where settings are made", async () => {
    expect(await call("CONFIG", "GET", "maxmemory", "SAVE", "data*")).toEqual([
      "databases",
      "1",
      "maxmemory",
      "0",
      "save",
      "",
    ]);
    expect(await call("CONFIG", "SET", "maxmemory", "1")).toMatch(/^-ERR CONFIG SET failed .*kvorum serve/);
    expect(await call("CONFIG", "RESETSTAT")).toBe("+OK");
    expect(running.server.stats.commands).toBeLessThanOrEqual(1);
  });

  test("INFO has the sections that were asked for, with real numbers", async () => {
    await call("SET", "a", 1);
    const text = String(await call("INFO"));
    for (const line of [
      /^# Server\r$/m,
      /^redis_version:7\.0/m,
      /^loading:0\r$/m,
      /^role:master\r$/m,
      /^connected_clients:1\r$/m,
      /^total_commands_processed:2\r$/m,
      /^db0:keys=1,/m,
      /^kvorum_node:n1\r$/m,
    ]) {
      expect(text).toMatch(line);
    }
    const two = String(await call("INFO", "replication", "KEYSPACE"));
    expect(two.match(/^# .*/gm)).toEqual(["# Replication\r", "# Keyspace\r"].map((title) => title.trim()));
  });
});

describe("keys of all shards", () => {
  const keys = Array.from({ length: 300 }, (_, i) => (i % 3 === 0 ? `other:${i}` : `k${i}`)).sort();

  beforeEach(async () => {
    await client.pipeline(...keys.map((key) => ["SET", key, 1]));
  });

  async function scanAll(name: Argument[], options: Argument[]): Promise<{ found: string[]; steps: number }> {
    const found: string[] = [];
    let cursor = "0";
    let steps = 0;
    do {
      const [next, page] = (await call(...name, cursor, ...options)) as [string, string[]];
      found.push(...page);
      cursor = next;
      steps++;
    } while (cursor !== "0");
    return { found: found.sort(), steps };
  }

  test("SCAN returns each once, whatever COUNT says", async () => {
    for (const count of [1, 7, 100, 10_000]) {
      const { found, steps } = await scanAll(["SCAN"], ["COUNT", count]);
      expect(found).toEqual(keys);
      expect(steps).toBeGreaterThanOrEqual(6);
    }
    expect((await scanAll(["SCAN"], ["MATCH", "other:*"])).found).toEqual(
      keys.filter((key) => key.startsWith("other:")),
    );
    expect((await scanAll(["SCAN"], ["TYPE", "hash"])).found).toEqual([]);
  });

  test("SCAN misses nothing that stays, while others come and go", async () => {
    const found = new Set<string>();
    let cursor = "0";
    for (let i = 0; ; i++) {
      const [next, page] = (await call("SCAN", cursor, "COUNT", "5")) as [string, string[]];
      for (const key of page) found.add(key);
      await client.pipeline(["SET", `new${i}`, 1], ["DEL", `new${i - 3}`]);
      cursor = next;
      if (cursor === "0") break;
    }
    expect(keys.filter((key) => !found.has(key))).toEqual([]);
  });

  test("a cursor of elsewhere is refused, not guessed at", async () => {
    expect(await call("SCAN", "12345")).toMatch(/^-ERR unknown cursor 12345: .*Start again with 0/);
    expect(await call("SCAN", "x")).toBe("-ERR invalid cursor");
    expect(await call("SCAN", "18446744073709551616")).toBe("-ERR invalid cursor");
    expect(await call("SCAN", "0", "COUNT", "0")).toBe("-ERR syntax error");
    expect(await call("SCAN", "0", "COUNT", "x")).toBe("-ERR value is not an integer or out of range");
    expect(await call("SCAN", "0", "NOSUCH", "x")).toBe("-ERR syntax error");
    const [cursor] = (await call("SCAN", "0")) as [string];
    expect(await call("HSCAN", "h", cursor)).toMatch(/^-ERR unknown cursor/);
  });

  test("HSCAN and SSCAN walk one collection", async () => {
    const elements = Array.from({ length: 100 }, (_, i) => `e${i}`).sort();
    await call("SADD", "s", ...elements);
    await call("HSET", "h", ...elements.flatMap((element) => [element, "v"]));
    const sets = await scanAll(["SSCAN", "s"], ["COUNT", 9]);
    expect(sets.found).toEqual(elements);
    expect(sets.steps).toBe(12);
    expect((await scanAll(["HSCAN", "h"], [])).found.filter((each) => each !== "v")).toEqual(elements);
    expect((await scanAll(["SSCAN", "s"], ["MATCH", "e9*"])).found).toHaveLength(11);
    expect(await call("HSCAN", "none", "0")).toEqual(["0", []]);
    expect(await call("HSCAN", "s", "0")).toMatch(/^-WRONGTYPE /);
  });

  test("KEYS, DBSIZE, RANDOMKEY and FLUSHALL see every shard", async () => {
    expect(((await call("KEYS", "*")) as string[]).sort()).toEqual(keys);
    expect(await call("KEYS", "other:29?")).toEqual(
      ["other:291", "other:294", "other:297"].filter((key) => keys.includes(key)).sort(),
    );
    expect(await call("DBSIZE")).toBe(keys.length);
    const drawn = new Set<Wire>();
    for (let i = 0; i < 100; i++) drawn.add(await call("RANDOMKEY"));
    expect(drawn.size).toBeGreaterThan(50);
    expect([...drawn].every((key) => keys.includes(key as string))).toBe(true);
    expect(await call("FLUSHALL", "NOW")).toBe("-ERR syntax error");
    expect(await call("FLUSHALL", "ASYNC")).toBe("+OK");
    expect(await call("DBSIZE")).toBe(0);
    expect(await call("RANDOMKEY")).toBeNull();
  });

  test("KEYS over more pages than a call stack is deep", async () => {
    await running.close();
    const many = new FakeNode({ atOnce: true, shards: 20_000 });
    running = await startServer({ node: many });
    client = await running.connect();
    await call("SET", "a", 1);
    expect(await call("KEYS", "*")).toEqual(["a"]);
  });

  test("KEYS over its limit says what to use instead", async () => {
    await running.close();
    running = await startServer({ node, options: { maxListedKeys: 100 } });
    client = await running.connect();
    expect(await call("KEYS", "*")).toBe("-ERR more than 100 keys match: use SCAN");
    expect(await call("KEYS", "k1*")).toHaveLength(keys.filter((key) => key.startsWith("k1")).length);
  });
});

describe("MEMORY USAGE", () => {
  test("grows with what a key holds", async () => {
    const usage = async (...args: Argument[]): Promise<number> =>
      (await call("MEMORY", "USAGE", ...args)) as number;
    await call("SET", "s", "x".repeat(1000));
    await call("SADD", "set", ...Array.from({ length: 100 }, (_, i) => `member-${i}`));
    await call(
      "HSET",
      "hash",
      ...Array.from({ length: 100 }, (_, i) => [`field-${i}`, "x".repeat(100)]).flat(),
    );
    expect(await usage("s")).toBeGreaterThan(1000);
    expect(await usage("s")).toBeLessThan(1200);
    expect(await usage("set")).toBeGreaterThan(100 * 8);
    expect(await usage("hash")).toBeGreaterThan(await usage("set"));
    expect(await usage("hash", "SAMPLES", "0")).toBeGreaterThan(100 * 100);
    expect(await usage("none")).toBeNull();
    expect(await call("MEMORY", "USAGE")).toBe("-ERR wrong number of arguments for 'memory|usage' command");
    expect(await call("MEMORY", "USAGE", "s", "SAMPLES", "x")).toBe(
      "-ERR value is not an integer or out of range",
    );
    expect(await call("MEMORY", "NOSUCH")).toBe("-ERR unknown subcommand 'NOSUCH'. Try MEMORY HELP.");
  });
});

describe("KVORUM", () => {
  test("EXPLAIN tells where a key lives, with the node's own rule", async () => {
    for (const key of ["a", "other:a", "none:a", "{tag}x", "{tag}y"]) {
      const flat = (await call("KVORUM", "EXPLAIN", key)) as Wire[];
      expect(flat[flat.indexOf("group") + 1]).toBe(node.groupOf(key));
      expect(flat[flat.indexOf("keyspace") + 1]).toBe(key.startsWith("other:") ? "other" : "default");
      expect(flat[flat.indexOf("why") + 1]).toBe("It could not be asked why it leads.");
    }
    expect(await call("KVORUM", "EXPLAIN")).toBe(
      "-ERR wrong number of arguments for 'kvorum|explain' command",
    );
  });

  test("STATUS is JSON", async () => {
    expect(JSON.parse(String(await call("KVORUM", "STATUS")))).toMatchObject({ name: "n1", ready: true });
  });

  test("CONSISTENCY and READONLY choose how this connection reads, and RESET takes it back", async () => {
    expect(await call("KVORUM", "CONSISTENCY")).toBe("linearizable");
    expect(await call("READONLY")).toBe("+OK");
    expect(await call("KVORUM", "CONSISTENCY")).toBe("sequential");
    await call("GET", "a");
    expect(node.lastOptions.consistency).toBe("sequential");
    expect(await call("READWRITE")).toBe("+OK");
    await call("GET", "a");
    expect(node.lastOptions.consistency ?? "linearizable").toBe("linearizable");
    expect(await call("KVORUM", "CONSISTENCY", "STALE")).toBe("+OK");
    expect(await call("KVORUM", "CONSISTENCY", "maybe")).toMatch(/^-ERR consistency is one of/);
    await call("RESET");
    expect(await call("KVORUM", "CONSISTENCY")).toBe("linearizable");
  });

  test("SIBLINGS and RESOLVE are done where the key lives: an ordered keyspace has none", async () => {
    expect(await call("KVORUM", "SIBLINGS", "a")).toMatch(
      /^-ERR an ordered keyspace has no concurrent values/,
    );
    expect(await call("kvorum", "resolve", "a", "token", "v")).toMatch(/^-ERR an ordered keyspace/);
    expect(await call("KVORUM", "SIBLINGS")).toMatch(/^-ERR wrong number of arguments/);
    expect(await call("KVORUM", "RESOLVE", "a", "token")).toMatch(/^-ERR wrong number of arguments/);
  });

  test("QUORUM chooses R and W for quorum keyspaces alone, and RESET takes it back", async () => {
    expect(await call("KVORUM", "QUORUM")).toBe("default");
    expect(await call("KVORUM", "QUORUM", "1", "2")).toMatch(/^-ERR there is no quorum keyspace/);
    const plain = node.keyspaces.bind(node);
    node.keyspaces = () =>
      plain().map((each) => (each.name === "other" ? { ...each, replication: "quorum" as const } : each));
    for (const wrong of [["0", "1"], ["1", "4"], ["1"], ["1", "x"], ["1", "1", "1"]])
      expect(await call("KVORUM", "QUORUM", ...wrong)).toMatch(
        /^-ERR QUORUM takes DEFAULT, or R and W from 1 to 3/,
      );
    expect(await call("KVORUM", "QUORUM", "2", "3")).toBe("+OK");
    expect(await call("KVORUM", "QUORUM")).toEqual([2, 3]);
    await call("GET", "other:a");
    expect(node.lastOptions.quorum).toBe(2);
    await call("SET", "other:a", "1");
    expect(node.lastOptions.quorum).toBe(3);
    await call("SET", "a", "1");
    expect(node.lastOptions.quorum).toBe(undefined);
    expect(await call("KVORUM", "QUORUM", "DEFAULT")).toBe("+OK");
    await call("GET", "other:a");
    expect(node.lastOptions.quorum).toBe(undefined);
    await call("KVORUM", "QUORUM", "1", "1");
    await call("RESET");
    expect(await call("KVORUM", "QUORUM")).toBe("default");
  });
});
