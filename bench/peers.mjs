/**
 * Kvorum and other stores side by side: three processes of each on this machine, one store after the other, under the same
 * closed loop of one load generator.
 *
 *   npm run build && node bench/peers.mjs [--quick] [--only kvorum,kvorum-all,etcd,redis,nats,zookeeper] [--rounds 3]
 *                                         [--seconds 4] [--generators 1] [--port 8050] [--json]
 *
 * Values of 100 bytes over 1,000 keys. Every round starts each store anew, in another order, so that what else the machine does
 * strikes all of them; figures are medians of the rounds, ratios (behind a figure) are to Kvorum's in the same round: above
 * 1.00x is more than Kvorum's, be it operations a second or microseconds. `kvorum` is asked through one node, as a plain Redis client
 * does; `kvorum-all` (only when asked for) through all three. scripts/install-peers.sh installs the others; what is missing is skipped.
 *
 * What a store promises stands in the table at the end. The clients are closed loops: with RESP each has a connection, with the
 * other protocols they share 8, as their libraries do. `CPU` is what the kernel counted for the three server processes
 * together, for each operation. The generator is written in JavaScript and takes its share of the machine: `generator busy` is how much of
 * its thread's time it worked, `its CPU` what an operation cost it. Near 100% it is what is measured; then take two.
 */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";
import process from "node:process";
import { parseArgs } from "node:util";
import { Cluster, sleep } from "./lib/cluster.mjs";
import { generate } from "./lib/generator.mjs";
import { median } from "./lib/micro.mjs";
import { locate, PEERS } from "./lib/peers.mjs";
import { Processes } from "./lib/processes.mjs";
import { table, times } from "./lib/table.mjs";

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string", default: "kvorum,etcd,redis,nats,zookeeper" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    generators: { type: "string", default: "1" },
    port: { type: "string", default: "8050" },
    json: { type: "boolean", default: false },
  },
});
const ROUNDS = Number(flags.rounds ?? (flags.quick ? 1 : 3));
const SECONDS = Number(flags.seconds ?? (flags.quick ? 1.5 : 4));
const WARM_SECONDS = flags.quick ? 0.5 : 1;
/**
 * Of the servers, once after their start: V8 and the JVM compile what they run often, and Kvorum's leaderships move to
 * the node that is asked. Until there were so many writes and everything moved, or too often.
 */
const WARM_UP = flags.quick
  ? { seconds: 2, writes: 10_000, times: 3 }
  : { seconds: 5, writes: 50_000, times: 8 };
const GENERATORS = Number(flags.generators);
const PORT = Number(flags.port);
const KEYS = 1000;
const VALUE = "x".repeat(100);
const READY_SECONDS = 60;

const LOADS = {
  single: { title: "1 connection, writes", kind: "write", clients: 1, pipeline: 1 },
  many: { title: "64 connections, writes", kind: "write", clients: 64, pipeline: 1 },
  more: { title: "256 connections, writes", kind: "write", clients: 256, pipeline: 1 },
  pipelined: { title: "64 connections, 16 writes at once on each", kind: "write", clients: 64, pipeline: 16 },
  reads: { title: "64 connections, reads", kind: "read", clients: 64, pipeline: 1 },
};
const MEASURES = ["perSecond", "p50", "p99", "cpu", "busy", "ownCpu"];

const say = (line) => {
  if (!flags.json) console.log(line);
};

/** Three nodes of this build, of which so many are asked. */
function kvorum(asked) {
  const cluster = new Cluster({ nodes: 3, port: PORT });
  return {
    load: { protocol: "resp" },
    ports: cluster.ports.slice(0, asked),
    start: () => cluster.start(),
    cpu: () => cluster.cpuOfAll().all,
    stop: () => cluster.stop(),
    why: () => "",
    async ledElsewhere() {
      const states = await Promise.all(cluster.nodes.slice(asked).map((node) => cluster.status(node)));
      const replicas = states.flatMap((state) => state?.replicas ?? []);
      return replicas.filter(({ keyspace, role }) => keyspace === "default" && role === "leader").length;
    },
  };
}

