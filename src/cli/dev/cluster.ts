/** The processes of a development cluster: starts them, watches them, does to them what other terminals ask for. */
import { assembleView, type ClusterView, type NodeView } from "../cluster-status.ts";
import { CliError, EXIT, usage } from "../failure.ts";
import { fetchStatus, whyUnreachable } from "../http-client.ts";
import type { NodeStatus } from "../../node/api.ts";
import { isEmpty, lastWords, nextNumber, writeMarker, type Marker } from "./directory.ts";
import { devNode, HOST, nodeNumber, portsFit, type DevNode, type Entry } from "./layout.ts";
import { NodeProcess, type ExitInfo, type ProcessState } from "./node-process.ts";
import { waitForPorts } from "./ports.ts";

export type DevEvent =
  | {
      readonly type: "died";
      readonly node: DevNode;
      readonly exit: ExitInfo;
      readonly lastWords: readonly string[];
    }
  | { readonly type: "started"; readonly node: DevNode; readonly pid: number | null }
  | { readonly type: "ready"; readonly node: DevNode; readonly afterMs: number }
  | { readonly type: "stopped" | "killed" | "paused" | "resumed" | "removed"; readonly node: DevNode }
  /** Every shard has a living leader again. */
  | { readonly type: "led"; readonly afterMs: number; readonly view: ClusterView }
  | { readonly type: "leaderless"; readonly groups: number; readonly afterMs: number };

export interface DevClusterSettings {
  readonly directory: string;
  readonly marker: Marker;
  readonly self: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logLevel: string;
  readonly onEvent: (event: DevEvent) => void;
}

/** One node as `kvorum dev status` shows it. */
export interface DevNodeView {
  readonly node: DevNode;
  readonly state: ProcessState;
  readonly pid: number | null;
  readonly ageMs: number;
  readonly status: NodeStatus | null;
  readonly exit: ExitInfo | null;
}

