/** Cluster-aware clients: they go to the leaders, and follow them. */
import { spawnSync } from "node:child_process";
import { Cluster, Redis } from "ioredis";
import { createCluster } from "redis";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { connect, counter } from "../../src/client/index.ts";
import { TestCluster, type TestNode, until } from "./cluster.testkit.ts";

const hasTools = ["redis-cli", "redis-benchmark"].every(
  (tool) => spawnSync(tool, ["--version"]).status === 0,
);
if (!hasTools) console.warn("SKIPPED: redis-cli and redis-benchmark are not installed.");

const KEYS = Array.from({ length: 30 }, (_, i) => `k${i}`);

let cluster: TestCluster;
let nodes: readonly TestNode[];
const endings: (() => void)[] = [];

beforeAll(async () => {
  cluster = await TestCluster.create(3, { clusterPorts: true });
  cluster.start();
  await cluster.untilReady();
  nodes = cluster.nodes;
  const created = await nodes[0]!.admin({
    type: "keyspace-create",
    spec: { name: "users", replication: "raft", shards: 4 },
  });
  expect(created).toMatchObject({ ok: true });
  await cluster.untilReady();
}, 30_000);

afterEach(() => {
  for (const end of endings.splice(0)) end();
});

afterAll(() => cluster.end());

