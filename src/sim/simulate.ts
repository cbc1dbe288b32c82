/** One simulated history: a safety phase under faults, a liveness phase after everything has healed, then the verdicts. */
import { invariant } from "../core/assert.ts";
import { binaryBytes } from "../core/bytes.ts";
import type { GroupId } from "../core/ids.ts";
import { Clients } from "./clients.ts";
import { BoundedChecker } from "./checkers/bounded.ts";
import { checkLiveness } from "./checkers/liveness.ts";
import { checkWatches } from "./checkers/watches.ts";
import { isMerging } from "../node/api.ts";
import type { AdminRequest, AdminResult, KeyspaceInfo, QuorumSpec, Replication } from "../node/api.ts";
import { ACCEPTED, formatVerdict } from "./checkers/verdict.ts";
import { drawSchedule, type Strike } from "./faults/schedule.ts";
import type { FaultName } from "./faults/table.ts";
import type { HistoryEvent, Operation } from "./history/event.ts";
import { pairOperations } from "./history/pair.ts";
import { judge } from "./judge.ts";
import { turnKnobs } from "./knobs.ts";
import { type MixName, mixOf } from "./mixes.ts";
import { Nemesis, type StrikeReport } from "./nemesis.ts";
import { type ClusterOptions, SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedHost } from "./simulated-host.ts";
import { SimulatedRandom } from "./simulated-random.ts";
import { memoryLimits } from "./memory-limits.ts";
import type { TimelineEvent } from "./timeline.ts";
import { Watchers } from "./watchers.ts";
import { WORKLOADS, type WorkloadName } from "./workloads/workloads.ts";
import type { Circumstances, Workload } from "./workloads/workload.ts";

export interface SimulationOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly workload: WorkloadName;
  readonly mix: MixName;
  readonly clients: number;
  /** Milliseconds of virtual time under faults. */
  readonly duration: number;
  /** Only these strikes of the schedule are carried out, by their numbers from 1. Default: all. */
  readonly keep?: readonly number[];
  /** Faults in place of those that the mix names. */
  readonly faults?: readonly FaultName[];
  /** Strikes in place of those that the mix would draw. */
  readonly schedule?: readonly Strike[];
  /** How the keyspace is kept that the workload works on. */
  readonly replication: Replication;
  /** Only with quorum; the catalog's defaults for what is left out. */
  readonly quorum?: Partial<QuorumSpec>;
  readonly shards: number;
  /** On top of what the mix says. */
  readonly cluster?: Partial<Omit<ClusterOptions, "seed" | "nodes">>;
}

export interface SimulationResult {
  readonly seed: number;
  readonly ok: boolean;
  /** Everything that is wrong, in sentences. */
  readonly problems: readonly string[];
  readonly events: readonly HistoryEvent[];
  readonly operations: readonly Operation[];
  readonly acknowledged: number;
  /** What struck, in its order. */
  readonly strikes: readonly StrikeReport[];
  readonly knobs: readonly string[];
  /** What happened to the nodes lately. */
  readonly timeline: readonly TimelineEvent[];
  /** The names of all machines, also of those that are gone. */
  readonly hosts: readonly string[];
  /** Equal for two runs with one seed. */
  readonly hash: string;
  readonly schedulerEvents: number;
  readonly virtualMilliseconds: number;
}

/** Where clients work; the `default` keyspace exists beside it. */
const KEYSPACE = "sim";
const SMALL_VALUE_BYTES = 1000;
const START_LIMIT_MS = 30_000;
/** All faults have ended: so long may it take until everything works again. */
const HEAL_LIMIT_MS = 30_000;
/** Once it works again an operation succeeds within this time. */
const ANSWER_LIMIT_MS = 5000;
const SAMPLE_INTERVAL_MS = 250;
/** After the last operation, watchers have heard of everything within this time. */
const WATCHERS_LIMIT_MS = 5000;

/** Like `simulate`; what it throws, a broken invariant for example, is a problem among others. */
export function trySimulation(options: SimulationOptions): SimulationResult {
  try {
    return simulate(options);
  } catch (error) {
    const thrown = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return {
      seed: options.seed,
      ok: false,
      problems: [`thrown: ${thrown}`],
      events: [],
      operations: [],
      acknowledged: 0,
      strikes: [],
      knobs: [],
      timeline: [],
      hosts: [],
      hash: thrown,
      schedulerEvents: 0,
      virtualMilliseconds: 0,
    };
  }
}

