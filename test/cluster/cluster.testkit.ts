/** A real cluster for tests: one process per node, on free loopback ports, with data in a temporary directory. */
import { type ChildProcess, spawn } from "node:child_process";
import { createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { freePorts } from "../../src/chaos/free-ports.ts";
import type { AdminRequest, AdminResult, NodeStatus } from "../../src/node/api.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));

export interface Ports {
  readonly resp: number;
  readonly http: number;
  readonly peer: number;
  /** For cluster-aware clients, where the cluster is made with such ports. */
  readonly cluster: number;
}

export class TestNode {
  readonly name: string;
  readonly ports: Ports;
  readonly directory: string;
  readonly #args: readonly string[];
  #process: ChildProcess | null = null;

  constructor(name: string, ports: Ports, directory: string, args: readonly string[]) {
    this.name = name;
    this.ports = ports;
    this.directory = directory;
    this.#args = args;
  }

  get isRunning(): boolean {
    return this.#process !== null;
  }

  start(): void {
    const { resp, http, peer } = this.ports;
    const child = spawn(
      process.execPath,
      [
        MAIN,
        "serve",
        `--name=${this.name}`,
        `--data-dir=${this.directory}`,
        `--resp-port=${resp}`,
        `--http-port=${http}`,
        `--peer-port=${peer}`,
        ...this.#args,
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    const log = createWriteStream(`${this.directory}.log`, { flags: "a" });
    child.stdout.pipe(log, { end: false });
    child.stderr.pipe(log, { end: false });
    this.#process = child;
    child.once("exit", () => {
      log.end();
      if (this.#process === child) this.#process = null;
    });
  }

  /** Sends a signal; after SIGKILL or SIGTERM resolves once the process is gone. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    const child = this.#process;
    if (child === null) return;
    const ends = signal === "SIGKILL" || signal === "SIGTERM";
    const gone = new Promise<void>((done) => void child.once("exit", () => done()));
    child.kill(signal);
    if (ends) await gone;
  }

  async status(): Promise<NodeStatus | null> {
    try {
      const response = await fetch(`http://127.0.0.1:${this.ports.http}/v1/status`, {
        signal: AbortSignal.timeout(2000),
      });
      return (await response.json()) as NodeStatus;
    } catch {
      // It does not run, or not yet.
      return null;
    }
  }

  /** A number of its `/metrics`. */
  async metric(name: string): Promise<number> {
    const page = await fetch(`http://127.0.0.1:${this.ports.http}/metrics`);
    return Number(new RegExp(`^kvorum_${name} (.*)$`, "m").exec(await page.text())?.[1]);
  }

  async admin(request: AdminRequest): Promise<AdminResult> {
    const response = await fetch(`http://127.0.0.1:${this.ports.http}/v1/admin`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(request),
    });
    return (await response.json()) as AdminResult;
  }

  /** A client that fails a command at once when its connection is lost, instead of sending it again. */
  client(): Redis {
    const redis = new Redis(this.ports.resp, "127.0.0.1", {
      maxRetriesPerRequest: 0,
      retryStrategy: () => 50,
      enableOfflineQueue: false,
      lazyConnect: false,
    });
    redis.on("error", () => undefined);
    return redis;
  }
}

export class TestCluster {
  readonly nodes: TestNode[] = [];
  readonly #directory = mkdtempSync(join(tmpdir(), "kvorum-cluster-"));

  static async create(size: number, { clusterPorts = false } = {}): Promise<TestCluster> {
    const cluster = new TestCluster();
    const ports = await portsOf(size);
    const initial = ports.map(({ peer }, i) => `n${i + 1}=127.0.0.1:${peer}`).join(",");
    ports.forEach((own, i) => {
      const more = clusterPorts ? [`--cluster-port=${own.cluster}`] : [];
      cluster.#add(`n${i + 1}`, own, ["--initial", initial, ...more]);
    });
    return cluster;
  }

  start(): void {
    for (const node of this.nodes) node.start();
  }

  /** A further node, started with the addresses of the present ones. */
  async join(name: string): Promise<TestNode> {
    const [own] = await portsOf(1);
    const addresses = this.nodes.map((node) => `127.0.0.1:${node.ports.peer}`).join(",");
    const node = this.#add(name, own!, ["--join", addresses]);
    node.start();
    return node;
  }

  #add(name: string, ports: Ports, args: readonly string[]): TestNode {
    const node = new TestNode(name, ports, join(this.#directory, name), args);
    this.nodes.push(node);
    return node;
  }

  async untilReady(limitMs = 60_000): Promise<void> {
    await until(
      async () => {
        const states = await Promise.all(
          this.nodes.filter((node) => node.isRunning).map((node) => node.status()),
        );
        return states.every((state) => state?.ready === true);
      },
      limitMs,
      "all nodes to be ready",
    );
  }

  /** The node that leads most shards right now. */
  async busiestLeader(): Promise<TestNode> {
    const running = this.nodes.filter((node) => node.isRunning);
    const leads = await Promise.all(
      running.map(async (node) => {
        const status = await node.status();
        return status?.replicas.filter((replica) => replica.role === "leader").length ?? 0;
      }),
    );
    return running[leads.indexOf(Math.max(...leads))]!;
  }

  async end(): Promise<void> {
    await Promise.all(
      this.nodes.map(async (node) => {
        await node.signal("SIGCONT");
        await node.signal("SIGKILL");
      }),
    );
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

export async function until(condition: () => Promise<boolean>, limitMs: number, what: string): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms for ${what}`);
    await sleep(100);
  }
}

export const sleep = (milliseconds: number): Promise<void> =>
  new Promise((done) => void setTimeout(done, milliseconds));

/** Four ports for each of `count` nodes, free at this moment. */
async function portsOf(count: number): Promise<Ports[]> {
  const ports = await freePorts(count * 4);
  return Array.from({ length: count }, (_, i) => ({
    resp: ports[4 * i]!,
    http: ports[4 * i + 1]!,
    peer: ports[4 * i + 2]!,
    cluster: ports[4 * i + 3]!,
  }));
}
