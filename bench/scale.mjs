/**
 * What grows with the number of keys, and what must not: the cost of a write, memory, the log, the time of a restart;
 * and how long writes take while the node has work of its own.
 *
 *   npm run build && node bench/scale.mjs [--nodes 1|3] [--keys 10000,100000,1000000] [--ten-million]
 *                                         [--seconds 5] [--port 7900] [--serve=FLAGS] [--prof FOLDER] [--json]
 *                                         [--no-background | --rate 1000 --large-rate 1500 --megabytes 200]
 *
 * For each number of keys (values of 100 bytes): loads up to it, waits until the nodes are idle, then 64 connections
 * overwrite keys drawn from all of them. Ratios are to a second cluster that keeps the first number of keys and is measured
 * in turn with the first, so that what else the machine does strikes both. CPU is what the kernel counted for
 * the node processes (/proc/PID/stat), so a busy machine hardly changes it: `loop` is the event loop's thread alone, the
 * rest is threads that write, compact and collect garbage.
 *
 * `--serve` gives the nodes options, such as --limits-record-index-bytes=256MiB for ten million keys.
 *
 * Then, with all keys there, writes come at a fixed rate (`--rate`: a half of what the machine can do, or the figures are of queues) (timed from when each was due) while nothing else happens, while
 * large values force flushes, compactions and log checkpoints, while a keyspace of 200,000 keys is dropped and purged, and
 * (three nodes) while a node that lost its directory receives snapshots.
 */
