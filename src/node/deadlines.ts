/**
 * Settles requests whose time is up, without a timer for each: requests of one timeout are due in the order they came. While
 * there are none, nothing ticks.
 */
import type { Millis } from "../core/machine.ts";
import type { Clock } from "../core/world.ts";
import type { Request } from "./request.ts";

const SWEEP_INTERVAL_MS = 25;
const MOST_IDLE_QUEUES = 4;

/** In the order they came. A ring: they come and go all the time, and about as many as last time. */
class Queue {
  #ring: (Request | undefined)[] = Array.from({ length: 64 });
  #head = 0;
  #length = 0;

  get first(): Request | undefined {
    return this.#length === 0 ? undefined : this.#ring[this.#head];
  }

  push(request: Request): void {
    const { length } = this.#ring;
    if (this.#length === length) {
      const ordered = [...this.#ring.slice(this.#head), ...this.#ring.slice(0, this.#head)];
      this.#ring = [...ordered, ...Array.from<undefined>({ length })];
      this.#head = 0;
    }
    this.#ring[(this.#head + this.#length) % this.#ring.length] = request;
    this.#length++;
  }

  shift(): void {
    this.#ring[this.#head] = undefined;
    this.#head = (this.#head + 1) % this.#ring.length;
    this.#length--;
  }
}

export class Deadlines {
  readonly #clock: Clock;
  readonly #expire: (request: Request) => void;
  #state: "new" | "started" | "stopped" = "new";
  #ticking = false;
  readonly #queues = new Map<Millis, Queue>();

  constructor(clock: Clock, expire: (request: Request) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  start(): void {
    this.#state = "started";
    this.#tickSoon();
  }

  stop(): void {
    this.#state = "stopped";
  }

  /** Nothing waits any longer: the node closes. */
  expireAll(): void {
    for (const queue of this.#queues.values()) {
      for (let next = queue.first; next !== undefined; next = queue.first) {
        queue.shift();
        this.#expire(next);
      }
    }
    this.#queues.clear();
  }

  /** `timeout` is what the request's deadline was made of; there should be few different ones. */
  watch(request: Request, timeout: Millis): void {
    let queue = this.#queues.get(timeout);
    if (queue === undefined) {
      queue = new Queue();
      this.#queues.set(timeout, queue);
    }
    queue.push(request);
    this.#tickSoon();
  }

  #tickSoon(): void {
    if (this.#ticking || this.#state !== "started" || this.#isIdle()) return;
    this.#ticking = true;
    this.#clock.setTimer(SWEEP_INTERVAL_MS, () => {
      this.#ticking = false;
      if (this.#state !== "started") return;
      this.sweep();
      this.#tickSoon();
    });
  }

  #isIdle(): boolean {
    for (const { first } of this.#queues.values()) if (first !== undefined) return false;
    return true;
  }

  sweep(): void {
    const now = this.#clock.now();
    for (const [timeout, queue] of this.#queues) {
      for (let next = queue.first; next !== undefined; next = queue.first) {
        if (!next.settled) {
          if (next.deadline > now) break;
          this.#expire(next);
        }
        queue.shift();
      }
      // Those in use stay; with another timeout for each request there would be more and more of them.
      if (queue.first === undefined && this.#queues.size > MOST_IDLE_QUEUES) this.#queues.delete(timeout);
    }
  }
}
