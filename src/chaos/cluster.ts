/** The processes of a real cluster that is there to be hurt. Signals go only to processes that were started here. */
import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { isEmpty, lastWords } from "../cli/dev/directory.ts";
import { hostOf, type DevNode } from "../cli/dev/layout.ts";
import { NodeProcess } from "../cli/dev/node-process.ts";
import { administer, fetchStatus } from "../cli/http-client.ts";
import type { NodeStatus } from "../node/api.ts";
import type { Place } from "./place.ts";
import { redundancyMissing } from "./redundancy.ts";

export interface ChaosClusterSettings {
  readonly nodes: number;
  readonly directory: string;
  /** How `kvorum` is started: the program and its first arguments. */
  readonly self: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly place: Place;
  /** A node ended, and nobody had told it to. */
  readonly onDeath: (sentence: string) => void;
}

const POLL_MS = 50;
const ASK_TIMEOUT_MS = 2000;
const STOP_PATIENCE_MS = 20_000;

export class ChaosCluster {
  readonly #processes: readonly NodeProcess[];
  #founded = false;
  #closed = false;

  private constructor(processes: readonly NodeProcess[]) {
    this.#processes = processes;
  }

  static async create(settings: ChaosClusterSettings): Promise<ChaosCluster> {
    const { nodes, directory, place } = settings;
    mkdirSync(join(directory, "logs"), { recursive: true });
    const ports = await place.ports(nodes);
    const processes = ports.map((own, index) => {
      const name = `n${index + 1}`;
      const node: DevNode = {
        number: index + 1,
        name,
        host: place.host(index + 1),
        ...own,
        dataDir: join(directory, name),
        logFile: join(directory, "logs", `${name}.log`),
      };
      return new NodeProcess({
        node,
        self: place.command(index + 1, settings.self),
        env: settings.env,
        logLevel: "info",
        onExit({ expected, code, signal }) {
          if (expected) return;
          const [words] = lastWords(node.logFile);
          const how = signal === null ? `exit code ${code}` : signal;
          const why = words === undefined ? "" : `: ${words}`;
          settings.onDeath(`${name} ended by itself (${how})${why}; its log: ${node.logFile}`);
        },
      });
    });
    return new ChaosCluster(processes);
  }

  get nodes(): readonly DevNode[] {
    return this.#processes.map(({ node }) => node);
  }

  get names(): readonly string[] {
    return this.nodes.map(({ name }) => name);
  }

  /** Starts every node that does not run: a founder, or one that comes back; whoever lost its directory joins. */
  start(number: number): void {
    if (this.#closed) return;
    const process = this.#process(number);
    const others = this.nodes.filter((node) => node !== process.node);
    const lost = this.#founded && isEmpty(process.node.dataDir);
    process.start(lost ? { join: others } : { initial: this.nodes });
  }

  startAll(): void {
    for (const { node } of this.#processes) this.start(node.number);
  }

  async kill(number: number): Promise<void> {
    await this.#process(number).kill();
  }

  /** False: it had to be killed, as SIGTERM did not end it in time. */
  async stop(number: number): Promise<boolean> {
    return this.#process(number).stop(STOP_PATIENCE_MS);
  }

  pause(number: number): void {
    this.#process(number).pause();
  }

  resume(number: number): void {
    const process = this.#process(number);
    if (process.state === "paused") process.resume();
  }

  isAlive(number: number): boolean {
    return this.#process(number).alive;
  }

  /** The directory of a node that does not run. */
  wipe(number: number): void {
    const { dataDir } = this.#process(number).node;
    if (existsSync(dataDir)) rmSync(dataDir, { recursive: true });
  }

  async status(number: number): Promise<NodeStatus | null> {
    const { node, state } = this.#process(number);
    if (state !== "running") return null;
    // A node that is only just starting, or cut off, does not answer.
    return fetchStatus(`http://${hostOf(node)}:${node.http}`, ASK_TIMEOUT_MS).catch(() => null);
  }

  statuses(): Promise<readonly (NodeStatus | null)[]> {
    return Promise.all(this.nodes.map(({ number }) => this.status(number)));
  }

  async isReady(number: number): Promise<boolean> {
    return (await this.status(number))?.ready === true;
  }

  /** What is missing until every node is ready and every shard has all its replicas; null: nothing. */
  async missing(): Promise<string | null> {
    const statuses = await this.statuses();
    const late = this.#processes.flatMap(({ node, alive }, i) => {
      const status = statuses[i] ?? null;
      if (status?.ready === true) return [];
      const why = alive ? (status?.waiting?.reason ?? "does not answer") : "does not run";
      return [`${node.name}: ${why}`];
    });
    return late.length > 0 ? late.join("; ") : redundancyMissing(statuses as readonly NodeStatus[]);
  }

  /** Null once nothing is missing; else what still was at the end, which a node that does not run brings about at once. */
  async untilWhole(limitMs: number, signal?: AbortSignal): Promise<string | null> {
    const deadline = performance.now() + limitMs;
    for (;;) {
      const missing = await this.missing();
      if (missing === null) {
        this.#founded = true;
        return null;
      }
      const isHopeless = this.#processes.some((process) => !process.alive);
      if (isHopeless || performance.now() > deadline) return missing;
      signal?.throwIfAborted();
      await sleep(POLL_MS);
    }
  }

  async createKeyspace(name: string, shards: number): Promise<void> {
    const [first] = this.nodes;
    const url = `http://${hostOf(first!)}:${first!.http}`;
    await administer(url, { type: "keyspace-create", spec: { name, replication: "raft", shards } });
  }

  /** Kills everything, at once. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#processes.map((process) => process.kill()));
  }

  /** The same when there is no time for anything else. */
  closeNow(): void {
    this.#closed = true;
    for (const process of this.#processes) void process.kill();
  }

  #process(number: number): NodeProcess {
    return this.#processes[number - 1]!;
  }
}
