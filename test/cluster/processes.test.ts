/** One machine, several processes: `kvorum serve --processes 2`, as it is installed. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePorts } from "../../src/chaos/free-ports.ts";
import { until } from "./cluster.testkit.ts";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const PATIENCE_MS = 30_000;

/** A supervisor and what it prints. */
class Machine {
  readonly #directory = mkdtempSync(join(tmpdir(), "kvorum-processes-"));
  readonly #clients: Redis[] = [];
  #child: ChildProcess | null = null;
  #out = "";
  /** Stays: nodes are known to each other by it. */
  #peerPort: number | null = null;

  /** Resolves with the shared port once all processes are ready. */
  async start(): Promise<number> {
    this.#peerPort ??= (await freePorts(2))[0]!;
    const args = ["serve", "--processes=2", `--data-dir=${this.#data}`, "--resp-port=0", "--http-port=0"];
    const child = spawn(
      process.execPath,
      [MAIN, ...args, `--peer-port=${this.#peerPort}`, "--process-port-stride=1"],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    this.#child = child;
    this.#out = "";
    child.stdout.on("data", (text: Buffer) => (this.#out += text.toString()));
    child.stderr.on("data", (text: Buffer) => (this.#out += text.toString()));
    const all = () => /all 2 processes are ready {2}redis 127\.0\.0\.1:(\d+)/.exec(this.#out);
    await until(async () => all() !== null || child.exitCode !== null, PATIENCE_MS, "all to be ready");
    const match = all();
    if (match === null) throw new Error(`the processes did not start:\n${this.#out}`);
    return Number(match[1]);
  }

  async client(port: number): Promise<Redis> {
    const redis = new Redis(port, "127.0.0.1", { maxRetriesPerRequest: 0, lazyConnect: true });
    redis.on("error", () => undefined);
    this.#clients.push(redis);
    await redis.connect();
    return redis;
  }

  /** Of the two nodes, as they note it in their directories. */
  get pids(): readonly [first: number, second: number] {
    const pid = (directory: string) =>
      (JSON.parse(readFileSync(join(directory, "lock"), "utf8")) as { pid: number }).pid;
    return [pid(this.#data), pid(join(this.#data, "processes", "2"))];
  }

  timesReady(name: string): number {
    return this.#out.split(`${name} is ready`).length - 1;
  }

  /** The exit code, or the signal. */
  async end(signal: NodeJS.Signals): Promise<number | NodeJS.Signals | null> {
    for (const client of this.#clients.splice(0)) client.disconnect();
    const child = this.#child!;
    const gone = new Promise<number | NodeJS.Signals | null>(
      (done) => void child.once("exit", (code, by) => done(code ?? by)),
    );
    child.kill(signal);
    return gone;
  }

  remove(): void {
    this.#child?.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }

  get #data(): string {
    return join(this.#directory, "data");
  }
}

const lives = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    // There is no such process.
    return false;
  }
};

const nodeOf = async (client: Redis): Promise<string> =>
  /kvorum_node:(\S+)/.exec(await client.info())?.[1] ?? "";

const keys = Array.from({ length: 20 }, (_, i) => `key-${i}`);
let machine: Machine;
let port: number;

beforeAll(async () => {
  machine = new Machine();
  port = await machine.start();
});

afterAll(() => machine.remove());

test("clients of the shared port are handed to the processes in turn, and each serves every key", async () => {
  const clients = [];
  for (let i = 0; i < 4; i++) clients.push(await machine.client(port));
  const nodes = await Promise.all(clients.map(nodeOf));
  expect(nodes).toContain("n1");
  expect(nodes).toEqual([nodes[0], nodes[1], nodes[0], nodes[1]]);
  expect(new Set(nodes).size).toBe(2);
  const [first, second] = clients;
  await Promise.all(keys.map((key) => first!.set(key, `value of ${key}`)));
  expect(await Promise.all(keys.map((key) => second!.get(key)))).toEqual(
    keys.map((key) => `value of ${key}`),
  );
});

test("a process that is killed comes back with what it had, the other serves meanwhile", async () => {
  const [first, second] = machine.pids;
  process.kill(second, "SIGKILL");
  await until(async () => machine.timesReady("n1.2") === 2, PATIENCE_MS, "n1.2 to come back");
  expect(machine.timesReady("n1")).toBe(1);
  expect(machine.pids[0]).toBe(first);
  expect(machine.pids[1]).not.toBe(second);
  const client = await machine.client(port);
  expect(await Promise.all(keys.map((key) => client.get(key)))).toEqual(keys.map((key) => `value of ${key}`));
});

test("SIGTERM ends all processes in order", async () => {
  const pids = machine.pids;
  expect(await machine.end("SIGTERM")).toBe(0);
  expect(pids.filter(lives)).toEqual([]);
});

test("a supervisor that is killed leaves no process behind, and a new one finds everything", async () => {
  const client = await machine.client(await machine.start());
  expect(await client.get(keys[0]!)).toBe(`value of ${keys[0]!}`);
  const pids = machine.pids;
  expect(pids.filter(lives)).toHaveLength(2);
  await machine.end("SIGKILL");
  await until(async () => !pids.some(lives), PATIENCE_MS, "the processes to notice");
});
