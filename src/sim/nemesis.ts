/** Faults in their time: what happens to a cluster while clients work on it, drawn from the seed. */
import { type DirectedLink, NO_NETWORK_FAULTS, partitions } from "../transport/network-faults.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedHost } from "./simulated-host.ts";
import type { SimulatedRandom } from "./simulated-random.ts";

export const FAULTS = [
  "crash",
  "power-off",
  "blackout",
  "pause",
  "isolate",
  "halves",
  "one-way",
  "bridge",
  "ring",
  "clock-jump",
  "wipe",
  "slow",
] as const;

export type Fault = (typeof FAULTS)[number];

export interface NemesisOptions {
  readonly faults: readonly Fault[];
  /** Milliseconds between two faults, uniform in [0, 2 × interval]. */
  readonly interval: number;
  /** How long a fault lasts, uniform in [0, 2 × duration]. */
  readonly duration: number;
}

/**
 * At most a minority of the machines is down or stopped at a time, except in a blackout (partitions come on top), and a
 * machine is wiped only while all others are up: losing a majority's disks loses data in every system.
 */
export class Nemesis {
  readonly done: string[] = [];
  readonly #cluster: SimulatedCluster;
  readonly #options: NemesisOptions;
  readonly #random: SimulatedRandom;
  readonly #hurt = new Set<SimulatedHost>();
  #lastWipe = Number.NEGATIVE_INFINITY;
  #running = false;

  constructor(cluster: SimulatedCluster, options: NemesisOptions) {
    this.#cluster = cluster;
    this.#options = options;
    this.#random = cluster.random.fork("nemesis");
  }

  start(): void {
    this.#running = true;
    this.#plan();
  }

  /** Ends every fault: links heal and lose nothing any more, machines run. */
  heal(): void {
    this.#running = false;
    this.#cluster.network.heal();
    this.#cluster.network.setFaults(NO_NETWORK_FAULTS);
    for (const host of this.#cluster.hosts) {
      host.clock?.resume();
      host.start();
    }
    this.#hurt.clear();
  }

  #plan(): void {
    if (!this.#running || this.#options.faults.length === 0) return;
    this.#cluster.scheduler.after(this.#random.next() * 2 * this.#options.interval, () => {
      if (!this.#running) return;
      const { faults } = this.#options;
      this.#strike(faults[Math.floor(this.#random.next() * faults.length)]!);
      this.#plan();
    });
  }

  #strike(fault: Fault): void {
    const { hosts, network } = this.#cluster;
    const names = hosts.map((host) => host.name);
    const host = hosts[Math.floor(this.#random.next() * hosts.length)]!;
    const lasts = this.#random.next() * 2 * this.#options.duration;
    const mayHurt = host.isUp && !this.#hurt.has(host) && this.#hurt.size < Math.ceil(hosts.length / 2) - 1;
    const note = (detail: string): void => {
      this.done.push(`${Math.round(this.#cluster.scheduler.now())} ms: ${fault} ${detail}`);
      this.#cluster.scheduler.trace(`${fault} ${detail}`);
    };
    const hurt = (end: () => void): void => {
      note(`${host.name} for ${Math.round(lasts)} ms`);
      this.#hurt.add(host);
      this.#cluster.scheduler.after(lasts, () => {
        this.#hurt.delete(host);
        end();
      });
    };
    const cut = (links: readonly DirectedLink[]): void => {
      note(`for ${Math.round(lasts)} ms`);
      network.partition(links);
      this.#cluster.scheduler.after(lasts, () => network.heal());
    };
    switch (fault) {
      case "crash":
      case "power-off":
        if (!mayHurt) return;
        host.crash(fault === "crash" ? "process" : "power");
        hurt(() => host.start());
        return;
      case "blackout":
        // All machines lose their power at once: what was acknowledged must be on disks, not in memories.
        if (this.#hurt.size > 0) return;
        note(`for ${Math.round(lasts)} ms`);
        for (const each of hosts) {
          each.crash("power");
          this.#hurt.add(each);
          this.#cluster.scheduler.after(lasts * (0.5 + this.#random.next() / 2), () => {
            this.#hurt.delete(each);
            each.start();
          });
        }
        return;
      case "pause":
        if (!mayHurt) return;
        host.clock?.pause();
        hurt(() => host.clock?.resume());
        return;
      case "wipe": {
        const now = this.#cluster.scheduler.now();
        const healthy = hosts.every((other) => other.node?.ready === true);
        if (!mayHurt || !healthy || this.#hurt.size > 0 || now - this.#lastWipe < WIPE_INTERVAL_MS) return;
        this.#lastWipe = now;
        host.wipe();
        hurt(() => host.start());
        return;
      }
      case "clock-jump": {
        const by = (this.#random.next() - 0.5) * 20_000;
        note(`${host.name} by ${Math.round(by)} ms`);
        host.clock?.jumpWall(by);
        return;
      }
      case "isolate":
        cut(partitions.isolate(names, host.name));
        return;
      case "halves": {
        const split = 1 + Math.floor(this.#random.next() * (names.length - 1));
        const shuffled = [...names].sort(() => this.#random.next() - 0.5);
        cut(partitions.halves(shuffled.slice(0, split), shuffled.slice(split)));
        return;
      }
      case "one-way":
        cut(partitions.oneWay([host.name], names));
        return;
      case "bridge":
        cut(partitions.bridge(names, host.name));
        return;
      case "ring":
        cut(partitions.ring(names));
        return;
      case "slow":
        note(`network for ${Math.round(lasts)} ms`);
        network.setFaults({ delayMin: 5, delayMax: 120 });
        this.#cluster.scheduler.after(lasts, () => {
          const { delayMin, delayMax } = NO_NETWORK_FAULTS;
          network.setFaults({ delayMin, delayMax });
        });
        return;
    }
  }
}

/** Between two wipes the first machine must have got its replicas back; a wipe of a second one would be a lost majority. */
const WIPE_INTERVAL_MS = 20_000;
