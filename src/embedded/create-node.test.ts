import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { freePorts } from "../chaos/free-ports.ts";
import { connect, counter, createNode, type EmbeddedNode, KvorumError, register } from "../index.ts";

let directory: string;
let nodes: EmbeddedNode[] = [];

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "kvorum-embedded-"));
});

afterEach(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  nodes = [];
  await rm(directory, { recursive: true });
});

async function start(options: Partial<Parameters<typeof createNode>[0]> = {}): Promise<EmbeddedNode> {
  const name = options.name ?? "n1";
  const node = await createNode({ dataDir: join(directory, name), ...options });
  nodes.push(node);
  return node;
}

async function stop(node: EmbeddedNode): Promise<void> {
  nodes = nodes.filter((other) => other !== node);
  await node.close();
}

const SCHEMA = { keyspaces: { accounts: register<{ balance: number }>(), hits: counter() }, ensure: true };

test("one node, one process, no open port for clients: what was written is there after a restart", async () => {
  let node = await start();
  expect(node.addresses).toMatchObject({ resp: null, http: null });
  const db = await node.connect(SCHEMA);
  await db.accounts.set("alice", { balance: 10 });
  expect(await db.hits.increment("home")).toBe(1);
  await stop(node);
  await expect(db.hits.increment("home")).rejects.toThrow(KvorumError);

  node = await start();
  const again = await node.connect(SCHEMA);
  expect(await again.accounts.get("alice")).toEqual({ balance: 10 });
  expect(await again.hits.increment("home")).toBe(2);
});

test("three nodes in one process are a cluster; when one closes, the others go on without a gap", async () => {
  const ports = await freePorts(3);
  const initial = ports.map((port, i) => `n${i + 1}=127.0.0.1:${port}`);
  const options = ports.map((peerPort, i) => ({ name: `n${i + 1}`, peerPort, initial }));
  const [first, second, third] = await Promise.all([
    start({ ...options[0], respPort: 0 }),
    start({ ...options[1], respPort: 0 }),
    start(options[2]),
  ]);
  await Promise.all(nodes.map((node) => node.ready()));
  const local = await third.connect(SCHEMA);
  const remote = await connect(`kvorum://${first.addresses.resp},${second.addresses.resp}`, SCHEMA);
  await Promise.all(Array.from({ length: 50 }, (_, i) => local.hits.increment(`page${i % 5}`)));
  await Promise.all(Array.from({ length: 50 }, (_, i) => remote.hits.increment(`page${i % 5}`)));
  expect(await local.hits.get("page0")).toBe(20);

  const meanwhile = Array.from({ length: 100 }, (_, i) => remote.hits.increment(`page${i % 5}`));
  await stop(first);
  await Promise.all(meanwhile);
  expect(await local.hits.get("page0")).toBe(40);
  expect(await remote.hits.get("page4")).toBe(40);
  remote.close();
});

test("who has written reads it, at whatever node, sequentially too", async () => {
  const ports = await freePorts(3);
  const initial = ports.map((port, i) => `n${i + 1}=127.0.0.1:${port}`);
  await Promise.all(ports.map((peerPort, i) => start({ name: `n${i + 1}`, peerPort, initial, respPort: 0 })));
  await Promise.all(nodes.map((node) => node.ready()));
  const db = await connect(`kvorum://${nodes[0]!.addresses.resp}`, SCHEMA);
  for (let i = 1; i <= 100; i++) {
    await db.accounts.set("alice", { balance: i });
    expect(await db.accounts.get("alice", { consistency: "sequential" })).toEqual({ balance: i });
  }
  db.close();
});

test("given nodes of two zones, the two replicas of each shard are in both, also of one that joined later", async () => {
  const ports = await freePorts(3);
  const initial = ports.slice(0, 2).map((port, i) => `n${i + 1}=127.0.0.1:${port}`);
  const east = ports
    .slice(0, 2)
    .map((peerPort, i) => ({ name: `n${i + 1}`, peerPort, initial, zone: "east" }));
  await Promise.all(east.map((options) => start(options)));
  await Promise.all(nodes.map((node) => node.ready()));
  const third = await start({
    name: "n3",
    peerPort: ports[2]!,
    join: [`127.0.0.1:${ports[0]}`],
    zone: "west",
  });
  await third.ready();
  await third.connect({ keyspaces: { carts: counter({ replicas: 2 }) }, ensure: true });
  const { keyspaces } = third.status();
  const carts = keyspaces.find(({ name }) => name === "carts")!;
  const west = third.status().id!;
  expect(carts.shardList.map(({ replicas }) => replicas.includes(west))).toEqual(Array(8).fill(true));
});

test("options that are wrong are told all at once, and nothing is opened", async () => {
  const wrong = { respPort: 70_000, limits: { maxInFlight: 0 }, shrads: 3 } as Partial<
    Parameters<typeof createNode>[0]
  >;
  const error: unknown = await start(wrong).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(KvorumError);
  expect(error).toMatchObject({ code: "bad-request", definite: true });
  const { message } = error as KvorumError;
  for (const part of ["respPort", "70000", "limits.maxInFlight", "shrads"]) expect(message).toContain(part);
});

test("a directory is one node's only", async () => {
  await start();
  await expect(start()).rejects.toThrow(/in use|locked/i);
});

test("an import has no effect, and after close the process ends by itself", () => {
  const code = `
    import { createNode, counter } from "./src/index.ts";
    const node = await createNode({ dataDir: process.argv[1], respPort: 0, httpPort: 0 });
    const db = await node.connect({ keyspaces: { hits: counter() }, ensure: true });
    console.log(await db.hits.increment("a"));
    await node.close();
  `;
  expect(code).toContain("createNode");
  const built = code.replace("./src/index.ts", new URL("../../dist/index.js", import.meta.url).href);
  const run = spawnSync(process.execPath, ["--input-type=module", "-e", built, join(directory, "child")], {
    encoding: "utf8",
    timeout: 30_000,
  });
  expect({ stdout: run.stdout, stderr: run.stderr, status: run.status, signal: run.signal }).toEqual({
    stdout: "1\n",
    stderr: "",
    status: 0,
    signal: null,
  });
});
