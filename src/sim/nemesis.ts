/** Carries out a schedule of faults on a simulated cluster, as far as the cluster can be expected to survive it. */
import { unreachable } from "../core/assert.ts";
import { describeStrike, type Strike } from "./faults/schedule.ts";
import { MembershipFaults } from "./faults/membership.ts";
import { NetworkFaultsInTime } from "./faults/network.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedHost } from "./simulated-host.ts";
import type { SimulatedRandom } from "./simulated-random.ts";

export interface StrikeReport {
  /** Its place in the schedule, from 1. */
  readonly number: number;
  /** Virtual milliseconds since the simulation began. */
  readonly time: number;
  readonly text: string;
}

/** Between two losses of a disk the first machine must have got its replicas back: two at once are a lost majority. */
const DISK_LOSS_INTERVAL_MS = 20_000;
/** A crash that waits for its moment comes at last after this time. */
const MOMENT_LIMIT_MS = 3000;
const RESTART_RETRY_MS = 300;

/**
 * At most a minority of the machines is hurt at a time, except in a blackout (partitions come on top), and what loses a
 * disk or a member strikes only while all machines are well: losing a majority's disks loses data in every system. A
 * strike that must not be carried out is passed over.
 */
export class Nemesis {
  readonly done: StrikeReport[] = [];
  readonly #cluster: SimulatedCluster;
  readonly #schedule: readonly (Strike & { readonly number: number })[];
  readonly #random: SimulatedRandom;
  readonly #network: NetworkFaultsInTime;
  readonly #membership: MembershipFaults;
  readonly #hurt = new Set<SimulatedHost>();
  /** Machines whose disks hold something wrong, perhaps: they are replaced if they notice. */
  readonly #damaged = new Set<SimulatedHost>();
  #lostDisks = 0;
  #lastDiskLoss = Number.NEGATIVE_INFINITY;
  #running = false;

  /** `keep`: the numbers of the strikes to carry out, from 1; all of them when it is not given. */
  constructor(cluster: SimulatedCluster, schedule: readonly Strike[], keep?: readonly number[]) {
    this.#cluster = cluster;
    this.#schedule = schedule
      .map((strike, index) => ({ ...strike, number: index + 1 }))
      .filter(({ number }) => keep === undefined || keep.includes(number));
    this.#random = cluster.random.fork("nemesis");
    this.#network = new NetworkFaultsInTime(cluster);
    this.#membership = new MembershipFaults(cluster);
  }

