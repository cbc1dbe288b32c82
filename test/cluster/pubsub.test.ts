/** Publish/subscribe over three nodes, with the clients that people use. */
import { spawn, spawnSync } from "node:child_process";
import { Redis } from "ioredis";
import { createClient } from "redis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestCluster, type TestNode, until } from "./cluster.testkit.ts";

const hasCli = spawnSync("redis-cli", ["--version"]).status === 0;
if (!hasCli) console.warn("SKIPPED: redis-cli is not installed.");

let cluster: TestCluster;
let nodes: readonly TestNode[];

beforeAll(async () => {
  cluster = await TestCluster.create(3);
  cluster.start();
  await cluster.untilReady();
  nodes = cluster.nodes;
}, 30_000);

afterAll(() => cluster.end());

/** An ioredis client; one of RESP2, as ioredis is. */
function connected(node: TestNode): Redis {
  const client = new Redis(node.ports.resp, "127.0.0.1");
  client.on("error", () => undefined);
  return client;
}

test("ioredis: what is published at one node is heard at the others, by channel and by pattern", async () => {
  const [publisher, named, patterned] = nodes.map(connected) as [Redis, Redis, Redis];
  const heard: string[] = [];
  named.on("message", (channel, message) => heard.push(`${channel} ${message}`));
  patterned.on("pmessage", (pattern, channel, message) => heard.push(`${pattern} ${channel} ${message}`));
  await named.subscribe("news", "total:news");
  await patterned.psubscribe("total:*", "ne?s");
  await publisher.subscribe("total:first").then(() => publisher.unsubscribe());
  await publisher.publish("news", "a");
  await publisher.publish("total:news", "b");
  await until(() => Promise.resolve(heard.length === 4), 5000, "all to hear");
  expect(heard.toSorted()).toEqual(["ne?s news a", "news a", "total:* total:news b", "total:news b"]);
  for (const client of [publisher, named, patterned]) client.disconnect();
});

test.each([2, 3] as const)(
  "node-redis over RESP%i: many publishers, one total order at all nodes",
  async (RESP) => {
    const clients = nodes.map(({ ports }) => createClient({ RESP, url: `redis://127.0.0.1:${ports.resp}` }));
    await Promise.all(clients.map((client) => client.connect()));
    const listeners = clients.map((client) => client.duplicate());
    await Promise.all(listeners.map((client) => client.connect()));
    const heard: string[][] = listeners.map(() => []);
    await Promise.all(
      listeners.map((client, at) => client.subscribe("total:x", (text) => heard[at]!.push(text))),
    );
    const messages = Array.from({ length: 150 }, (_, at) => `m${at}`);
    await Promise.all(messages.map((text, at) => clients[at % 3]!.publish("total:x", text)));
    await until(() => Promise.resolve(heard.every(({ length }) => length === 150)), 5000, "all to hear");
    expect(heard[1]).toEqual(heard[0]);
    expect(heard[2]).toEqual(heard[0]);
    expect(heard[0]!.toSorted()).toEqual(messages.toSorted());
    for (const client of [...clients, ...listeners]) client.destroy();
  },
);

test.skipIf(!hasCli)("redis-cli subscribes, and hears", async () => {
  const cli = spawn("redis-cli", ["-p", String(nodes[1]!.ports.resp), "subscribe", "causal:a"]);
  let shown = "";
  cli.stdout.on("data", (chunk: Buffer) => (shown += chunk.toString()));
  await until(() => Promise.resolve(shown.includes("subscribe")), 5000, "the subscription");
  const publisher = connected(nodes[0]!);
  expect(await publisher.publish("causal:a", "hello")).toBe(0);
  await until(() => Promise.resolve(shown.includes("hello")), 5000, "the message");
  cli.kill();
  publisher.disconnect();
});

test("a node that is killed stops nobody who listens or publishes elsewhere", async () => {
  const publisher = connected(nodes[0]!);
  const listener = connected(nodes[1]!);
  const heard: string[] = [];
  listener.on("message", (channel, message) => heard.push(`${channel} ${message}`));
  await listener.subscribe("plain", "fifo:a");
  await nodes[2]!.signal("SIGKILL");
  await publisher.publish("plain", "1");
  await publisher.publish("fifo:a", "2");
  await until(() => Promise.resolve(heard.length === 2), 5000, "both to be heard");
  expect(heard).toEqual(["plain 1", "fifo:a 2"]);
  publisher.disconnect();
  listener.disconnect();
});
