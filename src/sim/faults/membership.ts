/** Changes that operators make while everything else goes on: nodes come and go, leaders move, keyspaces too. */
import type { NodeId } from "../../core/ids.ts";
import type { AdminRequest, AdminResult } from "../../node/api.ts";
import type { SimulatedCluster } from "../simulated-cluster.ts";
import type { SimulatedHost } from "../simulated-host.ts";
import { commandCall } from "../workloads/workload.ts";

const FEWEST_NODES = 3;
const MOST_NODES = 6;
const POLL_MS = 500;

export class MembershipFaults {
  readonly #cluster: SimulatedCluster;
  /** Machines that were told to leave. */
  readonly #leaving = new Set<SimulatedHost>();
  /** Keyspaces that wait to be dropped. */
  #dropping = 0;

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
  }

  get settled(): boolean {
    return this.#leaving.size === 0 && this.#dropping === 0;
  }

  /** The name of the machine that joins; null when there are enough. */
  add(): string | null {
    const { hosts } = this.#cluster;
    if (hosts.length >= MOST_NODES) return null;
    const host = this.#cluster.addHost();
    host.start();
    return host.name;
  }

  /** False: it is not done. The machine is switched off once no shard has a replica there any more. */
  remove(host: SimulatedHost): boolean {
    const id = host.node?.status().id;
    if (this.#cluster.hosts.length <= FEWEST_NODES || id === undefined || id === null) return false;
    this.#leaving.add(host);
    this.#administer({ type: "node-remove", node: host.name }, host, (result) => {
      if (result?.ok !== true && this.#isListed(host)) this.#leaving.delete(host);
      else this.#retireWhenEmpty(host, id);
    });
    return true;
  }

  moveLeaders(to: SimulatedHost): boolean {
    const shards = to.node?.shards().filter(({ leader }) => leader !== to.node?.status().id) ?? [];
    for (const { group } of shards)
      this.#administer({ type: "transfer-leader", group, to: to.name }, null, () => undefined);
    return shards.length > 0;
  }

  /** A keyspace comes, is written to, and goes; operations on all others go on beside it. */
  churnKeyspace(through: SimulatedHost, name: string, shards: number, lasts: number): boolean {
    const { node } = through;
    if (node?.ready !== true) return false;
    this.#administer({ type: "keyspace-create", spec: { name, shards } }, null, (result) => {
      if (result?.ok !== true) return;
      for (let i = 0; i < 20; i++)
        through.node?.execute(commandCall("set", `${name}:k${i}`, "x".repeat(200)), {}, () => undefined);
      this.#dropping++;
      this.#cluster.scheduler.after(lasts, () => this.#drop(name));
    });
    return true;
  }

  #drop(name: string): void {
    this.#administer({ type: "keyspace-drop", name }, null, (result) => {
      const isGone = result?.ok === true || result?.code === "unknown-keyspace";
      if (isGone) this.#dropping--;
      else this.#cluster.scheduler.after(POLL_MS, () => this.#drop(name));
    });
  }

  /** Asks some node that is ready, and not `except`; null when there is none, or no answer came. */
  #administer(
    request: AdminRequest,
    except: SimulatedHost | null,
    done: (result: AdminResult | null) => void,
  ): void {
    const node = this.#cluster.hosts.find((host) => host !== except && host.node?.ready === true)?.node;
    let over = false;
    const finish = (result: AdminResult | null): void => {
      if (over) return;
      over = true;
      done(result);
    };
    this.#cluster.scheduler.after(GIVE_UP_MS, () => finish(null));
    node?.admin(request, finish);
  }

  /** Whether some node still has it on its list. */
  #isListed(host: SimulatedHost): boolean {
    return this.#cluster.hosts.some(
      (other) =>
        other !== host && other.node?.status().nodes.some((node) => node.name === host.name) !== false,
    );
  }

  #retireWhenEmpty(host: SimulatedHost, id: NodeId): void {
    const others = this.#cluster.hosts.filter((other) => other !== host);
    const isEmpty =
      !this.#isListed(host) &&
      others.every((other) => other.node?.shards().every(({ replicas }) => !replicas.includes(id)) ?? false);
    if (isEmpty) {
      this.#leaving.delete(host);
      this.#cluster.retire(host);
    } else {
      this.#cluster.scheduler.after(POLL_MS, () => this.#retireWhenEmpty(host, id));
    }
  }
}

/** Longer than an administrative request may take. */
const GIVE_UP_MS = 10_000;
