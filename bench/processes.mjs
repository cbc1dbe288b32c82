/**
 * What several processes on one machine give: the same machine with one process and with several, in turn, under the same load.
 *
 *   npm run build && node bench/processes.mjs [processes=2] [rounds=3] [secondsPerLoad=4] [baseRespPort=17500]
 *
 * The keyspace has one replica, so a write costs one sync wherever it goes, and what is compared is processors. The load is
 * `redis-benchmark` (SET of 100 bytes, 64 connections, 16 in a pipeline): through the shared port, as a plain client, of whose requests all but
 * one Nth are forwarded to another process; and with `--cluster`, which asks the process that leads, also with 64 connections for each
 * process: the same load on two processes makes smaller batches, which is not what one would add processes for.
 *
 * Printed for each: operations per second; processor time of all node processes per operation; of how many processors they made use; how
 * often the log was synced. Load generator and nodes share the processors, so operations per second only show the gain where there are
 * some left. The time per operation is what adding processes costs.
 */
import { execFile, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const [PROCESSES = 2, ROUNDS = 3, SECONDS = 4, BASE = 17_500] = process.argv.slice(2).map(Number);
const MAIN = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));
const TICKS_PER_SECOND = 100;
const CONNECTIONS = 64;
const CALIBRATION = 50_000;
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const run = promisify(execFile);

class Machine {
  constructor(processes) {
    this.processes = processes;
    this.directory = mkdtempSync(join(tmpdir(), "kvorum-bench-processes-"));
  }

  async start() {
    const flags = {
      processes: this.processes,
      "data-dir": this.directory,
      "resp-port": BASE,
      "log-level": "error",
    };
    const ports = { "http-port": BASE + 1, "peer-port": BASE + 2, "cluster-port": BASE + 3 };
    const args = Object.entries({ ...flags, ...ports }).map(([name, value]) => `--${name}=${value}`);
    this.child = spawn(process.execPath, [MAIN, "serve", ...args], { stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    this.child.stdout.on("data", (text) => (said += text));
    const wanted = this.processes === 1 ? "is ready" : "processes are ready";
    while (!said.includes(wanted)) {
      if (this.child.exitCode !== null) throw new Error(`kvorum serve ended:\n${said}`);
      await sleep(50);
    }
  }

  /** Of the nodes, which note them in their directories. */
  get pids() {
    const further = this.processes === 1 ? [] : readdirSync(join(this.directory, "processes"));
    const directories = [this.directory, ...further.map((name) => join(this.directory, "processes", name))];
    return directories.map((path) => JSON.parse(readFileSync(join(path, "lock"), "utf8")).pid);
  }

  /** Seconds of processor time, user and system, all threads. */
  get cpu() {
    const ticks = this.pids.map((pid) => {
      const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
      return Number(fields[11]) + Number(fields[12]);
    });
    return ticks.reduce((sum, own) => sum + own, 0) / TICKS_PER_SECOND;
  }

  /** Of all nodes together, from their metrics. */
  async total(metric) {
    let sum = 0;
    for (let number = 0; number < this.processes; number++) {
      const page = await (await fetch(`http://127.0.0.1:${BASE + 1 + 10 * number}/metrics`)).text();
      sum += Number(new RegExp(`^kvorum_${metric} (.*)$`, "m").exec(page)?.[1]);
    }
    return sum;
  }

  async stop() {
    const gone = new Promise((done) => this.child.once("exit", done));
    this.child.kill("SIGTERM");
    await gone;
    rmSync(this.directory, { recursive: true, force: true });
  }
}

async function benchmark({ port, cluster, connections }, requests) {
  const args = [
    "-p",
    String(port),
    "-t",
    "set",
    "-d",
    "100",
    "-r",
    "10000",
    "-c",
    String(connections),
    "-P",
    "16",
    "--csv",
  ];
  const { stdout } = await run("redis-benchmark", [
    ...args,
    "-n",
    String(requests),
    ...(cluster ? ["--cluster"] : []),
  ]);
  const rate = /^"SET","([\d.]+)"/m.exec(stdout)?.[1];
  if (rate === undefined) throw new Error(`redis-benchmark said:\n${stdout}`);
  return Number(rate);
}

async function measure(machine, load) {
  const requests = Math.round((await benchmark(load, CALIBRATION)) * SECONDS);
  const [cpu, syncs, before] = [machine.cpu, await machine.total("log_syncs_total"), performance.now()];
  const rate = await benchmark(load, requests);
  const seconds = (performance.now() - before) / 1000;
  const used = machine.cpu - cpu;
  const synced = (await machine.total("log_syncs_total")) - syncs;
  return { rate, micros: (used / requests) * 1e6, processors: used / seconds, perSync: requests / synced };
}

const plain = { processes: PROCESSES, port: BASE, cluster: false, connections: CONNECTIONS };
const direct = { ...plain, port: BASE + 3, cluster: true };
const cases = [
  { ...plain, name: "1 process", processes: 1 },
  { ...plain, name: `${PROCESSES} processes, shared port` },
  { ...direct, name: `${PROCESSES} processes, --cluster` },
  { ...direct, name: `  and as many clients for each`, connections: PROCESSES * CONNECTIONS },
];
const results = new Map(cases.map(({ name }) => [name, []]));
for (let round = 1; round <= ROUNDS; round++) {
  for (const load of cases) {
    const machine = new Machine(load.processes);
    try {
      await machine.start();
      results.get(load.name).push(await measure(machine, load));
    } finally {
      await machine.stop();
    }
  }
}

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
const base = results.get(cases[0].name);
console.log(
  `${"".padEnd(28)}   ops/s  ratio   CPU µs/op  ratio   processors  ops/sync   (medians of ${ROUNDS})`,
);
for (const [name, runs] of results) {
  const of = (field) => median(runs.map((result) => result[field]));
  const ratio = (field) => of(field) / median(base.map((result) => result[field]));
  console.log(
    [
      name.padEnd(28),
      Math.round(of("rate")).toLocaleString("en").padStart(8),
      ratio("rate").toFixed(2).padStart(6),
      of("micros").toFixed(1).padStart(11),
      ratio("micros").toFixed(2).padStart(6),
      of("processors").toFixed(2).padStart(12),
      of("perSync").toFixed(0).padStart(9),
    ].join(""),
  );
}
