/** Faults of the network that begin and end: partitions that may overlap, slow and lossy times. */
import { unreachable } from "../../core/assert.ts";
import {
  type DirectedLink,
  NO_NETWORK_FAULTS,
  type NetworkFaults,
  partitions,
} from "../../transport/network-faults.ts";
import type { SimulatedCluster } from "../simulated-cluster.ts";
import type { SimulatedRandom } from "../simulated-random.ts";
import type { Strike } from "./schedule.ts";
import type { FaultName } from "./table.ts";

type NetworkFault = Extract<
  FaultName,
  "isolate" | "halves" | "one-way" | "bridge" | "ring" | "flapping" | "slow" | "lossy"
>;

export class NetworkFaultsInTime {
  readonly #cluster: SimulatedCluster;
  /** What the network does all the time. */
  readonly #usual: NetworkFaults;
  readonly #cuts = new Set<readonly DirectedLink[]>();
  #healed = false;

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
    this.#usual = cluster.network.faults;
  }

  /** Every link is whole from now on, and loses nothing. */
  heal(): void {
    this.#healed = true;
    this.#cuts.clear();
    this.#cluster.network.heal();
    this.#cluster.network.setFaults(NO_NETWORK_FAULTS);
  }

  /** Returns what is to be told about it. */
  strike(strike: Strike, host: string, random: SimulatedRandom): string {
    const names = this.#cluster.hosts.map(({ name }) => name);
    const { lasts, amount } = strike;
    const fault = strike.fault as NetworkFault;
    switch (fault) {
      case "isolate":
        this.#cut(partitions.isolate(names, host), lasts);
        return host;
      case "halves": {
        const shuffled = random.shuffle(names);
        const split = 1 + Math.floor(amount * (names.length - 1));
        const [one, other] = [shuffled.slice(0, split), shuffled.slice(split)];
        this.#cut(partitions.halves(one, other), lasts);
        return `${one.join(" ")} | ${other.join(" ")}`;
      }
      case "one-way":
        this.#cut(partitions.oneWay([host], names), lasts);
        return host;
      case "bridge":
        this.#cut(partitions.bridge(names, host), lasts);
        return host;
      case "ring":
        this.#cut(partitions.ring(names), lasts);
        return "";
      case "flapping":
        this.#flap(partitions.isolate(names, host), amount, this.#cluster.scheduler.now() + lasts);
        return host;
      case "slow":
        this.#change({ delayMin: amount / 4, delayMax: amount }, lasts);
        return "";
      case "lossy":
        this.#change(
          {
            dropProbability: amount,
            duplicateProbability: amount,
            reorderProbability: amount,
            resetProbability: amount / 50,
          },
          lasts,
        );
        return "";
      default:
        return unreachable(fault);
    }
  }

  #cut(links: readonly DirectedLink[], milliseconds: number): void {
    this.#cuts.add(links);
    this.#apply();
    this.#cluster.scheduler.after(milliseconds, () => {
      this.#cuts.delete(links);
      this.#apply();
    });
  }

  #apply(): void {
    this.#cluster.network.partition(new Set([...this.#cuts].flat()));
  }

  #flap(links: readonly DirectedLink[], period: number, until: number): void {
    if (this.#healed || this.#cluster.scheduler.now() >= until) return;
    this.#cut([...links], period / 2);
    this.#cluster.scheduler.after(period, () => this.#flap(links, period, until));
  }

  #change(faults: Partial<NetworkFaults>, milliseconds: number): void {
    const { network, scheduler } = this.#cluster;
    network.setFaults(faults);
    scheduler.after(milliseconds, () => {
      if (!this.#healed) network.setFaults(this.#usual);
    });
  }
}
