import type { Millis } from "../core/machine.ts";
import type { Clock, TimerHandle } from "../core/world.ts";

/**
 * One timer for the heartbeats of all groups of a node: they are sent in one turn, hence in one write per peer, and the
 * peer answers all of them in one turn too. Without it n groups wake every node n times as often when nothing happens.
 *
 * A beat is never late: it joins the one that is due next, which is at most `delay` away. So the first beat of a new leader
 * may come early, which costs a message and breaks no promise: leaders beat at other times as well, to confirm reads.
 */
export class Pulse {
  readonly #clock: Clock;
  #due: Beat[] = [];
  #running = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** `delay` should be the same for all groups. */
  join(delay: Millis, run: () => void): TimerHandle {
    const beat = new Beat(run);
    this.#due.push(beat);
    if (!this.#running) {
      this.#running = true;
      this.#clock.setTimer(delay, () => this.#fire());
    }
    return beat;
  }

  /** Whoever beats joins again, for the next time. */
  #fire(): void {
    this.#running = false;
    const due = this.#due;
    this.#due = [];
    for (const beat of due) beat.run();
  }
}

class Beat implements TimerHandle {
  #run: (() => void) | null;

  constructor(run: () => void) {
    this.#run = run;
  }

  run(): void {
    this.#run?.();
  }

  cancel(): void {
    this.#run = null;
  }
}
