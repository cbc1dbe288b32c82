/**
 * A whole cluster under load, one dimension at a time: nodes, connections, size of values, shards, share of reads. Every
 * point is measured right after the default point (3 nodes, 64 connections, 100 bytes, 8 shards, writes only), and what
 * is printed beside it is the ratio of the two: figures drift with the machine, ratios much less.
 *
 *   npm run build && node bench/system.mjs [--quick] [--only nodes,connections,value,shards,reads] [--seconds 4]
 *                                          [--rounds 2] [--port 7900] [--json]
 *
 * A small closed-loop client in a thread of its own asks one node, as a plain Redis client does. CPU is what the kernel
 * counted for all nodes together (/proc/PID/stat), for each operation.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { Cluster, sleep } from "./lib/cluster.mjs";
import { load } from "./lib/load.mjs";
import { table, times } from "./lib/table.mjs";

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    seconds: { type: "string" },
    rounds: { type: "string" },
    port: { type: "string", default: "7900" },
    json: { type: "boolean", default: false },
  },
});
const SECONDS = Number(flags.seconds ?? (flags.quick ? 1.5 : 4));
const ROUNDS = Number(flags.rounds ?? (flags.quick ? 1 : 2));
const KEYS = 1000;
const say = (line) => {
  if (!flags.json) console.log(line);
};

const DEFAULT = { nodes: 3, connections: 64, value: 100, shards: 8, reads: 0 };
const SWEEPS = flags.quick
  ? { nodes: [1, 5], connections: [1, 256], value: [16, 65_536], shards: [1, 64], reads: [0.5, 1] }
  : {
      nodes: [1, 5],
      connections: [1, 4, 16, 256],
      value: [16, 1024, 16_384, 131_072, 1_048_576],
      shards: [1, 2, 32, 64],
      reads: [0.5, 0.9, 1],
    };

const clusters = new Map();

/** Clusters live until another number of nodes is asked for: more processes than needed would only take memory. */
async function clusterOf(nodes) {
  const running = clusters.get(nodes);
  if (running !== undefined) return running;
  const cluster = new Cluster({ nodes, port: Number(flags.port) + (nodes === DEFAULT.nodes ? 0 : 50) });
  clusters.set(nodes, cluster);
  await cluster.start();
  return cluster;
}

/** The keyspace with so many shards, on all nodes of the cluster; what it is named in front of keys. */
async function keyspace(cluster, { nodes, shards }) {
  cluster.keyspaces ??= new Set();
  const name = `s${shards}`;
  if (!cluster.keyspaces.has(name)) {
    cluster.keyspaces.add(name);
    await cluster.admin({ type: "keyspace-create", spec: { name, shards, replicas: Math.min(nodes, 5) } });
    await untilLed(cluster, name, shards);
  }
  return `${name}:`;
}

async function untilLed(cluster, name, shards) {
  for (;;) {
    const states = await Promise.all(cluster.nodes.map((node) => cluster.status(node)));
    const led = states.flatMap((state) => state?.replicas ?? []);
    if (led.filter((each) => each.keyspace === name && each.role === "leader").length === shards) return;
    await sleep(50);
  }
}

/** Shards that nobody asks keep nodes busy nevertheless. */
async function forget({ nodes, shards }) {
  const cluster = clusters.get(nodes);
  if (nodes !== DEFAULT.nodes) {
    await cluster.stop();
    clusters.delete(nodes);
  } else if (shards !== DEFAULT.shards) {
    await cluster.admin({ type: "keyspace-drop", name: `s${shards}` });
    cluster.keyspaces.delete(`s${shards}`);
  }
}

async function once(point, seconds = SECONDS) {
  const cluster = await clusterOf(point.nodes);
  const prefix = await keyspace(cluster, point);
  // Fewer keys where they are large: the disk should hold them, and the cache does not matter here.
  const keys = { count: point.value > 16_384 ? 64 : KEYS, prefix };
  const { connections, value, reads } = point;
  const shape = { ports: [cluster.ports[0]], connections, valueBytes: value, keys };
  if (reads > 0) await load({ ...shape, count: 4 * keys.count, connections: 16 });
  const before = cluster.cpuOfAll();
  const result = await load({ ...shape, seconds, reads });
  const after = cluster.cpuOfAll();
  if (result.errors > 0) throw new Error(`${result.errors} of ${result.ops} failed: ${result.firstError}`);
  return { ...result, cpu: (after.all - before.all) / result.ops };
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const MEASURES = ["perSecond", "p50", "p99", "cpu"];

/** The point and the default, in turn. */
async function compared(point) {
  // Both have to be compiled and connected before they count.
  await once(DEFAULT, SECONDS / 2);
  await once(point, SECONDS / 2);
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) rounds.push({ base: await once(DEFAULT), there: await once(point) });
  const over = (of) =>
    Object.fromEntries(MEASURES.map((name) => [name, median(rounds.map((round) => of(round, name)))]));
  return {
    base: over(({ base }, name) => base[name]),
    ...over(({ there }, name) => there[name]),
    ratios: over(({ base, there }, name) => there[name] / base[name]),
  };
}

const whole = (n) => Math.round(n).toLocaleString("en-US");
const show = { value: (n) => (n < 1024 ? `${n} B` : `${n / 1024} KiB`), reads: (n) => `${n * 100}%` };
const LABELS = {
  nodes: "nodes",
  connections: "connections",
  value: "value size",
  shards: "shards",
  reads: "reads",
};

const wanted = flags.only === undefined ? Object.keys(SWEEPS) : flags.only.split(",");
const results = [];
say(
  `${availableParallelism()} processors; default: 3 nodes, 64 connections, 100 B, 8 shards, no reads; ${SECONDS} s each`,
);
for (const dimension of wanted) {
  const rows = [];
  for (const value of SWEEPS[dimension]) {
    const point = { ...DEFAULT, [dimension]: value };
    const result = await compared(point);
    await forget(point);
    results.push({ dimension, value, ...result });
    rows.push([
      `${LABELS[dimension]} ${(show[dimension] ?? String)(value)}`,
      ...MEASURES.flatMap((name) => [whole(result[name]), times(result.ratios[name])]),
      whole(result.base.perSecond),
    ]);
  }
  say(`\n${table(["", "ops/s", "", "p50 us", "", "p99 us", "", "CPU us/op", "", "default ops/s"], rows)}`);
}
for (const cluster of clusters.values()) await cluster.stop();
if (flags.json)
  console.log(JSON.stringify({ default: DEFAULT, seconds: SECONDS, rounds: ROUNDS, results }, null, 2));
