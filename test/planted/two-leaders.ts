/**
 * Histories in which one shard has two leaders for a moment: its leader gets into trouble again and again, is read from all
 * the same, and meanwhile others write. What must not be is that it answers with what was overwritten.
 */
import { ERRORS } from "../../src/core/errors.ts";
import { Failure } from "../../src/core/reply.ts";
import { checkLinearizability } from "../../src/sim/checkers/linearizability.ts";
import { MODELS } from "../../src/sim/checkers/models.ts";
import { formatVerdict } from "../../src/sim/checkers/verdict.ts";
import type { HistoryEvent } from "../../src/sim/history/event.ts";
import { pairOperations } from "../../src/sim/history/pair.ts";
import { type ClusterOptions, SimulatedCluster } from "../../src/sim/simulated-cluster.ts";
import type { SimulatedHost } from "../../src/sim/simulated-host.ts";
import { readRegister, writeRegister } from "../../src/sim/workloads/registers.ts";
import { textOf } from "../../src/sim/workloads/workload.ts";
import { partitions } from "../../src/transport/network-faults.ts";

/** isolate: nobody hears the leader, and it hears nobody. pause: it stands still as well. */
export type Trouble = "isolate" | "pause";

export interface TwoLeaders {
  readonly trouble: Trouble;
  readonly cluster: Partial<Omit<ClusterOptions, "seed" | "nodes">>;
}

const KEY = "k";
const ROUNDS = 8;
const READ_EVERY_MS = 4;
const WRITE_EVERY_MS = 8;
const encoder = new TextEncoder();

export function runTwoLeaders({ trouble, cluster: options }: TwoLeaders, seed: number): readonly string[] {
  const cluster = new SimulatedCluster({ requestTimeout: 400, ...options, seed, nodes: 3 });
  const { scheduler, hosts, network } = cluster;
  const random = cluster.random.fork("two leaders");
  const names = hosts.map((host) => host.name);
  const events: HistoryEvent[] = [];
  let processes = 0;
  let leader = hosts[0]!;
  let running = true;

  const request = (host: SimulatedHost, write: boolean): void => {
    const { node, clock } = host;
    if (node === null || clock === null) return;
    const process = processes++;
    const { f, key, value, calls } = write ? writeRegister(KEY, `v${process}`) : readRegister(KEY);
    const note = (type: HistoryEvent["type"], result: HistoryEvent["value"]): void => {
      events.push({ process, type, f, key, value: result, time: scheduler.now(), node: host.name });
    };
    note("invoke", value);
    clock.deliver(() =>
      node.execute(calls[0]!, {}, (reply) => {
        if (!(reply instanceof Failure)) note("ok", write ? null : textOf(reply));
        else note(reply.code === null || ERRORS[reply.code].definite ? "fail" : "info", value);
      }),
    );
  };
  const every = (interval: number, work: () => void): void => {
    scheduler.after(interval * 2 * random.next(), () => {
      if (!running) return;
      work();
      every(interval, work);
    });
  };
  const findLeader = (): SimulatedHost | undefined =>
    hosts.find(({ node }) => {
      const group = node?.groupOfKey(encoder.encode(KEY));
      return node?.status().replicas.some((replica) => replica.group === group && replica.role === "leader");
    });

  cluster.start();
  if (!cluster.untilReady(30_000)) return ["the cluster was not ready after 30000 ms"];
  every(READ_EVERY_MS, () => request(leader, false));
  every(WRITE_EVERY_MS, () => {
    const others = hosts.filter((host) => host !== leader);
    request(others[Math.floor(random.next() * others.length)]!, true);
  });
  for (let round = 0; round < ROUNDS; round++) {
    leader = findLeader() ?? leader;
    scheduler.run(scheduler.now() + 100 * random.next());
    const lasts = 300 + 900 * random.next();
    switch (trouble) {
      case "isolate":
        network.partition(partitions.isolate(names, leader.name));
        break;
      case "pause":
        leader.clock?.pause();
        network.partition(partitions.isolate(names, leader.name));
        break;
    }
    scheduler.run(scheduler.now() + lasts);
    network.heal();
    leader.clock?.resume();
    scheduler.run(scheduler.now() + 200);
    cluster.untilReady(5000);
  }
  running = false;
  scheduler.run(scheduler.now() + 3000);
  const verdict = checkLinearizability(pairOperations(events), MODELS.register);
  return [...(verdict.ok === true ? [] : [formatVerdict(verdict)]), ...cluster.violations()];
}