/** Of all nodes that run: how many requests they have passed on to others. */
async function forwarded(): Promise<number> {
  const counts = nodes
    .filter((node) => node.isRunning)
    .map((node) => node.metric("requests_forwarded_total"));
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** How often the clients of these ports were redirected. */
async function redirects(door: "resp" | "cluster"): Promise<number> {
  let sum = 0;
  for (const { isRunning, ports } of nodes) {
    if (!isRunning) continue;
    const client = new Redis(ports[door], "127.0.0.1");
    sum += Number(/^redirects:(\d+)/m.exec(await client.info("stats"))![1]);
    client.disconnect();
  }
  return sum;
}

/** Gives every shard of the default keyspace to the next node. */
async function moveLeaders(): Promise<void> {
  const status = (await nodes[0]!.status())!;
  for (const { group, leader } of status.keyspaces.find(({ name }) => name === "default")!.shardList) {
    const at = status.nodes.findIndex(({ id }) => id === leader);
    const to = status.nodes[(at + 1) % status.nodes.length]!.name;
    expect(await nodes[0]!.admin({ type: "transfer-leader", group, to })).toMatchObject({ ok: true });
  }
}

interface Client {
  incr(key: string): Promise<unknown>;
}

const incrementAll = (client: Client, keys: readonly string[]): Promise<unknown[]> =>
  Promise.all(keys.map((key) => client.incr(key)));

/** Until a round needs no redirect: the client has the right map, and leaders stay where they are for a moment. */
const settles = (client: Client, keys = KEYS): Promise<void> =>
  until(
    async () => {
      const before = await redirects("cluster");
      await incrementAll(client, keys);
      return (await redirects("cluster")) === before;
    },
    5000,
    "a round without a redirect",
  );

function ioredis(): Promise<Client> {
  const client = new Cluster([{ host: "127.0.0.1", port: nodes[0]!.ports.cluster }]);
  client.on("error", () => undefined);
  endings.push(() => client.disconnect());
  return Promise.resolve(client);
}

async function nodeRedis(): Promise<Client> {
  const url = `redis://127.0.0.1:${nodes[1]!.ports.cluster}`;
  // By itself it tries a node that is gone for five seconds before it asks the others.
  const client = createCluster({
    RESP: 3,
    rootNodes: [{ url }],
    topologyRefreshOnReconnectionAttemptStrategy: 100,
  });
  client.on("error", () => undefined);
  await client.connect();
  endings.push(() => client.destroy());
  return client;
}

describe.each([
  ["ioredis", ioredis],
  ["node-redis", nodeRedis],
] as const)("%s", (_name, open) => {
  test("goes to the leaders at once, and follows them when they change; nothing is forwarded", async () => {
    const client = await open();
    await settles(client);
    const before = [await forwarded(), await redirects("cluster")] as const;
    await moveLeaders();
    await incrementAll(client, KEYS);
    await settles(client);
    expect(await redirects("cluster")).toBeGreaterThan(before[1]);
    // What was under way at a leader while it gave up its place is passed on. Of a plain client's, most would be.
    expect((await forwarded()) - before[0]).toBeLessThan(KEYS.length / 4);
  });

  test("keys of other keyspaces are served as well, and do not spoil its map", async () => {
    const client = await open();
    const others = KEYS.map((key) => `users:${key}`);
    await expect(settles(client, [...others, ...KEYS, ...others, ...KEYS])).resolves.toBeUndefined();
  });
});

test("plain clients are forwarded, never redirected", async () => {
  const client = new Redis(nodes[0]!.ports.resp, "127.0.0.1");
  endings.push(() => client.disconnect());
  const before = await forwarded();
  await incrementAll(client, KEYS);
  await moveLeaders();
  await incrementAll(client, KEYS);
  expect(await forwarded()).toBeGreaterThan(before);
  expect(await redirects("resp")).toBe(0);
});

test("the typed client goes to the leaders too, and follows them after one request", async () => {
  const url = `kvorum://127.0.0.1:${nodes[0]!.ports.resp}`;
  const db = await connect(url, { keyspaces: { hits: counter({ shards: 4 }) }, ensure: true });
  endings.push(() => db.close());
  const hit = async (): Promise<number> => {
    const before = await forwarded();
    for (const key of KEYS.slice(0, 12)) {
      await db.hits.increment(key);
      await db.hits.get(key);
    }
    return (await forwarded()) - before;
  };
  await hit();
  expect(await hit()).toBe(0);
  const status = (await nodes[0]!.status())!;
  const { shardList } = status.keyspaces.find(({ name }) => name === "hits")!;
  for (const { group, leader } of shardList) {
    const to = status.nodes.find(({ id }) => id !== leader)!.name;
    expect(await nodes[0]!.admin({ type: "transfer-leader", group, to })).toMatchObject({ ok: true });
  }
  // The first that comes to each shard's former leader, and brings the news back.
  expect(await hit()).toBeLessThanOrEqual(shardList.length);
});

test.skipIf(!hasTools)("redis-cli -c follows redirects, redis-benchmark --cluster finds all leaders", () => {
  const run = (tool: string, args: readonly string[], input = ""): string => {
    const port = String(nodes[0]!.ports.cluster);
    const { status, stdout } = spawnSync(tool, ["-p", port, ...args], { input, encoding: "utf8" });
    expect(status).toBe(0);
    return stdout;
  };
  const commands = KEYS.map((key) => `set text-${key} x\nget text-${key}\n`).join("");
  expect(run("redis-cli", ["-c"], commands).match(/^x$/gm)).toHaveLength(KEYS.length);
  const report = run("redis-benchmark", ["--cluster", "-n", "100", "-c", "6", "-t", "set,get", "-q"]);
  expect(report).toContain("Cluster has 3 master nodes");
  expect(report.match(/requests per second/g)).toHaveLength(2);
});

test("a leader that is killed is left, and the others serve its keys", async () => {
  const clients = await Promise.all([ioredis(), nodeRedis()]);
  for (const client of clients) await incrementAll(client, KEYS);
  await (await cluster.busiestLeader()).signal("SIGKILL");
  for (const client of clients) {
    const missing = new Set(KEYS);
    await until(
      async () => {
        await Promise.all(
          [...missing].map((key) =>
            client.incr(key).then(
              () => missing.delete(key),
              () => false,
            ),
          ),
        );
        return missing.size === 0;
      },
      10_000,
      "all keys to be served again",
    );
    expect(missing.size).toBe(0);
  }
});
