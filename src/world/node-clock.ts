import type { Millis } from "../core/machine.ts";
import type { Clock, TimerHandle } from "../core/world.ts";

/** `setTimeout` fires at once when it is given more than this; longer delays are waited for in pieces. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;

class LongTimer implements TimerHandle {
  #timeout: NodeJS.Timeout;

  constructor(delay: Millis, fire: () => void) {
    this.#timeout = this.#arm(delay, fire);
  }

  cancel(): void {
    clearTimeout(this.#timeout);
  }

  #arm(delay: Millis, fire: () => void): NodeJS.Timeout {
    if (delay <= LONGEST_TIMEOUT) return setTimeout(fire, Math.ceil(delay));
    return setTimeout(() => {
      this.#timeout = this.#arm(delay - LONGEST_TIMEOUT, fire);
    }, LONGEST_TIMEOUT);
  }
}

/**
 * The machine's clock. `now` is CLOCK_MONOTONIC, which goes on while the process is stopped (SIGSTOP) but not while the
 * machine is suspended.
 *
 * Timers keep the process alive until they have fired or are cancelled: a node that waits for a lock before it listens
 * must not end because nothing else is left to do, and a timer that `close` forgot shows itself as a process that does
 * not end. A timer may fire up to one millisecond early, as libuv's do: who needs certainty re-reads `now`.
 */
export class NodeClock implements Clock {
  #deferred: (() => void)[] = [];
  #scheduled = false;

  now(): Millis {
    return performance.now();
  }

  wall(): Millis {
    return Date.now();
  }

  setTimer(delay: Millis, fire: () => void): TimerHandle {
    return new LongTimer(Math.max(0, delay), fire);
  }

  /** One `setImmediate`, which runs after the poll phase, for all tasks of a turn. A task's own tasks run in the next turn. */
  defer(task: () => void): void {
    this.#deferred.push(task);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#run);
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    const tasks = this.#deferred;
    this.#deferred = [];
    let done = 0;
    try {
      while (done < tasks.length) tasks[done++]!();
    } finally {
      // Only when a task threw is anything left over: the others still get their turn.
      if (done < tasks.length) {
        this.#deferred = [...tasks.slice(done), ...this.#deferred];
        this.#schedule();
      }
    }
  };
}