  start(): void {
    this.#running = true;
    for (const strike of this.#schedule) {
      this.#cluster.scheduler.after(strike.at, () => {
        if (this.#running) this.#strike(strike);
      });
    }
  }

  /** Ends every fault: links heal and lose nothing any more, disks work, machines run. */
  heal(): void {
    this.#running = false;
    this.#network.heal();
    for (const host of this.#cluster.hosts) {
      host.clock?.resume();
      host.healDisk();
      host.disarm();
      // What has met an error of its disk stays stopped until its owner starts it again.
      if (host.node?.status().storage.healthy === false) host.crash("process");
      this.#restart(host);
    }
    this.#hurt.clear();
  }

  /** Nodes that were told to leave have left. */
  get settled(): boolean {
    return this.#membership.settled;
  }

  #strike(strike: Strike & { readonly number: number }): void {
    const { fault, lasts, amount } = strike;
    const { hosts, scheduler } = this.#cluster;
    const host = hosts[Math.floor(strike.target * hosts.length)]!;
    const random = this.#random.fork(strike.number);
    const note = (where: string): void => {
      const text = `${describeStrike(strike)}${where === "" ? "" : `, ${where}`}`;
      this.done.push({ number: strike.number, time: scheduler.now(), text });
      scheduler.trace(text);
      this.#cluster.timeline.note({ time: scheduler.now(), host: null, text });
    };
    /** The machine is hurt for a while, then `end` helps it. */
    const hurt = (end: () => void = () => this.#restart(host)): void => {
      note(host.name);
      this.#hurtFor(host, lasts, end);
    };
    const mayHurt = host.isUp && !this.#hurt.has(host) && this.#hurt.size < Math.ceil(hosts.length / 2) - 1;

    switch (fault) {
      case "crash":
      case "power-off":
        if (!mayHurt) return;
        host.crash(fault === "crash" ? "process" : "power");
        hurt();
        return;
      case "crash-at-effect":
      case "crash-at-callback":
      case "crash-at-boundary": {
        if (!mayHurt) return;
        note(host.name);
        this.#hurt.add(host);
        const end = (): void => {
          note(`${host.name} dies`);
          this.#hurtFor(host, lasts, () => this.#restart(host));
        };
        host.crashAt(fault.slice("crash-at-".length) as "effect" | "callback" | "boundary", amount, end);
        scheduler.after(MOMENT_LIMIT_MS, () => {
          if (!host.disarm()) return;
          host.crash("power");
          end();
        });
        return;
      }
      case "blackout":
        if (this.#hurt.size > 0) return;
        note("");
        for (const each of hosts) {
          each.crash("power");
          this.#hurtFor(each, lasts * (0.5 + random.next() / 2), () => this.#restart(each));
        }
        return;
      case "pause":
        if (!mayHurt) return;
        host.clock?.pause();
        hurt(() => host.clock?.resume());
        return;
      case "wipe":
        if (!mayHurt || !this.#mayLoseDisk()) return;
        host.wipe();
        hurt();
        return;
      case "bit-flip":
        if (!mayHurt || !this.#mayLoseDisk()) return;
        this.#damaged.add(host);
        host.crash("power");
        note(`${host.name}, ${host.flipBit(amount, random) ?? "but its disk is empty"}`);
        this.#hurtFor(host, lasts, () => this.#restart(host));
        return;
      case "misdirect":
        if (!mayHurt || !this.#mayLoseDisk()) return;
        this.#damaged.add(host);
        host.disk.misdirectNextWrite();
        note(host.name);
        this.#hurtFor(host, amount, () => {
          host.crash("power");
          this.#hurtFor(host, lasts, () => this.#restart(host));
        });
        return;
      case "disk-full":
        if (!mayHurt) return;
        host.fillDisk(Math.floor(amount));
        hurt(() => host.healDisk());
        return;
      case "sync-error":
      case "write-error":
      case "store-error":
        if (!mayHurt) return;
        if (fault === "sync-error") host.disk.failNextSync();
        else if (fault === "write-error") host.disk.failNextWrite();
        else host.store.failNextWrite();
        hurt(() => {
          host.crash("process");
          this.#restart(host);
        });
        return;
      case "read-error":
        if (!mayHurt) return;
        host.disk.setFaults({ readErrorProbability: amount });
        host.crash("process");
        host.start();
        hurt(() => {
          host.healDisk();
          this.#restart(host);
        });
        return;
      case "stall":
        if (!mayHurt) return;
        host.disk.setFaults({ stall: { probability: 0.3, min: 0, max: amount } });
        hurt(() => host.healDisk());
        return;
      case "isolate":
      case "halves":
      case "one-way":
      case "bridge":
      case "ring":
      case "flapping":
      case "slow":
      case "lossy":
        note(this.#network.strike(strike, host.name, random));
        return;
      case "clock-jump":
        note(host.name);
        host.clock?.setWallOffset(amount);
        return;
      case "clock-drift":
        note(host.name);
        host.driftBy(amount);
        scheduler.after(lasts, () => host.driftBy(0));
        return;
      case "move-leaders":
        if (this.#membership.moveLeaders(host)) note(`to ${host.name}`);
        return;
      case "add-node": {
        const added = this.#isWell() ? this.#membership.add() : null;
        if (added !== null) note(added);
        return;
      }
      case "remove-node":
        if (!mayHurt || !this.#mayLoseDisk() || !this.#membership.remove(host)) return;
        note(host.name);
        return;
      case "keyspace-churn":
        if (this.#membership.churnKeyspace(host, `churn${strike.number}`, Math.floor(amount), lasts))
          note(`through ${host.name}`);
        return;
      default:
        unreachable(fault);
    }
  }

  #hurtFor(host: SimulatedHost, milliseconds: number, end: () => void): void {
    this.#hurt.add(host);
    this.#cluster.scheduler.after(milliseconds, () => {
      // After `heal` everybody is well already.
      if (!this.#running) return;
      this.#hurt.delete(host);
      end();
    });
  }

  /** Starts a machine, again if it fails; one that finds its disk damaged is replaced, as its owner would. */
  #restart(host: SimulatedHost): void {
    if (!this.#cluster.hosts.includes(host)) return;
    host.start();
    this.#cluster.scheduler.after(RESTART_RETRY_MS, () => {
      if (host.isUp || this.#hurt.has(host) || host.refusal === null) return;
      if (this.#damaged.delete(host)) {
        this.done.push({
          number: 0,
          time: this.#cluster.scheduler.now(),
          text: `${host.name} is replaced: ${host.refusal}`,
        });
        host.wipe();
      }
      this.#restart(host);
    });
  }

  /** How many machines have lost their disk, or what was on it. */
  get lostDisks(): number {
    return this.#lostDisks;
  }

  #isWell(): boolean {
    return (
      this.#hurt.size === 0 &&
      this.#membership.settled &&
      this.#cluster.hosts.every((host) => host.node?.ready === true)
    );
  }

  #mayLoseDisk(): boolean {
    const now = this.#cluster.scheduler.now();
    if (!this.#isWell() || now - this.#lastDiskLoss < DISK_LOSS_INTERVAL_MS) return false;
    this.#lastDiskLoss = now;
    this.#lostDisks++;
    return true;
  }
}
