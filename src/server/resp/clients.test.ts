/** The clients people use, as they are, against the server: their handshakes, pipelines, transactions, scans. */
import { execFile, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startServer, type RunningServer } from "./client.testkit.ts";
import { FakeNode } from "./fake-node.testkit.ts";

let running: RunningServer;

beforeEach(async () => {
  running = await startServer({ node: new FakeNode() });
});

afterEach(() => running.close());

describe.each([2, 3] as const)("ioredis, RESP%i", (protocol) => {
  let redis: Redis;

  beforeEach(() => {
    redis = new Redis({ port: running.port, host: "127.0.0.1", protocol, maxRetriesPerRequest: 1 });
  });

  afterEach(() => redis.disconnect());

  test("quick start", async () => {
    expect(await redis.set("key", "value", "EX", 100)).toBe("OK");
    expect(await redis.get("key")).toBe("value");
    expect(await redis.getBuffer("key")).toEqual(Buffer.from("value"));
    expect(await redis.ttl("key")).toBeGreaterThan(90);
    await redis.hset("hash", { a: 1, b: "2" });
    expect(await redis.hgetall("hash")).toEqual({ a: "1", b: "2" });
    await redis.sadd("set", "x", "y");
    expect((await redis.smembers("set")).sort()).toEqual(["x", "y"]);
    expect(await redis.incr("n")).toBe(1);
    expect(await redis.del("key", "hash", "nothing")).toBe(2);
    await expect(redis.lpush("list", "x")).rejects.toThrow(
      "ERR unknown command 'lpush', with args beginning with: 'list' 'x'",
    );
    await expect(redis.hget("n", "f")).rejects.toThrow(/^WRONGTYPE /);
  });

  test("pipeline and multi", async () => {
    expect(await redis.pipeline().set("a", 1).incr("a").get("a").exec()).toEqual([
      [null, "OK"],
      [null, 2],
      [null, "2"],
    ]);
    expect(await redis.multi().set("a", 5).incr("a").hget("a", "f").exec()).toEqual([
      [null, "OK"],
      [null, 6],
      [expect.objectContaining({ message: expect.stringMatching(/^WRONGTYPE/) })],
    ]);
    await redis.watch("a");
    const other = redis.duplicate();
    await other.set("a", "other");
    other.disconnect();
    expect(await redis.multi().set("a", "mine").exec()).toBeNull();
  });

  test("auto-pipelining keeps the order that the program asked for", async () => {
    const auto = redis.duplicate({ enableAutoPipelining: true });
    const replies = await Promise.all(Array.from({ length: 100 }, () => auto.incr("n")));
    expect(replies).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    auto.disconnect();
  });

  test("scanStream, hscanStream", async () => {
    await Promise.all(Array.from({ length: 200 }, (_, i) => redis.set(`k${i}`, "v")));
    const found: string[] = [];
    for await (const page of redis.scanStream({ match: "k*", count: 20 })) found.push(...(page as string[]));
    expect(new Set(found).size).toBe(200);
    expect(found).toHaveLength(200);
    await redis.hset("hash", Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`f${i}`, i])));
    let fields = 0;
    for await (const page of redis.hscanStream("hash")) fields += (page as string[]).length / 2;
    expect(fields).toBe(50);
  });
});

