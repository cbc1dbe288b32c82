/**
 * Settles requests whose time is up, without a timer for each: requests of one timeout are due in the order they came. While
 * there are none, nothing ticks.
 */
import type { Millis } from "../core/machine.ts";
import type { Clock } from "../core/world.ts";
import type { Request } from "./request.ts";

const SWEEP_INTERVAL_MS = 25;

interface Queue {
  requests: Request[];
  head: number;
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
    for (const { requests } of this.#queues.values()) {
      for (const request of requests) this.#expire(request);
    }
    this.#queues.clear();
  }

  /** `timeout` is what the request's deadline was made of; there should be few different ones. */
  watch(request: Request, timeout: Millis): void {
    const queue = this.#queues.get(timeout);
    if (queue === undefined) this.#queues.set(timeout, { requests: [request], head: 0 });
    else queue.requests.push(request);
    this.#tickSoon();
  }

  #tickSoon(): void {
    if (this.#ticking || this.#state !== "started" || this.#queues.size === 0) return;
    this.#ticking = true;
    this.#clock.setTimer(SWEEP_INTERVAL_MS, () => {
      this.#ticking = false;
      if (this.#state !== "started") return;
      this.sweep();
      this.#tickSoon();
    });
  }

  sweep(): void {
    const now = this.#clock.now();
    for (const [timeout, queue] of this.#queues) {
      const { requests } = queue;
      let head = queue.head;
      while (head < requests.length) {
        const request = requests[head]!;
        if (!request.settled) {
          if (request.deadline > now) break;
          this.#expire(request);
        }
        head++;
      }
      if (head >= requests.length) this.#queues.delete(timeout);
      else {
        queue.requests = requests.slice(head);
        queue.head = 0;
      }
    }
  }
}
