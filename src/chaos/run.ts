/** One run: a real cluster, clients, faults, the way back, the last reads, and the verdicts about all that. */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { hostOf, type DevNode } from "../cli/dev/layout.ts";
import { connectFirst } from "../cli/resp/resp-client.ts";
import { Failure } from "../core/reply.ts";
import type { HistoryEvent } from "../sim/history/event.ts";
import { formatHistory } from "../sim/history/write.ts";
import type { Judgement } from "../sim/judge.ts";
import { WORKLOADS, type WorkloadName } from "../sim/workloads/workloads.ts";
import { words } from "./carry-out.ts";
import { ChaosClients, type ClientConnection, type Door } from "./clients.ts";
import { ChaosCluster } from "./cluster.ts";
import type { ChaosFault } from "./faults.ts";
import { ChaosNemesis } from "./nemesis.ts";
import { NodeNetwork } from "./network.ts";
import { LOOPBACK } from "./place.ts";
import { drawChaosSchedule } from "./schedule.ts";
import { exitCodeOf, judgeChaos, longestGap, type Gap } from "./verdict.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly seconds: number;
  readonly workload: WorkloadName;
  readonly faults: readonly ChaosFault[];
  readonly clients: number;
  /** Empty or not there. Data, logs and, unless `out` says otherwise, the history go there. */
  readonly directory: string;
  readonly out?: string;
  /** Nodes in network namespaces of their own. */
  readonly namespaces: boolean;
  readonly self: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends the run: everything is killed and taken away, and it rejects. */
  readonly signal?: AbortSignal;
  /** What happens, as it happens: when (milliseconds of the history), what, where. */
  readonly tell: (at: number, what: string, node: string, text: string) => void;
}

export interface ChaosResult {
  readonly judgements: readonly Judgement[];
  readonly exitCode: 0 | 1 | 3;
  readonly events: readonly HistoryEvent[];
  /** The file. */
  readonly history: string;
  readonly struck: ReadonlyMap<ChaosFault, number>;
  /** Without an acknowledged operation, while faults were at work. */
  readonly gap: Gap;
  /** When everything had healed, in the history's milliseconds; null: it never did. */
  readonly recoveredAt: number | null;
}

const KEYSPACE = "chaos";
const SHARDS = 4;
const START_LIMIT_MS = 60_000;
const HEAL_LIMIT_MS = 60_000;
/** Longer than any request of a node takes, and than a node is paused: late answers are seen, too. */
const REPLY_TIMEOUT_MS = 12_000;
const HELLO_TIMEOUT_MS = 1000;
/** A node that is ready lets a client connect within this time. */
const CONNECT_LIMIT_MS = 5000;

/** Rejects when the cluster cannot be started or `signal` ends the run. Leaves no process and no namespace behind. */
export async function runChaos(options: ChaosOptions): Promise<ChaosResult> {
  const { signal } = options;
  const network = options.namespaces ? new NodeNetwork(options.nodes) : null;
  const problems: string[] = [];
  let cluster: ChaosCluster | null = null;
  // Also when this process ends in a way that nobody foresaw.
  const lastResort = (): void => {
    cluster?.closeNow();
    network?.remove();
  };
  process.on("exit", lastResort);
  try {
    cluster = await ChaosCluster.create({
      ...options,
      place: network ?? LOOPBACK,
      onDeath: (sentence) => problems.push(sentence),
    });
    const observed = await observe(options, cluster, network, problems);
    signal?.throwIfAborted();
    return observed;
  } finally {
    await cluster?.close();
    network?.remove();
    process.off("exit", lastResort);
  }
}