function other(name, port) {
  const { load, clientPorts, commands } = PEERS[name];
  const processes = new Processes();
  return {
    load,
    ports: clientPorts(port),
    start: () =>
      processes.start((directory) =>
        commands(directory, port).map(([program, ...args]) => [locate(program), ...args]),
      ),
    cpu: () => processes.cpu(),
    stop: () => processes.stop(),
    why: () => processes.output(),
    ledElsewhere: () => 0,
  };
}

const KVORUM = {
  promise: "linearizable; fsync on a majority before the answer",
  reads: "linearizable",
  missing: () => null,
};
const CANDIDATES = {
  kvorum: { ...KVORUM, title: "Kvorum", open: () => kvorum(1) },
  "kvorum-all": { ...KVORUM, title: "Kvorum, all nodes", open: () => kvorum(3) },
  ...Object.fromEntries(
    Object.entries(PEERS).map(([name, peer], i) => [
      name,
      { ...peer, open: () => other(name, PORT + 30 + 3 * i) },
    ]),
  ),
};

function versionOf(name) {
  const number = (text) => /\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? "?";
  if (name.startsWith("kvorum")) {
    return JSON.parse(readFileSync(new URL("../package.json", import.meta.url), "utf8")).version;
  }
  if (name === "zookeeper") {
    return number(readdirSync("/usr/share/java").find((file) => /^zookeeper-\d/.test(file)) ?? "");
  }
  const [program, ...args] = PEERS[name].version;
  return number(execFileSync(locate(program), args, { encoding: "utf8" }));
}

/** All keys written; tried until it works, as a cluster needs its time to come up. */
async function fill(shape, store) {
  const end = performance.now() + READY_SECONDS * 1000;
  for (;;) {
    try {
      await generate({ ...shape, kind: "fill", clients: 8, pipeline: 16, setUp: true });
      return;
    } catch (error) {
      if (performance.now() > end) throw new Error(`${error.message}\n${store.why()}`, { cause: error });
      await sleep(200);
    }
  }
}

async function warmUp(shape, store) {
  const load = { ...shape, kind: "write", clients: 64, pipeline: 1, seconds: WARM_UP.seconds };
  let writes = 0;
  let elsewhere = 0;
  for (let i = 0; i < WARM_UP.times; i++) {
    writes += (await generate(load)).ops;
    elsewhere = await store.ledElsewhere();
    if (writes >= WARM_UP.writes && elsewhere === 0) return;
  }
  if (elsewhere > 0) say(`  ${elsewhere} shards are still led by nodes that are not asked`);
}

async function measured(shape, store, load) {
  let before = 0;
  const onStart = () => {
    before = store.cpu();
  };
  const timing = { seconds: SECONDS, warmSeconds: WARM_SECONDS, generators: GENERATORS, onStart };
  const { ops, perSecond, p50, p99, busy, cpu } = await generate({ ...shape, ...load, ...timing });
  return { ops, perSecond, p50, p99, cpu: (store.cpu() - before) / ops, busy, ownCpu: cpu / ops };
}

/** One store, from its start to its end. */
async function visit(name) {
  const store = CANDIDATES[name].open();
  const shape = { ...store.load, ports: store.ports, keys: KEYS, value: VALUE };
  try {
    await store.start();
    await fill(shape, store);
    await warmUp(shape, store);
    const results = {};
    for (const [key, { title, ...load }] of Object.entries(LOADS)) {
      results[key] = await measured(shape, store, load);
      const { perSecond, p50, busy } = results[key];
      say(
        `  ${CANDIDATES[name].title}, ${title}: ${whole(perSecond)}/s, p50 ${whole(p50)} µs, generator ${percent(busy)}`,
      );
    }
    return results;
  } finally {
    await store.stop();
  }
}

const whole = (n) => Math.round(n).toLocaleString("en-US");
const percent = (share) => `${Math.round(share * 100)}%`;