const POLL_MS = 100;
const ASK_TIMEOUT_MS = 800;
const MEMBERSHIP_POLL_MS = 2_000;
const STOP_PATIENCE_MS = 10_000;
const READY_PATIENCE_MS = 60_000;
const LEADER_PATIENCE_MS = 15_000;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export class DevCluster {
  readonly #settings: DevClusterSettings;
  readonly #processes = new Map<number, NodeProcess>();
  #marker: Marker;
  #closing = false;
  /** Newest first wins: an older watch for leaders ends when a newer one begins. */
  #leaderWatch = 0;
  /** It was said that groups have no leader; so it will be said when they have. */
  #leaderless = false;
  #membershipTimer: NodeJS.Timeout | null = null;

  constructor(settings: DevClusterSettings) {
    this.#settings = settings;
    this.#marker = settings.marker;
    for (const number of settings.marker.nodes) this.#processes.set(number, this.#process(number));
  }

  get nodes(): readonly DevNode[] {
    return [...this.#processes.values()].map((process) => process.node);
  }

  get alive(): readonly DevNode[] {
    return [...this.#processes.values()].filter((process) => process.alive).map((process) => process.node);
  }

  /**
   * Starts every node and waits until all are ready and every shard has a leader. A node that dies meanwhile is reported
   * and left out, as long as the others are enough; otherwise this throws.
   */
  async start(waiting: (reason: string) => void): Promise<ClusterView> {
    await waitForPorts(this.nodes, waiting);
    for (const process of this.#processes.values()) {
      if (this.#closing) break;
      process.start(this.#entryOf(process.node));
    }
    const view = await this.#whenReady(waiting);
    this.#remember({ founded: true });
    this.#membershipTimer = setInterval(() => void this.#noticeRemovals(), MEMBERSHIP_POLL_MS);
    return view;
  }

  async #whenReady(waiting: (reason: string) => void): Promise<ClusterView> {
    for (;;) {
      this.#refuseHopeless();
      const view = await this.view();
      const open = this.#obstacle(view);
      if (open === null) {
        // One may have died while the others were asked.
        this.#refuseHopeless();
        return view!;
      }
      waiting(open);
      await sleep(POLL_MS);
    }
  }

  /** What is still missing, in words; null when nothing is. */
  #obstacle(view: ClusterView | null): string | null {
    const running = this.alive.map((node) => node.name);
    if (view === null) return `${running.join(", ")} to answer`;
    const mute = view.nodes.filter(({ info, status }) => running.includes(info.name) && status === null);
    if (mute.length > 0) return `${mute.map(({ info }) => info.name).join(", ")} to answer`;
    const late = view.nodes.filter(
      ({ info, status }) => running.includes(info.name) && status?.ready !== true,
    );
    if (late.length > 0) {
      const reasons = new Map<string, string[]>();
      for (const { info, status } of late) {
        const reason = status?.waiting?.reason ?? "getting ready";
        reasons.set(reason, [...(reasons.get(reason) ?? []), info.name]);
      }
      return [...reasons].map(([reason, names]) => `${names.join(", ")}: ${reason}`).join("; ");
    }
    const leaderless = leaderlessShards(view, running);
    if (view.shards.length < 2) return "the default keyspace to be created";
    return leaderless === 0 ? null : `${leaderless} of ${view.shards.length} groups to elect a leader`;
  }

  #refuseHopeless(): void {
    if (this.#closing) throw new CliError("stopped before it was ready", "Start it again with `kvorum dev`.");
    const dead = [...this.#processes.values()].filter((process) => !process.alive);
    const needed = this.#marker.founded ? Math.floor(this.#processes.size / 2) + 1 : this.#processes.size;
    if (this.#processes.size - dead.length >= needed) return;
    const words = dead.flatMap((process) => lastWords(process.node.logFile).slice(0, 1));
    const names = dead.map((process) => process.node.name).join(", ");
    throw new CliError(
      `${names} stopped while starting${words.length === 0 ? "" : `: ${[...new Set(words)].join("; ")}`}`,
      `Their logs say more: ${dead.map((process) => process.node.logFile).join(", ")}`,
      EXIT.failed,
    );
  }

  // What other terminals ask for ---------------------------------------------------------------------------------

  /** The nodes meant by 2, n2 or all. Throws when there is no such node. */
  select(words: readonly string[]): NodeProcess[] {
    if (words.length === 0) throw usage("which node?", "Name it by its number, such as 2, or say all.");
    return words.flatMap((word) => {
      if (word === "all") return [...this.#processes.values()];
      const process = this.#processes.get(nodeNumber(word) ?? 0);
      if (process !== undefined) return [process];
      const names = this.nodes.map((node) => node.name).join(", ");
      throw usage(`there is no node ${word}`, `The nodes are ${names}; 2 and n2 mean the same.`);
    });
  }

  async kill(processes: readonly NodeProcess[]): Promise<string> {
    const victims = requireAlive(processes, "killed");
    await Promise.all(victims.map((process) => process.kill()));
    for (const { node } of victims) this.#emit({ type: "killed", node });
    this.#watchLeaders();
    return `${list(victims)} killed with SIGKILL. Bring back: npx kvorum dev restart ${numbers(victims)}`;
  }

  async stop(processes: readonly NodeProcess[]): Promise<string> {
    const victims = requireAlive(processes, "stopped");
    const graceful = await Promise.all(victims.map((process) => process.stop(STOP_PATIENCE_MS)));
    for (const { node } of victims) this.#emit({ type: "stopped", node });
    this.#watchLeaders();
    const forced = graceful.includes(false) ? " (not in time: it had to be killed)" : "";
    return `${list(victims)} stopped${forced}. Bring back: npx kvorum dev restart ${numbers(victims)}`;
  }

  async restart(processes: readonly NodeProcess[]): Promise<string> {
    await Promise.all(processes.map((process) => process.stop(STOP_PATIENCE_MS)));
    await waitForPorts(
      processes.map((process) => process.node),
      () => undefined,
    );
    const before = performance.now();
    for (const process of processes) this.#launch(process);
    await Promise.all(processes.map((process) => this.#untilReady(process)));
    return `${list(processes)} ready again after ${((performance.now() - before) / 1_000).toFixed(1)} s`;
  }

  pause(processes: readonly NodeProcess[]): string {
    const victims = requireAlive(processes, "paused");
    for (const process of victims) {
      process.pause();
      this.#emit({ type: "paused", node: process.node });
    }
    this.#watchLeaders();
    return `${list(victims)} paused with SIGSTOP. Let go on: npx kvorum dev resume ${numbers(victims)}`;
  }

  resume(processes: readonly NodeProcess[]): string {
    const paused = processes.filter((process) => process.state === "paused");
    if (paused.length === 0)
      throw usage(`${list(processes)} not paused`, "Pause a node with: npx kvorum dev pause 2");
    for (const process of paused) {
      process.resume();
      this.#emit({ type: "resumed", node: process.node });
    }
    if (this.#leaderless) this.#watchLeaders();
    return `${list(paused)} running again`;
  }

  /** One node more, which joins the cluster. */
  async add(): Promise<string> {
    const number = nextNumber(this.#marker.nodes);
    if (nodeNumber(String(number)) === null || !portsFit(number, this.#marker.basePort)) {
      throw usage("there are no ports left for another node", "Use a lower --base-port.");
    }
    const process = this.#process(number);
    if (!isEmpty(process.node.dataDir)) {
      throw usage(
        `${process.node.dataDir} holds the data of an earlier node`,
        "Move it away; a node that joins starts empty.",
      );
    }
    await waitForPorts([process.node], () => undefined);
    this.#processes.set(number, process);
    this.#remember({ nodes: [...this.#marker.nodes, number] });
    this.#launch(process);
    await this.#untilReady(process);
    const { name, resp } = process.node;
    return `${name} joined: redis-cli -p ${resp}. Take a node away with: npx kvorum node remove ${name}`;
  }

  /** Stops everything: gracefully, or at once when `now`. */
  async close(now: boolean): Promise<void> {
    this.#closing = true;
    this.#leaderWatch++;
    if (this.#membershipTimer !== null) clearInterval(this.#membershipTimer);
    const processes = [...this.#processes.values()];
    await Promise.all(processes.map((process) => (now ? process.kill() : process.stop(STOP_PATIENCE_MS))));
  }

  async nodeViews(): Promise<readonly DevNodeView[]> {
    return Promise.all(
      [...this.#processes.values()].map(async (process) => ({
        node: process.node,
        state: process.state,
        pid: process.pid,
        ageMs: process.age,
        exit: process.lastExit,
        status: process.state === "running" ? (await this.#ask(process.node)).status : null,
      })),
    );
  }

  /** The cluster as its running nodes see it; null when none answers. */
  async view(): Promise<ClusterView | null> {
    const nodes = await Promise.all(
      [...this.#processes.values()].map((process) =>
        process.state === "running" ? this.#ask(process.node) : unasked(process),
      ),
    );
    // A node that is ready knows the catalog best.
    const seen =
      nodes.find(({ status }) => status?.ready === true) ?? nodes.find(({ status }) => status !== null);
    if (seen === undefined) return null;
    return assembleView({ url: `http://${seen.info.http}`, status: seen.status! }, nodes);
  }

  // ---------------------------------------------------------------------------------------------------------------

  #process(number: number): NodeProcess {
    const { directory, self, env, logLevel } = this.#settings;
    const node = devNode(number, this.#marker.basePort, directory);
    return new NodeProcess({
      node,
      self,
      env,
      logLevel,
      onExit: (exit) => {
        if (exit.expected || this.#closing) return;
        this.#emit({
          type: "died",
          node,
          exit,
          lastWords: exit.signal === null ? lastWords(node.logFile) : [],
        });
        this.#watchLeaders();
      },
    });
  }

  /** Founders found together; whoever comes later, or lost its directory, joins. */
  #entryOf(node: DevNode): Entry {
    const others = this.nodes.filter((other) => other.number !== node.number);
    const founder = node.number <= this.#marker.founders;
    const lost = this.#marker.founded && isEmpty(node.dataDir);
    if ((!founder || lost) && others.length > 0) return { join: others };
    const { basePort, founders } = this.#marker;
    return {
      initial: Array.from({ length: founders }, (_, index) =>
        devNode(index + 1, basePort, this.#settings.directory),
      ),
    };
  }

  #launch(process: NodeProcess): void {
    process.start(this.#entryOf(process.node));
    this.#emit({ type: "started", node: process.node, pid: process.pid });
  }

  async #untilReady(process: NodeProcess): Promise<void> {
    const { node } = process;
    const before = performance.now();
    let reason = "it does not answer";
    while (performance.now() - before < READY_PATIENCE_MS) {
      if (!process.alive) {
        const [words] = lastWords(node.logFile);
        throw new CliError(
          `${node.name} stopped while starting${words === undefined ? "" : `: ${words}`}`,
          `Its log says more: ${node.logFile}`,
        );
      }
      const { status } = await this.#ask(node);
      if (status?.ready === true) {
        this.#emit({ type: "ready", node, afterMs: performance.now() - before });
        if (this.#leaderless) this.#watchLeaders();
        return;
      }
      reason = status?.waiting?.reason ?? reason;
      await sleep(POLL_MS);
    }
    throw new CliError(
      `${node.name} runs but is not ready after 60 s: it waits for ${reason}`,
      `See ${node.logFile}`,
    );
  }

  /** Tells how long shards were without a leader after something happened. */
  #watchLeaders(): void {
    const mine = ++this.#leaderWatch;
    const before = performance.now();
    const watch = async (): Promise<void> => {
      let open = 0;
      while (mine === this.#leaderWatch && performance.now() - before < LEADER_PATIENCE_MS) {
        const view = await this.view();
        if (mine !== this.#leaderWatch) return;
        const running = [...this.#processes.values()].filter((process) => process.state === "running");
        if (running.length === 0) return;
        if (view !== null) {
          open = leaderlessShards(
            view,
            running.map((process) => process.node.name),
          );
          if (open === 0 && view.shards.length > 0) {
            this.#leaderless = false;
            this.#emit({ type: "led", afterMs: performance.now() - before, view });
            return;
          }
        }
        await sleep(POLL_MS / 2);
      }
      if (mine === this.#leaderWatch) {
        this.#leaderless = true;
        this.#emit({ type: "leaderless", groups: open, afterMs: LEADER_PATIENCE_MS });
      }
    };
    void watch();
  }

  /** A node that was removed from the cluster has nothing to do here any more. */
  async #noticeRemovals(): Promise<void> {
    const view = await this.view();
    if (view === null || this.#closing) return;
    const reporter = view.nodes.find(({ status }) => status?.ready === true)?.status;
    if (reporter === undefined || reporter === null) return;
    const members = new Set(reporter.nodes.map((info) => info.name));
    for (const process of this.#processes.values()) {
      const { node } = process;
      // A node that is only just joining is not in the catalog yet.
      const own = view.nodes.find(({ info }) => info.name === node.name)?.status;
      const joined = process.state !== "running" || typeof own?.id === "number";
      if (members.has(node.name) || !joined || this.#processes.size === 1) continue;
      await process.stop(STOP_PATIENCE_MS);
      this.#processes.delete(node.number);
      this.#remember({ nodes: this.#marker.nodes.filter((number) => number !== node.number) });
      this.#emit({ type: "removed", node });
    }
  }

  async #ask(node: DevNode): Promise<NodeView> {
    const info = infoOf(node, true);
    try {
      const status = await fetchStatus(`http://${info.http}`, ASK_TIMEOUT_MS);
      return { info: { ...info, id: status.id ?? info.id }, status, problem: null };
    } catch (error) {
      return { info, status: null, problem: whyUnreachable(error) };
    }
  }

  #remember(change: Partial<Marker>): void {
    this.#marker = { ...this.#marker, ...change };
    writeMarker(this.#settings.directory, this.#marker);
  }

  #emit(event: DevEvent): void {
    if (!this.#closing) this.#settings.onEvent(event);
  }
}

function infoOf(node: DevNode, up: boolean): NodeView["info"] {
  return {
    id: 0 as NodeView["info"]["id"],
    name: node.name,
    resp: `${HOST}:${node.resp}`,
    http: `${HOST}:${node.http}`,
    peer: `${HOST}:${node.peer}`,
    up,
    membership: null,
  };
}

function unasked(process: NodeProcess): NodeView {
  return { info: infoOf(process.node, false), status: null, problem: process.state };
}

/** Shards whose leader is nobody, or not among the running. */
function leaderlessShards(view: ClusterView, running: readonly string[]): number {
  return view.shards.filter((shard) => shard.leader === null || !running.includes(shard.leader)).length;
}

function requireAlive(processes: readonly NodeProcess[], done: string): readonly NodeProcess[] {
  const alive = processes.filter((process) => process.alive);
  if (alive.length > 0) return alive;
  const advice = `Bring back: npx kvorum dev restart ${numbers(processes)}`;
  throw usage(`${list(processes)} not running, so it cannot be ${done}`, advice);
}

function list(processes: readonly NodeProcess[]): string {
  const names = processes.map((process) => process.node.name);
  return `${names.join(", ")} ${names.length === 1 ? "is" : "are"}`;
}

function numbers(processes: readonly NodeProcess[]): string {
  return processes.map((process) => process.node.number).join(" ");
}
