/** One machine of the simulated world: a disk that outlives processes, and at most one process with a node in it. */
import type { Address, Logger, World } from "../core/world.ts";
import type { NodeAddresses } from "../node/catalog/state.ts";
import type { InitialMember } from "../node/formation.ts";
import { loadIdentity } from "../node/identity.ts";
import { Node } from "../node/node.ts";
import {
  DEFAULT_MEMBERSHIP,
  DEFAULT_NODE_LIMITS,
  DEFAULT_PLACEMENT,
  DEFAULT_TIMINGS,
  type MembershipOptions,
  type NodeLimits,
  type NodeOptions,
  type PlacementOptions,
  type RaftTimings,
  type ReplicaEvent,
} from "../node/options.ts";
import { NO_DISK_FAULTS, type DiskFaults } from "../storage/disk/disk-faults.ts";
import { SimulatedDisk } from "../storage/disk/simulated-disk.ts";
import { SimulatedStoreDisk } from "../storage/state/simulated-store.ts";
import type { SimulatedNetwork } from "../transport/simulated-network.ts";
import { countNetwork } from "./counted-network.ts";
import { gateDisk } from "./gated-disk.ts";
import type { Scheduler } from "./scheduler.ts";
import { SimulatedClock } from "./simulated-clock.ts";
import type { SimulatedRandom } from "./simulated-random.ts";

export interface HostOptions {
  readonly name: string;
  readonly initial: readonly InitialMember[];
  readonly join: readonly Address[];
  readonly disk: Partial<DiskFaults>;
  readonly limits: Partial<NodeLimits>;
  readonly raft: Partial<RaftTimings>;
  readonly membership: Partial<MembershipOptions>;
  readonly placement: Partial<PlacementOptions>;
  readonly defaultShards: number | null;
  /** Milliseconds that a request may take. */
  readonly requestTimeout: number;
  readonly observe: (event: ReplicaEvent) => void;
}

/** Small enough that segments change, logs are compacted and snapshots are cut within a short run. */
export const SMALL_LIMITS: Partial<NodeLimits> = {
  logSegmentBytes: 64 * 1024,
  logRetainBytes: 512 * 1024,
  compactAtBytes: 16 * 1024,
  compactForcedAtBytes: 48 * 1024,
  snapshotChunkBytes: 2 * 1024,
};

const USUAL_DISK: Partial<DiskFaults> = {
  syncLatency: { min: 0.05, max: 2 },
  writeLatency: { min: 0.01, max: 0.2 },
};

const PEER_PORT = 7412;

export const peerAddress = (host: string): Address => ({ host, port: PEER_PORT });

/** The moments at which a process can be made to die: each is counted from now on. */
export const CRASH_MOMENTS = ["effect", "callback", "boundary"] as const;

export type CrashMoment = (typeof CRASH_MOMENTS)[number];

interface ArmedCrash {
  readonly moment: CrashMoment;
  left: number;
  readonly done: () => void;
}

export class SimulatedHost {
  readonly name: string;
  readonly #scheduler: Scheduler;
  readonly #random: SimulatedRandom;
  readonly #network: SimulatedNetwork;
  readonly #options: HostOptions;
  readonly #log: Logger;
  #disk: SimulatedDisk;
  #store: SimulatedStoreDisk;
  #clock: SimulatedClock | null = null;
  #node: Node | null = null;
  #starts = 0;
  /** Milliseconds of this process's clock per millisecond, before any drift that a fault adds. */
  #rate = 1;
  #armed: ArmedCrash | null = null;
  /** How late its event loop is said to run, in milliseconds: turns take no time here. */
  loopLag = 0;
  /** Why the last start came to nothing. */
  refusal: string | null = null;

  constructor(
    scheduler: Scheduler,
    random: SimulatedRandom,
    network: SimulatedNetwork,
    log: Logger,
    options: HostOptions,
  ) {
    this.name = options.name;
    this.#scheduler = scheduler;
    this.#random = random;
    this.#network = network;
    this.#log = log;
    this.#options = options;
    this.#store = this.#makeStore();
    this.#disk = this.#makeDisk();
  }

  /** The node, while its process runs (or is paused). */
  get node(): Node | null {
    return this.#node;
  }

  get clock(): SimulatedClock | null {
    return this.#clock;
  }

  get disk(): SimulatedDisk {
    return this.#disk;
  }

  get store(): SimulatedStoreDisk {
    return this.#store;
  }

  get isUp(): boolean {
    return this.#clock !== null;
  }

