/** Settles requests whose time is up, without a timer for each: requests of one timeout are due in the order they came. */
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
  #stopped = false;
  readonly #queues = new Map<Millis, Queue>();

  constructor(clock: Clock, expire: (request: Request) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  start(): void {
    const tick = (): void => {
      if (this.#stopped) return;
      this.sweep();
      this.#clock.setTimer(SWEEP_INTERVAL_MS, tick);
    };
    this.#clock.setTimer(SWEEP_INTERVAL_MS, tick);
  }

  stop(): void {
    this.#stopped = true;
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
