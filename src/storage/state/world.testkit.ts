/** The world of the state store's tests: virtual time, seeded chance, and the real clock for the level store. */
import type { Clock, Done, Random, TimerHandle } from "../../core/world.ts";
import { binaryBytes, binaryString } from "../../core/bytes.ts";

interface Task {
  readonly at: number;
  readonly order: number;
  readonly run: () => void;
  cancelled: boolean;
}

/** Time goes on only when told to. Timers of one moment fire in the order in which they were set. */
export class VirtualClock implements Clock {
  #now = 0;
  #order = 0;
  #tasks: Task[] = [];

  now(): number {
    return this.#now;
  }

  wall(): number {
    return 1_700_000_000_000 + this.#now;
  }

  setTimer(delay: number, fire: () => void): TimerHandle {
    const task: Task = { at: this.#now + delay, order: this.#order++, run: fire, cancelled: false };
    this.#tasks.push(task);
    return {
      cancel: () => {
        task.cancelled = true;
      },
    };
  }

  defer(task: () => void): void {
    this.setTimer(0, task);
  }

  /** The process dies: nothing it has set will fire. */
  forgetAll(): void {
    this.#tasks = [];
  }

  /** Runs the next task; false when there is none. */
  step(): boolean {
    this.#tasks = this.#tasks.filter((task) => !task.cancelled);
    const next = this.#tasks.reduce<Task | null>((best, task) => {
      return best === null || task.at < best.at || (task.at === best.at && task.order < best.order)
        ? task
        : best;
    }, null);
    if (next === null) return false;
    this.#tasks.splice(this.#tasks.indexOf(next), 1);
    this.#now = Math.max(this.#now, next.at);
    next.run();
    return true;
  }

  /** Runs everything that is due within `duration`. */
  run(duration: number): void {
    const end = this.#now + duration;
    for (;;) {
      const due = this.#tasks.some((task) => !task.cancelled && task.at <= end);
      if (!due || !this.step()) break;
    }
    this.#now = end;
  }

  /** Runs until `done` holds; throws when nothing is left to run before it does. */
  runUntil(done: () => boolean): void {
    while (!done()) if (!this.step()) throw new Error("nothing is left to happen");
  }
}

/** mulberry32. */
export class SeededRandom implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000;
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => Math.floor(this.next() * 256));
  }
}

export const realClock: Clock = {
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

/** The result of one callback-style call as a promise. Fails when it calls back before it has returned, or twice. */
export function call<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    let returned = false;
    let answered = false;
    start((error, value) => {
      if (!returned) reject(new Error("called back before it returned"));
      else if (answered) throw new Error("called back twice");
      answered = true;
      if (error !== null) reject(error);
      else resolve(value as T);
    });
    returned = true;
  });
}

export const bytes = (text: string): Uint8Array => binaryBytes(text);
export const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : binaryString(value);
