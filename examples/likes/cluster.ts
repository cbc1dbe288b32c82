/**
 * Three machines, each with a node of the cluster and room for a front end. All that leaves a machine goes through its links, so that
 * its cable can be pulled: the node and the front end still reach each other then, and nobody else.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createNode, type EmbeddedNode } from "kvorum";
import { HOST } from "../web/site.ts";
import { type Address, Link } from "./link.ts";

const MACHINES = 3;

/** From 1. */
export type Machine = number;

interface Ports {
  readonly peerPort: number;
  readonly respPort: number;
}

export class Cluster {
  readonly #directory: string;
  #ports: readonly Ports[] = [];
  readonly #nodes: EmbeddedNode[] = [];
  readonly #links: Link[] = [];
  readonly #cutOff = new Set<Machine>();

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /** Empty, and gone when it is closed. */
  static async start(): Promise<Cluster> {
    const cluster = new Cluster(await mkdtemp(join(tmpdir(), "kvorum-likes-")));
    try {
      await cluster.#startNodes();
      return cluster;
    } catch (error) {
      await cluster.close();
      throw error;
    }
  }

  async #startNodes(): Promise<void> {
    // The links first: they listen too, and must not take the ports that are free for the nodes.
    const links: Link[] = [];
    for (let machine = 1; machine <= MACHINES; machine++) links.push(await this.linkOf(machine));
    const free = await freePorts(2 * MACHINES);
    this.#ports = links.map((_, i) => ({ peerPort: free[2 * i]!, respPort: free[2 * i + 1]! }));
    await Promise.all(links.map((link, i) => this.#startNode(i + 1, link)));
    await Promise.all(this.#nodes.map((node) => node.ready()));
  }

  async #startNode(machine: Machine, { route }: Link): Promise<void> {
    const name = `n${machine}`;
    const initial = this.#ports.map(({ peerPort }, i) => `n${i + 1}=${HOST}:${peerPort}`);
    this.#nodes.push(
      await createNode({
        name,
        dataDir: join(this.#directory, name),
        initial,
        ...this.#ports[machine - 1]!,
        route,
      }),
    );
  }

  /** For a client on this machine: its own node comes first. */
  urlOf(machine: Machine): string {
    const nearest = [...this.#ports.slice(machine - 1), ...this.#ports.slice(0, machine - 1)];
    return `kvorum://${nearest.map(({ respPort }) => `${HOST}:${respPort}`).join(",")}`;
  }

  /** From this machine to all nodes. Closed with the cluster. */
  async linkOf(machine: Machine): Promise<Link> {
    const link = await Link.open((target) => this.#isCut(machine, this.#machineOf(target)));
    this.#links.push(link);
    return link;
  }

  get cutOff(): readonly Machine[] {
    return [...this.#cutOff];
  }

  /** Pulls the machine's cable, or plugs it in again. */
  cut(machine: Machine, isCut: boolean): void {
    if (isCut) this.#cutOff.add(machine);
    else this.#cutOff.delete(machine);
    for (const link of this.#links) link.update();
  }

  async close(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.close()));
    for (const link of this.#links) link.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #isCut(from: Machine, to: Machine): boolean {
    return from !== to && (this.#cutOff.has(from) || this.#cutOff.has(to));
  }

  #machineOf({ port }: Address): Machine {
    return 1 + this.#ports.findIndex(({ peerPort, respPort }) => port === peerPort || port === respPort);
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer());
  await Promise.all(servers.map((server) => new Promise<void>((done) => void server.listen(0, HOST, done))));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => void server.close(done))));
  return ports;
}