const names = flags.only.split(",").filter((name) => {
  if (CANDIDATES[name] === undefined) throw new Error(`there is no ${name}`);
  const packages = CANDIDATES[name].missing();
  if (packages === null) return true;
  console.error(
    `!!! ${CANDIDATES[name].title} is SKIPPED: not installed. Debian has it in ${packages}: scripts/install-peers.sh`,
  );
  return false;
});
say(
  `${availableParallelism()} processors (${cpus()[0].model}), Node ${process.version}; ${ROUNDS} round${ROUNDS === 1 ? "" : "s"}, ${SECONDS} s a load, ${GENERATORS} generator${GENERATORS === 1 ? "" : "s"}`,
);

const rounds = [];
for (let round = 0; round < ROUNDS; round++) {
  say(`round ${round + 1}`);
  const at = round % names.length;
  const results = {};
  for (const name of [...names.slice(at), ...names.slice(0, at)]) {
    try {
      results[name] = await visit(name);
    } catch (error) {
      // What the others did still counts.
      process.exitCode = 1;
      console.error(`!!! ${CANDIDATES[name].title} FAILED in round ${round + 1}: ${error.message}`);
    }
  }
  rounds.push(results);
}

/** Over the rounds: the median of a figure, and of its ratio to Kvorum's, or null. */
function middle(name, load, measure) {
  const of = (results) => results[name][load][measure];
  const own = rounds.filter((each) => each[name] !== undefined);
  const both = name === "kvorum" ? [] : own.filter(({ kvorum: reference }) => reference !== undefined);
  return {
    value: median(own.map(of)),
    ratio: both.length === 0 ? null : median(both.map((each) => of(each) / each.kvorum[load][measure])),
  };
}

const done = names.filter((name) => rounds.some((results) => results[name] !== undefined));
const results = done.map((name) => ({
  name,
  title: CANDIDATES[name].title,
  version: versionOf(name),
  promise: CANDIDATES[name].promise,
  reads: CANDIDATES[name].reads,
  loads: Object.fromEntries(
    Object.keys(LOADS).map((load) => [
      load,
      Object.fromEntries(MEASURES.map((measure) => [measure, middle(name, load, measure)])),
    ]),
  ),
}));

const compared = ({ value, ratio }) => [whole(value), ratio === null ? "" : times(ratio)];
const titleOf = ({ title, version }) => `${title} (${version})`;

for (const [load, { title }] of Object.entries(LOADS)) {
  const header = [
    title,
    "ops/s",
    "",
    "p50 µs",
    "",
    "p99 µs",
    "",
    "CPU µs/op",
    "",
    "generator busy",
    "its CPU",
  ];
  const rows = results.map((result) => {
    const of = result.loads[load];
    return [
      titleOf(result),
      ...compared(of.perSecond),
      ...compared(of.p50),
      ...compared(of.p99),
      ...compared(of.cpu),
      percent(of.busy.value),
      `${of.ownCpu.value.toFixed(1)} µs`,
    ];
  });
  say(`\n${table(header, rows)}`);
}
say(
  `\n${table(
    [
      "all in one",
      "1: p50 µs",
      "",
      "64: ops/s",
      "",
      "256: ops/s",
      "",
      "64 x 16: ops/s",
      "",
      "reads: ops/s",
      "",
    ],
    results.map((result) => [
      titleOf(result),
      ...compared(result.loads.single.p50),
      ...["many", "more", "pipelined", "reads"].flatMap((load) => compared(result.loads[load].perSecond)),
    ]),
  )}`,
);
say("\nwhat they promise");
for (const { title, promise, reads } of results) say(`  ${title}: ${promise}. Reads: ${reads}.`);
if (flags.json) {
  console.log(
    JSON.stringify(
      { seconds: SECONDS, rounds: ROUNDS, generators: GENERATORS, loads: LOADS, results, each: rounds },
      null,
      2,
    ),
  );
}