export function simulate(options: SimulationOptions): SimulationResult {
  const { seed, nodes } = options;
  const mix = mixOf(options.mix);
  const random = new SimulatedRandom(seed);
  const { turned, options: world } = mix.knobs
    ? turnKnobs(random.fork("knobs"), mix.world ?? {})
    : { turned: [], options: mix.world ?? {} };
  // Nobody uses the default keyspace: one shard of it costs least.
  const clusterOptions = { defaultShards: 1, ...world, ...options.cluster, seed, nodes };
  const cluster = new SimulatedCluster(clusterOptions);
  const { scheduler } = cluster;
  const workload: Workload = WORKLOADS[options.workload].make(`${KEYSPACE}:`);
  const clients = new Clients(cluster, workload, { clients: options.clients, pause: workload.pause });
  const schedule =
    options.schedule ??
    drawSchedule(random.fork("schedule"), {
      faults: options.faults ?? mix.faults,
      interval: mix.interval,
      duration: options.duration,
    });
  const nemesis = new Nemesis(cluster, schedule, options.keep);
  const memory = new BoundedChecker(memoryLimits(clusterOptions, workload.valueBytes ?? SMALL_VALUE_BYTES));
  const problems: string[] = [];
  const sample = (): void => {
    for (const host of cluster.hosts) {
      const gauges = host.node?.metrics().gauges ?? {};
      for (const [gauge, value] of Object.entries(gauges))
        memory.observe({ time: scheduler.now(), node: host.name, gauge, value });
    }
    scheduler.after(SAMPLE_INTERVAL_MS, sample);
  };

  cluster.start();
  if (!cluster.untilReady(START_LIMIT_MS))
    problems.push(`the cluster was not ready after ${START_LIMIT_MS} ms`);
  createKeyspace(cluster, options, problems);
  sample();
  const watchers = new Watchers(cluster, groupsOf(cluster), workload.watched ?? []);
  watchers.start();
  clients.start();
  nemesis.start();
  scheduler.run(scheduler.now() + options.duration);

  nemesis.heal();
  clients.heal();
  const healedAt = scheduler.now();
  const deadline = healedAt + HEAL_LIMIT_MS;
  // Clients go on for a moment: the way back must not need silence.
  scheduler.run(healedAt + 1000);
  clients.stop();
  if (!scheduler.runUntil(() => clients.idle, deadline))
    problems.push("some operations got no answer after everything had healed");
  scheduler.runUntil(() => nemesis.settled, deadline);
  const allReady = (): boolean => cluster.hosts.every((host) => host.node?.ready === true);
  if (!scheduler.runUntil(allReady, deadline)) problems.push(notReady(cluster));
  problems.push(...failedReplicas(cluster), ...cluster.violations());
  if (workload.settle !== undefined) scheduler.run(scheduler.now() + workload.settle);

  const recoveredAt = scheduler.now();
  for (const host of cluster.hosts)
    clients.inTurn(host.name, workload.keys.map(workload.lastRead), ANSWER_LIMIT_MS);
  if (workload.lastOfSession !== undefined) clients.inSessions(workload.keys.map(workload.lastOfSession));
  scheduler.runUntil(() => clients.idle, recoveredAt + HEAL_LIMIT_MS);

  if (workload.watched !== undefined) {
    watchers.settle();
    scheduler.run(scheduler.now() + WATCHERS_LIMIT_MS);
  }

  const operations = pairOperations(clients.events);
  const lively = checkLiveness(withoutExcused(operations, nemesis), {
    healedAt: recoveredAt - ANSWER_LIMIT_MS,
    within: ANSWER_LIMIT_MS,
    endedAt: Infinity,
  });
  const judged = judge(workload, operations, circumstancesOf(cluster, nemesis)).map(({ verdict }) => verdict);
  const watched =
    workload.watched === undefined
      ? ACCEPTED
      : checkWatches(watchers.streams, operations, groupOfKeyIn(cluster));
  for (const verdict of [...judged, lively, memory.verdict(), watched])
    if (verdict.ok !== true) problems.push(formatVerdict(verdict));
  return {
    seed,
    ok: problems.length === 0,
    problems,
    events: clients.events,
    operations,
    acknowledged: clients.events.filter((event) => event.type === "ok").length,
    strikes: nemesis.done,
    knobs: turned,
    timeline: cluster.timeline.events,
    hosts: [...cluster.hosts, ...cluster.retired].map(({ name }) => name).sort(),
    hash: scheduler.hash,
    schedulerEvents: scheduler.events,
    virtualMilliseconds: scheduler.now(),
  };
}

