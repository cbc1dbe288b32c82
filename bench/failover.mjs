/**
 * How long a shard takes no writes after its leader was killed with -9, and whether anything acknowledged is lost.
 *
 *   npm run build && node bench/failover.mjs [kills=5] [secondsBetween=12]
 *
 * Eight writers, one per shard, write through all nodes in turn; every `secondsBetween` the node that leads most shards is
 * killed and started again. For each shard it led: the longest time without an acknowledged write of that shard from then on.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { hashSlot, shardOfSlot } from "../dist/placement/hash-slot.js";

const KILLS = Number(process.argv[2] ?? 5);
const SECONDS_BETWEEN = Number(process.argv[3] ?? 12);
const SHARDS = 8;
const BASE = 17_410;
const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "kvorum-failover-"));
const nodes = [1, 2, 3].map((i) => ({ name: `n${i}`, port: BASE + 10 * i, process: null }));
const initial = nodes.map(({ name, port }) => `${name}=127.0.0.1:${port + 2}`).join(",");
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function start(node) {
  const { name, port } = node;
  const flags = { name, "data-dir": join(directory, name), "resp-port": port, "http-port": port + 1 };
  const args = Object.entries({ ...flags, "peer-port": port + 2, initial, "log-level": "warn" });
  node.process = spawn(
    process.execPath,
    [MAIN, "serve", ...args.map(([flag, value]) => `--${flag}=${value}`)],
    {
      stdio: "ignore",
    },
  );
}

async function status(node) {
  try {
    return await (await fetch(`http://127.0.0.1:${node.port + 1}/v1/status`)).json();
  } catch {
    // It does not run (yet).
    return null;
  }
}

async function untilReady() {
  for (;;) {
    const states = await Promise.all(nodes.map(status));
    if (states.every((state) => state?.ready)) return states;
    await sleep(50);
  }
}

/** A tag whose keys lie in the shard. */
function tagOf(shard) {
  for (let i = 0; ; i++) {
    if (shardOfSlot(hashSlot(Buffer.from(`t${i}`)), SHARDS) === shard) return `t${i}`;
  }
}

const acknowledged = [];
const lastAck = Array.from({ length: SHARDS }, () => []);
const run = { on: true };

async function write(shard) {
  const tag = tagOf(shard);
  const clients = nodes.map(({ port }) => {
    const client = new Redis(port, "127.0.0.1", {
      maxRetriesPerRequest: 0,
      enableOfflineQueue: false,
      retryStrategy: () => 20,
    });
    client.on("error", () => undefined);
    return client;
  });
  for (let n = 0; run.on; n++) {
    const client = clients[(n + shard) % clients.length];
    if (client.status !== "ready") {
      await sleep(1);
      continue;
    }
    const key = `{${tag}}:${n}`;
    try {
      await client.set(key, n);
      acknowledged.push([key, String(n)]);
      lastAck[shard].push(performance.now());
    } catch {
      // Lost with the node or indefinite: not acknowledged, so nothing is promised about it.
      await sleep(1);
    }
  }
  for (const client of clients) client.disconnect();
}

/** Milliseconds. Answers that were on their way at the kill still come, so the first one says nothing. */
function longestPause(times, from) {
  const after = times.filter((time) => time > from);
  if (after.length === 0) return Infinity;
  return Math.round(Math.max(...after.map((time, i) => time - (i === 0 ? from : after[i - 1]))));
}

for (const node of nodes) start(node);
await untilReady();
const writers = Array.from({ length: SHARDS }, (_, shard) => write(shard));
const resumed = [];
for (let kill = 1; kill <= KILLS; kill++) {
  await sleep((SECONDS_BETWEEN * 1000) / 2);
  const states = await untilReady();
  const leads = states.map((state) =>
    state.replicas.filter((replica) => replica.role === "leader" && replica.keyspace === "default"),
  );
  const most = leads.reduce((best, led, i) => (led.length > leads[best].length ? i : best), 0);
  const shards = leads[most].map((replica) => replica.shard);
  const at = performance.now();
  nodes[most].process.kill("SIGKILL");
  await sleep((SECONDS_BETWEEN * 1000) / 2);
  const times = shards.map((shard) => longestPause(lastAck[shard], at));
  resumed.push(...times);
  console.log(
    `kill ${kill}: ${nodes[most].name}, leader of shards ${shards.join(", ")}: no writes for ${times.join(", ")} ms`,
  );
  start(nodes[most]);
}
await untilReady();
run.on = false;
await Promise.all(writers);

const reader = new Redis(nodes[0].port, "127.0.0.1");
let lost = 0;
for (let at = 0; at < acknowledged.length; at += 500) {
  const part = acknowledged.slice(at, at + 500);
  const values = await reader.mget(part.map(([key]) => key));
  lost += part.filter(([, value], i) => values[i] !== value).length;
}
reader.disconnect();
resumed.sort((a, b) => a - b);
console.log(
  `${acknowledged.length} writes acknowledged, ${lost} lost; without a leader for ` +
    `${resumed[resumed.length >> 1]} ms (median), ${resumed.at(-1)} ms (worst of ${resumed.length})`,
);
for (const node of nodes) node.process.kill("SIGKILL");
await sleep(300);
rmSync(directory, { recursive: true, force: true });
process.exitCode = lost > 0 ? 1 : 0;