import { mkdirSync, rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { Cluster, sleep } from "./lib/cluster.mjs";
import { load, startLoad } from "./lib/load.mjs";
import { mib, table, times } from "./lib/table.mjs";

const { values: flags } = parseArgs({
  options: {
    nodes: { type: "string", default: "3" },
    keys: { type: "string", default: "10000,100000,1000000" },
    "ten-million": { type: "boolean", default: false },
    seconds: { type: "string", default: "5" },
    port: { type: "string", default: "7900" },
    rate: { type: "string", default: "1000" },
    "large-rate": { type: "string", default: "1500" },
    megabytes: { type: "string", default: "200" },
    background: { type: "boolean", default: true },
    serve: { type: "string", default: "" },
    prof: { type: "string" },
    json: { type: "boolean", default: false },
  },
  allowNegative: true,
});

const SIZES = flags.keys.split(",").map(Number);
if (flags["ten-million"]) SIZES.push(10_000_000);
const SECONDS = Number(flags.seconds);
const RATE = Number(flags.rate);
const CONNECTIONS = 64;
const VALUE_BYTES = 100;
const LOADING = { connections: 8, pipeline: 100 };
const say = (line) => {
  if (!flags.json) console.log(line);
};

const nodeFlags = [];
if (flags.prof !== undefined) {
  mkdirSync(flags.prof, { recursive: true });
  nodeFlags.push("--cpu-prof", `--cpu-prof-dir=${flags.prof}`);
}
const nodes = Number(flags.nodes);
const serving = flags.serve.split(" ").filter(Boolean);
const cluster = new Cluster({ nodes, port: Number(flags.port), flags: serving, nodeFlags });
/** Has as many keys as the first step, always: what the machine does meanwhile, it does to both. */
const reference = new Cluster({ nodes, port: Number(flags.port) + 50, flags: serving });
const first = cluster.nodes[0];
const ROUNDS = 3;

/** Until the nodes do nothing of their own any more, or a minute has passed. Gives the seconds. */
async function settle(of = cluster) {
  const from = performance.now();
  let quiet = 0;
  while (quiet < 3 && performance.now() - from < 60_000) {
    const before = of.cpuOfAll().all;
    await sleep(400);
    const busy = (of.cpuOfAll().all - before) / 400_000 / nodes;
    quiet = busy < 0.1 && (await of.metric(of.nodes[0], "kvorum_overlay_bytes")) < 4096 ? quiet + 1 : 0;
  }
  return (performance.now() - from) / 1000;
}

function checked(result) {
  if (result.errors > 0) throw new Error(`${result.errors} requests failed: ${result.firstError}`);
  return result;
}

/** The load, and what it cost the nodes for each request. */
async function measured(options, of = cluster) {
  const before = of.cpuOfAll();
  const result = checked(await load({ ports: [of.nodes[0].port], valueBytes: VALUE_BYTES, ...options }));
  const after = of.cpuOfAll();
  const cpu = (after.all - before.all) / result.ops;
  return { ...result, cpu, loop: (after.loop - before.loop) / result.ops };
}

async function addKeys(from, to, of = cluster) {
  const keys = { from, count: to - from, order: "sequential" };
  return checked(
    await load({ ports: of.ports, count: to - from, keys, ...LOADING, valueBytes: VALUE_BYTES }),
  );
}

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const MEASURES = ["cpu", "loop", "perSecond", "p50", "p99"];

/** The same load on the reference and on the cluster, in turn: medians of the rounds, and of their ratios. */
async function compared(size, options) {
  const rounds = [];
  for (let i = 0; i < ROUNDS; i++) {
    const seconds = SECONDS / ROUNDS;
    const here = await measured({ ...options, seconds, keys: { count: SIZES[0] } }, reference);
    const there = await measured({ ...options, seconds, keys: { count: size } });
    rounds.push({ here, there });
  }
  const over = (of) => Object.fromEntries(MEASURES.map((name) => [name, median(rounds.map(of(name)))]));
  return {
    ...over(
      (name) =>
        ({ there }) =>
          there[name],
    ),
    ratios: over(
      (name) =>
        ({ here, there }) =>
          there[name] / here[name],
    ),
  };
}

/** Until the leaderships have come to the node that is asked, or half a minute has passed. */
async function warm(size, of) {
  for (let rounds = 0; rounds < 10; rounds++) {
    await measured({ connections: CONNECTIONS, seconds: 3, keys: { count: size } }, of);
    const { replicas } = await of.status(of.nodes[0]);
    const here = replicas.filter(({ keyspace }) => keyspace === "default");
    if (here.every(({ role }) => role === "leader")) return;
  }
  say("(some shards are led by other nodes than the one that is asked)");
}

async function step(from, size) {
  const loaded = await addKeys(from, size);
  // The compiler of the runtime has to see the path before anything is worth measuring.
  await Promise.all([warm(SIZES[0], reference), warm(size, cluster)]);
  const settled = await settle();
  const write = await compared(size, { connections: CONNECTIONS });
  await settle();
  const single = await compared(size, { connections: 1 });
  const read = await compared(size, { connections: CONNECTIONS, reads: 1 });
  await settle();
  const memory = cluster.memory(first);
  const heap = await cluster.metric(first, "kvorum_nodejs_heap_size_used_bytes");
  const disk = cluster.disk(first);
  await Promise.all(cluster.nodes.map((node) => cluster.stopNode(node, "SIGKILL")));
  for (const node of cluster.nodes) cluster.startNode(node);
  const restarts = await Promise.all(cluster.nodes.map((node) => cluster.untilReady(node)));
  // Every key is still there, and the node answers for it.
  await measured({ keys: { count: size }, connections: 4, count: 1000, reads: 1 });
  return {
    size,
    loaded,
    settled,
    write,
    single,
    read,
    memory,
    heap,
    disk,
    restart: Math.max(...restarts) / 1000,
  };
}

/** Writes at a fixed rate, for a while or while `work` goes on. */
async function under(name, size, work) {
  const options = { connections: 16, rate: RATE, valueBytes: VALUE_BYTES, keys: { count: size } };
  const running = startLoad({ ports: [first.port], ...options });
  await work();
  running.stop();
  const result = { name, ...checked(await running.done) };
  say(`${name}: ${result.seconds.toFixed(1)} s, p99 ${us(result.p99)} us`);
  return result;
}

async function background(size) {
  // After the restart everything is cold.
  await measured({ keys: { count: size }, connections: CONNECTIONS, seconds: 3 });
  await settle();
  const results = [];
  const next = async (name, work) => {
    await settle();
    const alone = await under("nothing else", size, () => sleep(SECONDS * 1000));
    results.push({ ...(await under(name, size, work)), alone });
  };
  const large = { connections: 1, valueBytes: 8192, keys: { count: 20_000, prefix: "L" } };
  const megabytes = Number(flags.megabytes);
  await next(`${megabytes} MB of large values, flushed and compacted`, async () => {
    checked(
      await load({
        ports: [first.port],
        ...large,
        rate: Number(flags["large-rate"]),
        count: megabytes * 128,
      }),
    );
    await settleUnderLoad();
  });
  await cluster.admin({ type: "keyspace-create", spec: { name: "gone" } });
  await sleep(1000);
  const gone = { from: 0, count: 200_000, order: "sequential", prefix: "gone:" };
  checked(await load({ ports: [first.port], ...LOADING, count: gone.count, keys: gone }));
  await next("a keyspace of 200,000 keys is dropped", async () => {
    await cluster.admin({ type: "keyspace-drop", name: "gone" });
    await settleUnderLoad();
  });
  // A cluster of one keeps its shards to itself.
  if (nodes >= 3) {
    await cluster.stopNode(cluster.nodes[2], "SIGKILL");
    await next("a new node receives snapshots", replaceNode);
  }
  return results;
}

/** The rate alone keeps a node busy; what it does of its own is over when that is all. */
async function settleUnderLoad() {
  let least = Infinity;
  for (let same = 0, i = 0; same < 5 && i < 60; i++) {
    const before = cluster.cpuOfAll().all;
    await sleep(500);
    const used = cluster.cpuOfAll().all - before;
    same = used < least * 1.15 ? same + 1 : 0;
    least = Math.min(least, used);
  }
}

/** The third node's directory is lost: it comes back empty, under its name. */
async function replaceNode() {
  const node = cluster.nodes[2];
  rmSync(node.directory, { recursive: true, force: true });
  cluster.startNode(node, [`--join=127.0.0.1:${first.port + 2}`]);
  await untilCopied(node);
}

async function untilCopied(node) {
  await cluster.untilReady(node);
  for (;;) {
    const [here, there] = await Promise.all([cluster.status(first), cluster.status(node)]);
    const wanted = here?.replicas.filter(({ keyspace }) => keyspace === "default") ?? [];
    const copied = there?.replicas.filter(({ keyspace }) => keyspace === "default") ?? [];
    const near = (shard) => (other) =>
      other.shard === shard.shard && shard.appliedIndex - other.appliedIndex < 500;
    if (wanted.length > 0 && wanted.every((shard) => copied.some(near(shard)))) return;
    await sleep(100);
  }
}

const count = (n) => n.toLocaleString("en-US");
const us = (n) => (n < 10 ? n.toFixed(1) : count(Math.round(n)));

const steps = [];
await cluster.start();
await reference.start();
await addKeys(0, SIZES[0], reference);
const empty = cluster.memory(first);
let from = 0;
for (const size of SIZES) {
  steps.push(await step(from, size));
  from = size;
  const { loaded, settled, restart } = steps.at(-1);
  say(
    `${count(size)} keys: ${count(Math.round(loaded.perSecond))} loaded a second, idle ${settled.toFixed(1)} s later, restart ${restart.toFixed(2)} s`,
  );
}
const waits = flags.background ? await background(from) : [];
await Promise.all([cluster.stop(), reference.stop()]);

say(`\nWrites over all keys, ${nodes} node(s), ${CONNECTIONS} connections`);
say(`(ratios to a cluster that keeps ${count(SIZES[0])} keys, measured in turn with it)`);
say(
  table(
    ["keys", "CPU us/write", "", "loop us", "", "writes/s", "", "p50 us", "", "p99 us", "", "1 conn p50", ""],
    steps.map(({ size, write, single }) => [
      count(size),
      ...MEASURES.flatMap((name) => [us(write[name]), times(write.ratios[name])]),
      us(single.p50),
      times(single.ratios.p50),
    ]),
  ),
);
say(`\nReads and what the keys take (node ${first.name}; memory before any key: ${mib(empty.own)} MiB)`);
say(
  table(
    [
      "keys",
      "loop us/read",
      "",
      "memory MiB",
      "heap MiB",
      "bytes/key",
      "log MiB",
      "state MiB",
      "bytes/key",
      "restart s",
    ],
    steps.map(({ size, read, memory, heap, disk, restart }) => [
      count(size),
      us(read.loop),
      times(read.ratios.loop),
      mib(memory.own),
      mib(heap),
      Math.round((memory.own - empty.own) / size),
      mib(disk.log),
      mib(disk.all - disk.log),
      Math.round((disk.all - disk.log) / size),
      restart.toFixed(2),
    ]),
  ),
);
if (waits.length > 0) {
  say(`\n${RATE} writes a second over ${count(from)} keys, while ... (ratios to just before)`);
  say(
    table(
      ["", "seconds", "p50 us", "", "p99 us", "", "worst ms"],
      waits.map(({ name, seconds, p50, p99, max, alone }) => [
        name,
        seconds.toFixed(1),
        us(p50),
        times(p50 / alone.p50),
        us(p99),
        times(p99 / alone.p99),
        (max / 1000).toFixed(0),
      ]),
    ),
  );
}
if (flags.json) console.log(JSON.stringify({ nodes, empty, steps, waits }, null, 2));