function createKeyspace(cluster: SimulatedCluster, options: SimulationOptions, problems: string[]): void {
  const { replication, quorum, shards } = options;
  const { scheduler } = cluster;
  const request: AdminRequest = {
    type: "keyspace-create",
    spec: { name: KEYSPACE, replication, shards, ...(quorum === undefined ? {} : { quorum }) },
  };
  const ask = (): AdminResult => {
    let answer: AdminResult | null = null;
    cluster.hosts
      .find((host) => host.node?.ready === true)
      ?.node?.admin(request, (result) => {
        answer = result;
      });
    scheduler.runUntil(() => answer !== null, scheduler.now() + START_LIMIT_MS);
    return answer ?? { ok: false, code: "timeout", message: "no answer" };
  };
  const askedAt = scheduler.now();
  let result = ask();
  // Where messages are lost, a user asks again: a change that was made after all is found to be there.
  while (!result.ok && result.code === "timeout" && scheduler.now() - askedAt < START_LIMIT_MS)
    result = ask();
  if (!result.ok && result.code !== "exists")
    problems.push(`the keyspace could not be created: ${result.message}`);
  const shardsAt = (host: SimulatedHost) =>
    host.node?.shards().filter(({ keyspace }) => keyspace === KEYSPACE) ?? [];
  const isKnown = (): boolean => {
    const all = cluster.hosts.map(shardsAt);
    const led = all.flat().flatMap(({ group, leader }) => (leader === null ? [] : [group]));
    const held = cluster.hosts.flatMap(
      ({ node }) =>
        node
          ?.status()
          .replicas.filter(({ keyspace, role }) => keyspace === KEYSPACE && role === "holder")
          .map(({ group }) => group) ?? [],
    );
    return (
      all.every((some) => some.length === shards) &&
      new Set(isMerging(replication) ? held : led).size === shards
    );
  };
  if (!scheduler.runUntil(isKnown, scheduler.now() + START_LIMIT_MS))
    problems.push("the keyspace did not come to life");
}

function circumstancesOf(cluster: SimulatedCluster, { lostDisks }: Nemesis): Circumstances {
  const keyspaces = cluster.hosts.find(({ node }) => node !== null)?.node?.keyspaces() ?? [];
  const keyspace: KeyspaceInfo | undefined = keyspaces.find(({ name }) => name === KEYSPACE);
  const { r, w, sloppy } = keyspace?.quorum ?? { r: 1, w: 1, sloppy: true };
  return {
    // Never two at a time: the nemesis waits until the first machine has got everything back.
    damage: { lostDisks: Math.min(1, lostDisks), copies: w },
    fresh: !sloppy && r + w > (keyspace?.replicas ?? 1),
  };
}

/** What a session has seen may have been lost with a disk before anybody else had it: then no node has it any more. */
const withoutExcused = (operations: readonly Operation[], { lostDisks }: Nemesis): readonly Operation[] =>
  lostDisks === 0
    ? operations
    : operations.filter(
        ({ node, error }) => node !== undefined || (error !== "behind" && error !== "timeout"),
      );

function groupsOf(cluster: SimulatedCluster): readonly GroupId[] {
  const shards = cluster.hosts.find(({ node }) => node !== null)?.node?.shards() ?? [];
  return shards.filter(({ keyspace }) => keyspace === KEYSPACE).map(({ group }) => group);
}

function groupOfKeyIn(cluster: SimulatedCluster): (key: string) => GroupId {
  return (key) => {
    const group = cluster.hosts.find(({ node }) => node !== null)?.node?.groupOfKey(binaryBytes(key));
    invariant(group !== undefined && group !== null, `a shard has ${key}`);
    return group;
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
