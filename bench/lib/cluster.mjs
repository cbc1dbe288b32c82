/**
 * Servers for a benchmark: started from `dist/` in a folder of their own, measured from outside through /proc, and gone
 * with everything they wrote when the benchmark ends.
 */
import { spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const dist = process.env["KVORUM_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url));
const MAIN = join(dist, "cli/main.js");
/** Without what is meant for this process: a node takes variables of that prefix for its options. */
const ENVIRONMENT = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("KVORUM_")),
);
/** Clock ticks of /proc/PID/stat: 100 a second on every Linux that Node runs on. */
const TICK_MICROSECONDS = 10_000;
const KIB = 1024;

export const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

export class Cluster {
  /** Nodes take three ports each, from `port` on, ten apart. `nodeFlags`: for the runtime, such as --cpu-prof. */
  constructor({ nodes, port, flags = [], nodeFlags = [], parent = tmpdir() }) {
    this.directory = mkdtempSync(join(parent, "kvorum-bench-"));
    this.flags = flags;
    this.nodeFlags = nodeFlags;
    this.basePort = port;
    this.nodes = Array.from({ length: nodes }, (_, i) => this.#node(i));
    this.initial = this.nodes.map(({ name, port: at }) => `${name}=127.0.0.1:${at + 2}`).join(",");
    this.killAll = () => {
      for (const node of this.nodes) node.process?.kill("SIGKILL");
      rmSync(this.directory, { recursive: true, force: true });
    };
    process.once("exit", this.killAll);
    for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  }

  #node(i) {
    const name = `n${i + 1}`;
    return { name, port: this.basePort + 10 * i, directory: join(this.directory, name), process: null };
  }

  get ports() {
    return this.nodes.map((node) => node.port);
  }

  /** All nodes, until each is ready. */
  async start() {
    for (const node of this.nodes) this.startNode(node);
    await Promise.all(this.nodes.map((node) => this.untilReady(node)));
  }

  /** One more node, which joins those that there are; not waited for. */
  addNode() {
    const node = this.#node(this.nodes.length);
    this.nodes.push(node);
    this.startNode(node, [`--join=127.0.0.1:${this.nodes[0].port + 2}`]);
    return node;
  }

  startNode(node, how = this.nodes.length > 1 ? [`--initial=${this.initial}`] : []) {
    const { name, port, directory } = node;
    const ports = [`--resp-port=${port}`, `--http-port=${port + 1}`, `--peer-port=${port + 2}`];
    const fixed = [`--name=${name}`, `--data-dir=${directory}`, ...ports, "--log-level=error"];
    node.process = spawn(
      process.execPath,
      [...this.nodeFlags, MAIN, "serve", ...fixed, ...how, ...this.flags],
      {
        stdio: ["ignore", "ignore", "inherit"],
        env: ENVIRONMENT,
      },
    );
  }

  async status(node) {
    try {
      return await (await fetch(`http://127.0.0.1:${node.port + 1}/v1/status`)).json();
    } catch {
      // It does not run (yet).
      return null;
    }
  }

  /** Milliseconds until the node serves, from this call on. */
  async untilReady(node, { seconds = 300 } = {}) {
    const from = performance.now();
    for (;;) {
      if ((await this.status(node))?.ready === true) return performance.now() - from;
      if (node.process.exitCode !== null) throw new Error(`${node.name} ended with ${node.process.exitCode}`);
      if (performance.now() - from > seconds * 1000) throw new Error(`${node.name} is not ready`);
      await sleep(10);
    }
  }

  /** One value of /metrics, 0 when there is none. */
  async metric(node, name) {
    const text = await (await fetch(`http://127.0.0.1:${node.port + 1}/metrics`)).text();
    const line = text.split("\n").find((each) => each.startsWith(`${name} `));
    return line === undefined ? 0 : Number(line.slice(name.length + 1));
  }

  async admin(request) {
    const body = JSON.stringify(request);
    const headers = { "content-type": "application/json" };
    const url = `http://127.0.0.1:${this.nodes[0].port + 1}/v1/admin`;
    const response = await fetch(url, { method: "POST", headers, body });
    if (!response.ok) throw new Error(`${request.type}: ${await response.text()}`);
  }

  /** Ends one node and waits until it is gone. */
  async stopNode(node, signal = "SIGTERM") {
    const { process: child } = node;
    if (child === null || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((done) => child.once("exit", done));
    child.kill(signal);
    await gone;
  }

  async stop() {
    await Promise.all(this.nodes.map((node) => this.stopNode(node)));
    rmSync(this.directory, { recursive: true, force: true });
    process.removeListener("exit", this.killAll);
  }

  /** Microseconds of processor time since the start: of the whole process, and of its event loop alone. */
  cpu(node) {
    const { pid } = node.process;
    return { all: ticks(`/proc/${pid}/stat`), loop: ticks(`/proc/${pid}/task/${pid}/stat`) };
  }

  /** Of the nodes that run. */
  cpuOfAll() {
    const sum = { all: 0, loop: 0 };
    for (const node of this.nodes) {
      if (node.process.exitCode !== null || node.process.signalCode !== null) continue;
      const { all, loop } = this.cpu(node);
      sum.all += all;
      sum.loop += loop;
    }
    return sum;
  }

  /** Bytes. `file` counts pages that the kernel can take back at any time. */
  memory(node) {
    const text = readFileSync(`/proc/${node.process.pid}/status`, "utf8");
    const kib = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(text)?.[1] ?? 0);
    return { resident: kib("VmRSS") * KIB, own: kib("RssAnon") * KIB, file: kib("RssFile") * KIB };
  }

  /** Bytes on the disk, of the log and of the rest. */
  disk(node) {
    return { log: bytesIn(join(node.directory, "log")), all: bytesIn(node.directory) };
  }
}

/** Microseconds of processor time that /proc says for a process or a thread. */
export function ticks(path) {
  const text = readFileSync(path, "utf8");
  // The name, in parentheses, may hold anything; user and system time are fields 14 and 15.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MICROSECONDS;
}

function bytesIn(path) {
  let bytes = 0;
  for (const entry of list(path)) {
    const at = join(path, entry.name);
    if (entry.isDirectory()) bytes += bytesIn(at);
    else bytes += statSync(at, { throwIfNoEntry: false })?.blocks * 512 || 0;
  }
  return bytes;
}

/** Empty when there is no such folder; LevelDB removes files while this looks at them. */
function list(path) {
  try {
    return readdirSync(path, { withFileTypes: true });
  } catch (error) {
    if (error.code === "ENOENT") return [];
    throw error;
  }
}