async function observe(
  options: ChaosOptions,
  cluster: ChaosCluster,
  network: NodeNetwork | null,
  problems: string[],
): Promise<ChaosResult> {
  const { seed, nodes, signal, tell } = options;
  cluster.startAll();
  const missing = await cluster.untilWhole(START_LIMIT_MS, signal);
  if (missing !== null) throw new Error(`the cluster did not start: ${[...problems, missing].join("; ")}`);
  await cluster.createKeyspace(KEYSPACE, SHARDS);
  const incomplete = await cluster.untilWhole(START_LIMIT_MS, signal);
  if (incomplete !== null) throw new Error(`the keyspace did not come to life: ${incomplete}`);

  const startedAt = performance.now();
  const now = (): number => performance.now() - startedAt;
  const workload = WORKLOADS[options.workload].make(`${KEYSPACE}:`);
  const doors = cluster.nodes.map(doorOf);
  const clients = new ChaosClients({ seed, clients: options.clients, workload, doors, now });
  const duration = options.seconds * 1000;
  const schedule = drawChaosSchedule(seed, { faults: options.faults, nodes, duration });
  const say = (what: string, node: string, text: string): void => tell(now(), what, node, text);
  const onProblem = (sentence: string): void => {
    problems.push(sentence);
    say("PROBLEM", "", sentence);
  };
  const nemesis = new ChaosNemesis({ cluster, network, schedule, now, tell: say, onProblem });

  clients.start();
  const struck = nemesis.run();
  await sleep(duration, undefined, signal === undefined ? {} : { signal }).catch(() => undefined);
  const endedAt = now();
  nemesis.heal();
  await struck;
  if (signal?.aborted === true) {
    await cluster.close();
    await clients.stop();
    signal.throwIfAborted();
  }
  say("heal", "", "all faults have ended");
  cluster.startAll();
  // Clients go on for a moment: the way back must not need silence.
  await sleep(1000);
  await clients.stop();
  const lost = await cluster.untilWhole(HEAL_LIMIT_MS, signal);
  let recoveredAt: number | null = null;
  if (lost === null) {
    say("", "", "all nodes are ready, all shards have all replicas");
    if (workload.settle !== undefined) await sleep(workload.settle, undefined, signal ? { signal } : {});
    recoveredAt = now();
    for (const door of doors) {
      const lastReads = workload.keys.map(workload.lastRead);
      const reached = await clients.inTurn(door, lastReads, CONNECT_LIMIT_MS);
      if (!reached) onProblem(`${door.name} is ready and lets no client connect`);
    }
  } else onProblem(`${HEAL_LIMIT_MS / 1000} s after all faults had ended: ${lost}`);
  problems.push(...(await stoppedReplicas(cluster)));
  await cluster.close();

  const { events } = clients;
  const history = options.out ?? join(options.directory, "history.jsonl");
  mkdirSync(dirname(history), { recursive: true });
  writeFileSync(history, formatHistory(events));
  const judgements = judgeChaos({ workload, events, recoveredAt, problems });
  return {
    judgements,
    exitCode: exitCodeOf(judgements.map(({ verdict }) => verdict)),
    events,
    history,
    struck: nemesis.struck,
    gap: longestGap(events, endedAt),
    recoveredAt,
  };
}

function doorOf(node: DevNode): Door {
  return { name: node.name, connect: () => connect(node) };
}

/** RESP3, in which a set is a set. A node that is paused accepts connections and says nothing. */
async function connect(node: DevNode): Promise<ClientConnection> {
  const connection = await connectFirst([{ host: hostOf(node), port: node.resp }], REPLY_TIMEOUT_MS);
  const giveUp = setTimeout(() => connection.close(), HELLO_TIMEOUT_MS);
  try {
    const hello = await connection.call(words("HELLO", "3"));
    if (hello instanceof Failure) throw new Error(hello.message);
    return connection;
  } catch (error) {
    connection.close();
    throw error;
  } finally {
    clearTimeout(giveUp);
  }
}

async function stoppedReplicas(cluster: ChaosCluster): Promise<readonly string[]> {
  const statuses = await cluster.statuses();
  return statuses.flatMap((status) =>
    (status?.replicas ?? []).flatMap(({ failed, group }) =>
      failed === null ? [] : [`${status!.name}: the replica of group ${group} stopped itself: ${failed}`],
    ),
  );
}