  start(): void {
    if (this.#clock !== null) return;
    this.#starts++;
    this.refusal = null;
    this.#rate = 1 + (this.#random.next() - 0.5) * 2e-3;
    const skew = this.#random.next() * 1e6;
    const clock = new SimulatedClock(this.#scheduler, { skew, rate: this.#rate });
    clock.onDelivery = () => this.#count("callback");
    const effect = (): boolean => {
      if (this.#clock === clock) this.#count("effect");
      return !clock.killed;
    };
    const random = this.#random.fork(`start ${this.#starts}`);
    const world: World = {
      clock,
      random,
      log: this.#log,
      disk: gateDisk(this.#disk, clock, effect),
      network: countNetwork(this.#network.forHost(this.name, clock), effect),
    };
    this.#clock = clock;
    const refuse = (error: Error): void => {
      this.refusal = error.message;
      this.#log.error({ node: this.name, problem: error.message }, "the node refuses to start");
      if (this.#clock === clock) this.crash();
    };
    loadIdentity(world.disk, this.name, random, (error, identity) => {
      if (error !== null || identity === undefined) {
        refuse(error ?? new Error("no identity"));
        return;
      }
      Node.start(world, this.#nodeOptions(), identity, refuse, (startError, node) => {
        if (startError !== null || node === undefined) refuse(startError ?? new Error("no node"));
        else this.#node = node;
      });
    });
  }

  /** kill -9, and with `power` the machine's plug: what was not synced may be lost. */
  crash(kind: "process" | "power" = "power"): void {
    this.#clock?.kill();
    this.#network.crashHost(this.name);
    this.#disk.crash(kind);
    this.#store.crash();
    this.#clock = null;
    this.#node = null;
  }

  /** The machine comes back with an empty disk. */
  wipe(): void {
    if (this.isUp) this.crash();
    this.#store = this.#makeStore();
    this.#disk = this.#makeDisk();
  }

  // Faults -------------------------------------------------------------------------------------------------------

  /** The machine loses its power at the n-th such moment from now on, and `done` is called. */
  crashAt(moment: CrashMoment, n: number, done: () => void): void {
    this.disarm();
    this.#armed = { moment, left: Math.max(1, Math.floor(n)), done };
    if (moment === "boundary") this.#disk.setBoundaryHook(() => this.#count("boundary"));
  }

  /** True: the crash had not come yet, and will not come any more. */
  disarm(): boolean {
    const wasArmed = this.#armed !== null;
    this.#armed = null;
    this.#disk.setBoundaryHook(undefined);
    return wasArmed;
  }

  #count(moment: CrashMoment): void {
    const armed = this.#armed;
    if (armed === null || armed.moment !== moment || --armed.left > 0) return;
    this.disarm();
    this.crash();
    armed.done();
  }

  /** From now on the disk has room for so many bytes more, and the state store for none. */
  fillDisk(bytesLeft: number): void {
    this.#disk.setCapacity(this.#disk.used() + bytesLeft);
    this.#store.setFull(true);
  }

  /** The disk is as it was at the beginning; what was lost or damaged stays so. */
  healDisk(): void {
    this.#disk.setFaults({ ...NO_DISK_FAULTS, ...USUAL_DISK, ...this.#options.disk });
    this.#disk.forgetPlans();
    this.#store.setFull(false);
    this.#store.failNextWrite(false);
  }

  /** Flips one bit of what is on the disk; `where` in [0, 1). Returns where that was, or null when nothing is there. */
  flipBit(where: number, random: SimulatedRandom): string | null {
    let offset = Math.floor(where * this.#disk.used());
    for (const path of this.#disk.paths()) {
      const size = this.#disk.peek(path).length;
      if (offset < size) {
        this.#disk.flipBit(path, offset, random.integer(0, 7));
        return `byte ${offset} of ${path}`;
      }
      offset -= size;
    }
    return null;
  }

  /** The clock of the process that runs now goes wrong by this fraction. */
  driftBy(fraction: number): void {
    this.#clock?.setRate(this.#rate * (1 + fraction));
  }

  #nodeOptions(): NodeOptions {
    const addresses: NodeAddresses = {
      peer: peerAddress(this.name),
      resp: `${this.name}:7410`,
      http: `${this.name}:7411`,
    };
    return {
      name: this.name,
      version: "simulated",
      listen: peerAddress(this.name),
      addresses,
      initial: this.#options.initial,
      join: this.#options.join,
      requestTimeout: this.#options.requestTimeout,
      raft: { ...DEFAULT_TIMINGS, ...this.#options.raft },
      membership: { ...DEFAULT_MEMBERSHIP, ...this.#options.membership },
      placement: { ...DEFAULT_PLACEMENT, ...this.#options.placement },
      ...(this.#options.defaultShards === null ? {} : { defaultShards: this.#options.defaultShards }),
      loopLag: () => this.loopLag,
      observe: this.#options.observe,
      limits: { ...DEFAULT_NODE_LIMITS, ...SMALL_LIMITS, ...this.#options.limits },
    };
  }

  /** Disks answer by the world's own time; what a stopped process hears of it is the gate's affair. */
  #machineClock(): SimulatedClock {
    return new SimulatedClock(this.#scheduler);
  }

  #makeStore(): SimulatedStoreDisk {
    return new SimulatedStoreDisk({ clock: this.#machineClock(), random: this.#random.fork("store") });
  }

  #makeDisk(): SimulatedDisk {
    const disk = new SimulatedDisk({
      clock: this.#machineClock(),
      random: this.#random.fork("disk"),
      openStore: (_folder, done) => this.#store.open(done),
      faults: {
        ...USUAL_DISK,
        ...this.#options.disk,
      },
    });
    return disk;
  }
}
