import type { Millis } from "../core/machine.ts";
import type { Clock, TimerHandle } from "../core/world.ts";

/**
 * One timer for what all groups of a node say now and then: it is sent in one turn, hence in one write per peer, and the
 * peer deals with all of it in one turn too. Without it n groups wake every node n times as often.
 *
 * A beat is never late: it joins the one that is due next, which is at most `delay` away. So it may come early, which costs
 * a message and breaks no promise: leaders beat at other times as well, to confirm reads.
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

/** For the timers of machines that may come early; by their names. */
export function sharedPulses(clock: Clock): ReadonlyMap<string, Pulse> {
  return new Map(["heartbeat", "commit"].map((timer) => [timer, new Pulse(clock)]));
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