describe.each([2, 3] as const)("node-redis, RESP%i", (RESP) => {
  const connect = async () => {
    const client = createClient({ socket: { port: running.port, host: "127.0.0.1" }, RESP, name: "test" });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  let client: Awaited<ReturnType<typeof connect>>;

  beforeEach(async () => {
    client = await connect();
  });

  afterEach(() => client.destroy());

  test("quick start", async () => {
    expect(await client.set("key", "value", { expiration: { type: "EX", value: 100 } })).toBe("OK");
    expect(await client.get("key")).toBe("value");
    expect(await client.clientGetName()).toBe("test");
    await client.hSet("hash", { a: "1", b: "2" });
    expect({ ...(await client.hGetAll("hash")) }).toEqual({ a: "1", b: "2" });
    await client.sAdd("set", ["x", "y"]);
    expect([...(await client.sMembers("set"))].sort()).toEqual(["x", "y"]);
    expect(await client.hRandFieldCountWithValues("hash", 5)).toHaveLength(2);
    expect(await client.exists(["key", "hash", "none"])).toBe(2);
    await expect(client.incr("key")).rejects.toThrow("ERR value is not an integer or out of range");
    expect(await client.ping()).toBe("PONG");
    expect(await client.dbSize()).toBe(3);
  });

  test("implicit pipeline, multi, watch", async () => {
    const replies = await Promise.all([client.set("a", "1"), client.incr("a"), client.get("a")]);
    expect(replies).toEqual(["OK", 2, "2"]);
    expect(await client.multi().set("a", "5").incr("a").get("a").exec()).toEqual(["OK", 6, "6"]);
    const other = await connect();
    await client.watch("a");
    await other.set("a", "other");
    await expect(client.multi().set("a", "mine").exec()).rejects.toThrow(/watched keys has been changed/);
    other.destroy();
  });

  test("scanIterator", async () => {
    await Promise.all(Array.from({ length: 100 }, (_, i) => client.set(`k${i}`, "v")));
    const found: string[] = [];
    for await (const page of client.scanIterator({ MATCH: "k*", COUNT: 10 })) found.push(...page);
    expect(new Set(found).size).toBe(100);
  });
});

describe.skipIf(!hasRedisCli())("redis-cli", () => {
  const cli = async (...args: string[]): Promise<string> => {
    const { stdout } = await promisify(execFile)("redis-cli", ["-p", String(running.port), ...args]);
    return stdout.trim();
  };

  test("single commands, RESP3, and --scan", async () => {
    expect(await cli("set", "a", "1")).toBe("OK");
    expect(await cli("get", "a")).toBe("1");
    expect(await cli("-3", "hset", "h", "f", "v")).toBe("1");
    expect(await cli("-3", "--json", "hgetall", "h")).toBe('{"f":"v"}');
    expect((await cli("--scan")).split("\n").sort()).toEqual(["a", "h"]);
    expect(await cli("info", "server")).toContain("redis_version:7.0");
  });

  test("an interactive session: it learns our commands by COMMAND DOCS", async () => {
    // A terminal is what makes redis-cli interactive; it takes a line when it has shown its prompt.
    const child = spawn("script", ["-qec", `redis-cli -p ${running.port}`, "/dev/null"], {
      env: { ...process.env, TERM: "dumb" },
    });
    const lines = ["set b 2", "get b", "help kvorum", "quit"];
    let output = "";
    let shown = 0;
    child.stdout.on("data", (chunk: Buffer) => {
      output += chunk.toString();
      if (output.slice(shown).endsWith("> ")) {
        shown = output.length;
        setTimeout(() => child.stdin.write(`${lines.shift() ?? "quit"}\n`), 50);
      }
    });
    await new Promise((resolve) => child.once("close", resolve));
    expect(output).toContain('"2"');
    expect(output).toContain("A container for commands of Kvorum itself");
    expect(running.server.stats.errors).toBe(0);
  });

  test("--pipe, as for mass insertion", async () => {
    const child = spawn("redis-cli", ["-p", String(running.port), "--pipe"]);
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.stdin.end(Array.from({ length: 2000 }, (_, i) => `SET k${i} v\r\n`).join(""));
    await new Promise((resolve) => child.once("close", resolve));
    expect(output).toMatch(/errors: 0, replies: 2000/);
    expect(await cli("dbsize")).toBe("2000");
  });
});

function hasRedisCli(): boolean {
  if (existsSync("/usr/bin/redis-cli")) return true;
  console.warn("\n!!! redis-cli is missing: it is NOT tried against the server.\n");
  return false;
}
