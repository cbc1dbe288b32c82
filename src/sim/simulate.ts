/** One simulated history: a safety phase under faults, a liveness phase after everything has healed, then the verdicts. */
import { Clients, type Workload } from "./clients.ts";
import { checkLinearizability } from "./checkers/linearizability.ts";
import { MODELS } from "./checkers/models.ts";
import { type LossyKind, checkNoLostWrites } from "./checkers/no-lost-writes.ts";
import { formatVerdict } from "./checkers/verdict.ts";
import type { HistoryEvent } from "./history/event.ts";
import { pairOperations } from "./history/pair.ts";
import { type Fault, Nemesis } from "./nemesis.ts";
import { type ClusterOptions, SimulatedCluster } from "./simulated-cluster.ts";
import { readOf } from "./workloads/registers.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly workload: Workload;
  readonly model: LossyKind;
  readonly keys: readonly string[];
  readonly faults: readonly Fault[];
  readonly clients: number;
  /** Milliseconds of virtual time under faults. */
  readonly duration: number;
  readonly cluster?: Partial<Omit<ClusterOptions, "seed" | "nodes">>;
}

export interface SimulationResult {
  readonly seed: number;
  readonly ok: boolean;
  /** Everything that is wrong, in sentences. */
  readonly problems: readonly string[];
  readonly events: readonly HistoryEvent[];
  readonly acknowledged: number;
  readonly faults: readonly string[];
  /** Equal for two runs with one seed. */
  readonly hash: string;
  readonly schedulerEvents: number;
  readonly virtualMilliseconds: number;
}

const START_LIMIT_MS = 30_000;
const HEAL_LIMIT_MS = 60_000;

export function simulate(options: SimulationOptions): SimulationResult {
  const { seed, nodes } = options;
  const cluster = new SimulatedCluster({ ...options.cluster, seed, nodes });
  const { scheduler } = cluster;
  const problems: string[] = [];
  const clients = new Clients(cluster, options.workload, { clients: options.clients, pause: 20 });
  const nemesis = new Nemesis(cluster, { faults: options.faults, interval: 1500, duration: 1500 });

  cluster.start();
  if (!cluster.untilReady(START_LIMIT_MS))
    problems.push(`the cluster was not ready after ${START_LIMIT_MS} ms`);
  clients.start();
  nemesis.start();
  scheduler.run(scheduler.now() + options.duration);

  nemesis.heal();
  clients.stop();
  const healed = scheduler.runUntil(() => clients.idle, scheduler.now() + HEAL_LIMIT_MS);
  if (!healed) problems.push("some operations got no answer after everything had healed");
  if (!cluster.untilReady(HEAL_LIMIT_MS)) problems.push(notReady(cluster));
  problems.push(...failedReplicas(cluster), ...cluster.violations());

  // Liveness: every key can be read through every node again; the reads also show whether anything was lost.
  for (const host of cluster.hosts) {
    for (const key of options.keys) clients.once(host.name, readOf(key));
  }
  scheduler.runUntil(() => clients.idle, scheduler.now() + HEAL_LIMIT_MS);
  const lastReads = clients.events.slice(-options.keys.length * cluster.hosts.length);
  const unanswered = lastReads.filter((event) => event.type !== "ok").length;
  if (unanswered > 0)
    problems.push(`${unanswered} of ${lastReads.length} last reads failed after everything had healed`);

  const operations = pairOperations(clients.events);
  const verdicts = [
    checkLinearizability(operations, MODELS[options.model]),
    checkNoLostWrites(operations, options.model),
  ];
  for (const verdict of verdicts) if (verdict.ok !== true) problems.push(formatVerdict(verdict));
  return {
    seed,
    ok: problems.length === 0,
    problems,
    events: clients.events,
    acknowledged: clients.events.filter((event) => event.type === "ok").length,
    faults: nemesis.done,
    hash: scheduler.hash,
    schedulerEvents: scheduler.events,
    virtualMilliseconds: scheduler.now(),
  };
}

function notReady(cluster: SimulatedCluster): string {
  const states = cluster.hosts.map((host) => {
    const waiting = host.node?.status().waiting;
    return `${host.name}: ${host.refusal ?? waiting?.reason ?? (host.node === null ? "no node" : "ready")}`;
  });
  return `not ready ${HEAL_LIMIT_MS} ms after everything had healed: ${states.join("; ")}`;
}

function failedReplicas(cluster: SimulatedCluster): string[] {
  return cluster.hosts.flatMap((host) =>
    (host.node?.status().replicas ?? [])
      .filter((replica) => replica.failed !== null)
      .map(
        (replica) => `${host.name}: the replica of group ${replica.group} stopped itself: ${replica.failed}`,
      ),
  );
}
