import type { Millis } from "../core/machine.ts";
import type { Clock, TimerHandle } from "../core/world.ts";
import { invariant } from "../core/assert.ts";
import type { Scheduler } from "./scheduler.ts";

export interface ClockOptions {
  /** What `now` shows when the process starts. Processes do not share a zero. Default 0. */
  readonly skew?: Millis;
  /** Milliseconds of this clock per millisecond of virtual time. Default 1; a crystal is within 1 ± 0.0001. */
  readonly rate?: number;
  /** What `wall` shows at virtual time 0. Default 2026-01-01. */
  readonly wallStart?: Millis;
}

const DEFAULT_WALL_START = Date.UTC(2026, 0, 1);

/**
 * The clock of one simulated process, and the gate through which everything reaches it: while the process is paused
 * (SIGSTOP, a long garbage collection) what comes due for it is held and delivered at `resume`, in order; once it is
 * killed nothing reaches it any more. Its time goes on meanwhile, as a machine's does.
 */
export class SimulatedClock implements Clock {
  readonly #scheduler: Scheduler;
  #rate: number;
  /** `now` is #localBase at virtual time #virtualBase and goes on from there at #rate. */
  #localBase: Millis;
  #virtualBase: Millis;
  #wallOffset: Millis;
  readonly #wallStart: Millis;
  #state: "running" | "paused" | "killed" = "running";
  /** Is called before everything that the process is told, and may kill it. */
  onDelivery: (() => void) | null = null;
  #held: (() => void)[] = [];
  #heldAt = 0;
  #draining = false;

  constructor(scheduler: Scheduler, options: ClockOptions = {}) {
    this.#scheduler = scheduler;
    this.#rate = options.rate ?? 1;
    invariant(this.#rate > 0, "a clock goes forward");
    this.#localBase = options.skew ?? 0;
    this.#virtualBase = scheduler.now();
    this.#wallStart = options.wallStart ?? DEFAULT_WALL_START;
    this.#wallOffset = this.#wallStart + scheduler.now() - this.now();
  }

  now(): Millis {
    return this.#localBase + (this.#scheduler.now() - this.#virtualBase) * this.#rate;
  }

  wall(): Millis {
    return this.now() + this.#wallOffset;
  }

  setTimer(delay: Millis, fire: () => void): TimerHandle {
    if (this.#state === "killed") return DEAD_TIMER;
    return new SimulatedTimer(this, this.#scheduler, Math.max(0, delay) / this.#rate, fire);
  }

  /** Runs within the same virtual instant, after what is queued for that instant by now. */
  defer(task: () => void): void {
    if (this.#state === "killed") return;
    this.#scheduler.after(0, () => this.deliver(task));
  }

  /** Runs `task` as this process: now when it is running, at `resume` when it is paused, never when it was killed. */
  deliver(task: () => void): void {
    if (this.#state === "killed") return;
    // What is held comes first: nothing that is delivered later may overtake it.
    if (this.#state === "paused" || this.#held.length > 0) this.#held.push(task);
    else this.#run(task);
  }

  #run(task: () => void): void {
    this.onDelivery?.();
    if (this.#state !== "killed") task();
  }

  get paused(): boolean {
    return this.#state === "paused";
  }

  get killed(): boolean {
    return this.#state === "killed";
  }

  pause(): void {
    if (this.#state === "running") this.#state = "paused";
  }

  /** Everything held comes at this instant, in the order in which it came due. */
  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    this.#drain();
  }

  /** kill -9: no timer fires and no deferred task runs from now on, for ever. A restarted process has a clock of its own. */
  kill(): void {
    this.#state = "killed";
    this.#held = [];
    this.#heldAt = 0;
  }

  /** The clock goes faster or slower from now on; timers that are set keep the moment they were set for. */
  setRate(rate: number): void {
    invariant(rate > 0, "a clock goes forward");
    this.#localBase = this.now();
    this.#virtualBase = this.#scheduler.now();
    this.#rate = rate;
  }

  /** The wall clock jumps, backwards when negative, as when an operator or NTP sets it. `now` does not notice. */
  jumpWall(by: Millis): void {
    this.#wallOffset += by;
  }

  /** The wall clock goes wrong by so much from now on, compared with what it should show. */
  setWallOffset(by: Millis): void {
    this.#wallOffset = this.#wallStart + this.#scheduler.now() - this.now() + by;
  }

  /** One event of the scheduler for each held task, so that each is counted and can be stopped at. */
  #drain(): void {
    if (this.#draining || this.#held.length === 0) return;
    this.#draining = true;
    this.#scheduler.after(0, () => {
      this.#draining = false;
      if (this.#state !== "running") return;
      const task = this.#held[this.#heldAt++]!;
      if (this.#heldAt === this.#held.length) {
        this.#held = [];
        this.#heldAt = 0;
      }
      this.#run(task);
      this.#drain();
    });
  }
}

const DEAD_TIMER: TimerHandle = { cancel: () => undefined };

class SimulatedTimer implements TimerHandle {
  #cancelled = false;
  readonly #event: TimerHandle;

  constructor(clock: SimulatedClock, scheduler: Scheduler, delay: Millis, fire: () => void) {
    this.#event = scheduler.after(delay, () => {
      // A timer that came due in a pause can still be cancelled by what is delivered before it.
      clock.deliver(() => {
        if (!this.#cancelled) fire();
      });
    });
  }

  cancel(): void {
    this.#cancelled = true;
    this.#event.cancel();
  }
}
