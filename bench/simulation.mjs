/**
 * How fast the simulator is: three nodes, in seconds of virtual time per second of processor time (one core).
 *
 *   npm run build && node bench/simulation.mjs [seeds=5] [dist=../dist] [setting]
 *
 *   idle      nobody asks anything
 *   moderate  3 clients that pause for 100 ms, no faults
 *   busy      6 clients that pause for 20 ms, no faults; checked afterwards
 *   faults    the same while every fault strikes and knobs are turned; checked afterwards
 *
 * Each is run once before it is measured, so that V8 has compiled what it will.
 */
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const SEEDS = Number(process.argv[2] ?? 5);
const DIST = resolve(process.argv[3] ?? fileURLToPath(new URL("../dist", import.meta.url)));
const ONLY = process.argv[4];
const SECONDS = 20;

const load = (path) => import(pathToFileURL(`${DIST}/sim/${path}`).href);
const { simulate } = await load("simulate.js");
const { SimulatedCluster } = await load("simulated-cluster.js");
const { Clients } = await load("clients.js");
const { registers } = await load("workloads/registers.js");

function unchecked(seed, clients, pause) {
  const cluster = new SimulatedCluster({ seed, nodes: 3 });
  const { scheduler } = cluster;
  const callers = new Clients(cluster, registers("", { pause }), { clients, pause });
  cluster.start();
  if (!cluster.untilReady(30_000)) throw new Error(`seed ${seed}: not ready`);
  callers.start();
  scheduler.run(scheduler.now() + SECONDS * 1000);
  callers.stop();
  return { events: scheduler.events, milliseconds: scheduler.now(), operations: callers.events.length };
}

function checked(seed, mix) {
  const result = simulate({
    seed,
    nodes: 3,
    workload: "registers",
    mix,
    replication: "raft",
    shards: 2,
    clients: 6,
    duration: SECONDS * 1000,
  });
  if (!result.ok) console.log(`seed ${seed}: ${result.problems.join("\n")}`);
  return {
    events: result.schedulerEvents,
    milliseconds: result.virtualMilliseconds,
    operations: result.operations.length,
  };
}

const settings = {
  idle: (seed) => unchecked(seed, 0, 1000),
  moderate: (seed) => unchecked(seed, 3, 100),
  busy: (seed) => checked(seed, "calm"),
  faults: (seed) => checked(seed, "everything"),
};

console.log("setting    virtual s/CPU s   events/CPU s   events/virtual s   operations/virtual s");
for (const [name, run] of Object.entries(settings)) {
  if (ONLY !== undefined && name !== ONLY) continue;
  run(0);
  const before = process.cpuUsage();
  const total = { events: 0, milliseconds: 0, operations: 0 };
  for (let seed = 1; seed <= SEEDS; seed++) {
    const one = run(seed);
    for (const key of Object.keys(total)) total[key] += one[key];
  }
  const { user, system } = process.cpuUsage(before);
  const cpu = (user + system) / 1e6;
  const virtual = total.milliseconds / 1000;
  const row = [virtual / cpu, total.events / cpu, total.events / virtual, total.operations / virtual];
  const widths = [15, 15, 19, 23];
  console.log(
    name.padEnd(11) + row.map((n, i) => Math.round(n).toLocaleString("en").padStart(widths[i])).join(""),
  );
}
