/** Small worlds for tests of storage: the real disk in a temporary folder, and the simulated one under a virtual clock. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DiskError } from "../../core/world.ts";
import type { Clock, Disk, Done, Random, Store, TimerHandle } from "../../core/world.ts";
import type { DiskFaults } from "./disk-faults.ts";
import { NodeDisk } from "./node-disk.ts";
import { SimulatedDisk } from "./simulated-disk.ts";

export interface TestWorld<D extends Disk = Disk> {
  readonly disk: D;
  readonly clock: Clock;
  /** Runs one operation to its end; rejects with its error. */
  call<T>(operation: (done: Done<T>) => void): Promise<T>;
  dispose(): void;
}

/** A clock whose time passes only when `run` is called. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #timers: { readonly at: number; readonly order: number; readonly fire: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return this.#now;
  }

  setTimer(delay: number, fire: () => void): TimerHandle {
    const timer = { at: this.#now + delay, order: this.#order++, fire };
    const index = this.#timers.findLastIndex((other) => other.at <= timer.at);
    this.#timers.splice(index + 1, 0, timer);
    return {
      cancel: () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      },
    };
  }

  defer(task: () => void): void {
    this.setTimer(0, task);
  }

  /** Lets time pass until `until` holds, nothing is left to do, or `limit` milliseconds have passed. */
  run(until: () => boolean = () => false, limit = Number.POSITIVE_INFINITY): void {
    const end = this.#now + limit;
    while (!until()) {
      const timer = this.#timers[0];
      if (timer === undefined || timer.at > end) return;
      this.#timers.shift();
      this.#now = timer.at;
      timer.fire();
    }
  }
}

/** mulberry32 */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.next() * 256));
  }
}

const noStore = (path: string, done: Done<Store>): void => {
  done(new DiskError("io", path, "this world has no store"));
};

const realClock: Clock = {
  now: () => performance.now(),
  wall: () => Date.now(),
  setTimer: (delay, fire) => {
    const timer = setTimeout(fire, delay);
    return { cancel: () => clearTimeout(timer) };
  },
  defer: (task) => {
    setImmediate(task);
  },
};

function settle<T>(operation: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let returned = false;
    operation((error, value) => {
      if (!returned) reject(new Error("called back before the method returned"));
      else if (error === null) resolve(value as T);
      else reject(error);
    });
    returned = true;
  });
}

export interface NodeWorld extends TestWorld {
  readonly root: string;
}

export function nodeWorld(): NodeWorld {
  const root = mkdtempSync(join(tmpdir(), "kvorum-disk-"));
  return {
    root,
    disk: new NodeDisk(root, { openStore: noStore }),
    clock: realClock,
    call: settle,
    dispose: () => rmSync(root, { recursive: true, force: true }),
  };
}

export interface SimulatedWorld extends TestWorld<SimulatedDisk> {
  readonly clock: VirtualClock;
}

export function simulatedWorld(seed = 1, faults: Partial<DiskFaults> = {}): SimulatedWorld {
  const clock = new VirtualClock();
  const random = new SeededRandom(seed);
  return {
    disk: new SimulatedDisk({ clock, random, openStore: noStore, faults }),
    clock,
    call: (operation) => {
      let settled = false;
      const outcome = settle<never>((done) => {
        operation((error, value) => {
          settled = true;
          done(error, value as never);
        });
      });
      clock.run(() => settled);
      if (!settled) throw new Error("the operation was never answered");
      return outcome;
    },
    dispose: () => undefined,
  };
}
