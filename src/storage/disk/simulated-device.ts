/** What a simulated disk and its open files share: time, chance, faults, and who is still alive to be answered. */
import { DiskError } from "../../core/world.ts";
import type { Clock, Random } from "../../core/world.ts";
import type { DiskFaults, LatencyRange } from "./disk-faults.ts";

/** `power`: the cache is lost. `process`: kill -9; the operating system lives on and keeps its cache. */
export type CrashKind = "power" | "process";

/**
 * The moments at which a crash makes a difference. `begun`: the operation is in the hands of the disk, and a crash may
 * leave any part of it. `ended`: it is done, and nobody has been told.
 */
export type Boundary =
  `${"write" | "sync" | "truncate" | "create" | "replace" | "remove"}-${"begun" | "ended"}`;

export type BoundaryHook = (n: number, kind: Boundary) => void;

/** An operation in the hands of the disk. Should the node crash, `leave` leaves behind what the disk made of it. */
export interface Underway {
  leave(kind: CrashKind): void;
}

/** The faults that can be planned for the next operation of their kind. */
export type PlannedFault = "write" | "sync" | "misdirect";

export class SimulatedDevice {
  faults: DiskFaults;
  onBoundary: BoundaryHook | undefined;
  readonly random: Random;
  readonly #clock: Clock;
  readonly #used: () => number;
  readonly #underway = new Set<Underway>();
  readonly #planned: { readonly kind: PlannedFault; readonly path: string | null }[] = [];
  #incarnation = 1;
  #boundaries = 0;

  /** `used`: the bytes that all files take at this moment. */
  constructor(clock: Clock, random: Random, faults: DiskFaults, used: () => number) {
    this.#clock = clock;
    this.random = random;
    this.faults = faults;
    this.#used = used;
  }

  /** Numbers the lives of the node: what was opened or asked for in an earlier one is dead. */
  get incarnation(): number {
    return this.#incarnation;
  }

  /** Ends a life of the node. */
  crash(kind: CrashKind): void {
    this.#incarnation++;
    for (const operation of this.#underway) operation.leave(kind);
    this.#underway.clear();
  }

  /** Runs `fire` after a time drawn from all of `latencies`, unless the node has crashed by then. */
  after(latencies: readonly LatencyRange[], fire: () => void): void {
    const incarnation = this.#incarnation;
    const { stall } = this.faults;
    let delay = 0;
    for (const latency of latencies) delay += this.#draw(latency);
    if (stall.probability > 0 && this.random.next() < stall.probability) delay += this.#draw(stall);
    this.#clock.setTimer(delay, () => {
      if (incarnation === this.#incarnation) fire();
    });
  }

  began(operation: Underway): void {
    this.#underway.add(operation);
  }

  ended(operation: Underway): void {
    this.#underway.delete(operation);
  }

  /** Reports a boundary. True: the node was crashed at it. */
  crashesAt(kind: Boundary): boolean {
    const incarnation = this.#incarnation;
    this.#boundaries++;
    this.onBoundary?.(this.#boundaries, kind);
    return incarnation !== this.#incarnation;
  }

  plan(kind: PlannedFault, path: string | null): void {
    this.#planned.push({ kind, path });
  }

  forgetPlans(): void {
    this.#planned.length = 0;
  }

  /** Null: that many bytes more fit. */
  noRoomFor(bytes: number, path: string): DiskError | null {
    if (this.#used() + bytes <= this.faults.capacity) return null;
    return new DiskError("full", path, "ENOSPC: no space left on device (simulated)");
  }

  syncFault(path: string): DiskError | null {
    if (!this.#strikes("sync", path, this.faults.syncErrorProbability)) return null;
    return new DiskError("sync", path, "sync failed: EIO (simulated)");
  }

  writeFault(path: string): DiskError | null {
    if (!this.#strikes("write", path, this.faults.writeErrorProbability)) return null;
    return new DiskError("io", path, "EIO: write failed (simulated)");
  }

  readFault(path: string): DiskError | null {
    if (!this.#chance(this.faults.readErrorProbability)) return null;
    return new DiskError("io", path, "EIO: read failed (simulated)");
  }

  misdirects(path: string): boolean {
    return this.#strikes("misdirect", path, this.faults.misdirectProbability);
  }

  #strikes(kind: PlannedFault, path: string, probability: number): boolean {
    const planned = this.#planned.findIndex((one) => one.kind === kind && (one.path ?? path) === path);
    if (planned >= 0) this.#planned.splice(planned, 1);
    return planned >= 0 || this.#chance(probability);
  }

  #chance(probability: number): boolean {
    return probability > 0 && this.random.next() < probability;
  }

  #draw({ min, max }: LatencyRange): number {
    return min === max ? min : min + this.random.next() * (max - min);
  }
}
