/**
 * Sends requests and watches what becomes of them. A pure state machine around the clock and the lanes that it is given.
 *
 * **Closed loop**: each slot sends the next request when the last one is answered. While the cluster stalls, nothing is sent, so
 * the stall is seen by as many requests as there are slots, and hardly shows in percentiles.
 *
 * **Open loop**: requests are due when `Arrivals` says so. One that finds no free slot waits, and latency counts from when it was
 * due: what Gil Tene calls avoiding coordinated omission ("How not to measure latency"; wrk2 does the same).
 */
import type { Millis } from "../core/machine.ts";
import type { TimerHandle } from "../core/world.ts";
import type { Arrivals } from "./arrivals.ts";
import type { OperationKind, Plan, PlannedOperation } from "./plan.ts";

export interface OperationFailure {
  /** As in `core/errors.ts`, or a Redis server's own prefix. */
  readonly code: string;
  /** It surely had no effect. */
  readonly definite: boolean;
  readonly detail: string;
}

/** A way to the cluster. Calls back once, never before `send` has returned; null: done. */
export interface Lane {
  send(operation: PlannedOperation, done: (failure: OperationFailure | null) => void): void;
}

export interface LoadClock {
  /** Monotonic milliseconds with fractions. */
  now(): Millis;
  setTimer(delay: Millis, fire: () => void): TimerHandle;
  /** Rings once at that time, as exactly as can be. Each call replaces the one before. */
  alarm(at: Millis, ring: () => void): void;
}

export interface Observer {
  /** The warm-up is over. */
  measuring(): void;
  /** `intended`: when it was due; in a closed loop the same as `sent`. */
  answered(
    kind: OperationKind,
    intended: Millis,
    sent: Millis,
    answered: Millis,
    failure: OperationFailure | null,
  ): void;
  /** A request left so much after it was due although a slot was free: the generator's own fault. Only in an open loop. */
  late(delay: Millis): void;
}

export interface Load {
  readonly lanes: readonly Lane[];
  /** Requests that may be under way, spread evenly over the lanes. */
  readonly slots: number;
  readonly plan: Plan;
  /** Null: a closed loop. */
  readonly arrivals: Arrivals | null;
  readonly start: Millis;
  readonly warmup: Millis;
  /** After the warm-up. Null: no limit. */
  readonly duration: Millis | null;
  /** After the warm-up. Null: no limit. */
  readonly requests: number | null;
  /** How long the last answers are waited for. */
  readonly patience: Millis;
}

export interface LoadEnd {
  /** When the measured part began, when no more was sent, and when the last answer was there. */
  readonly measuredFrom: Millis;
  readonly stopped: Millis;
  readonly finished: Millis;
  /** Requests that were due by then and had not been sent, and for how long the first of them had been due. */
  readonly backlog: number;
  readonly backlogAge: Millis;
  /** Sent, and not answered within the patience. */
  readonly unanswered: number;
  readonly interrupted: boolean;
}

interface Slot {
  readonly lane: Lane;
  freeSince: Millis;
}

/** Counting further would take longer than anybody wants to wait for the number. */
const MOST_BACKLOG = 10_000_000;

export class LoadGenerator {
  readonly #load: Load;
  readonly #clock: LoadClock;
  readonly #observer: Observer;
  readonly #free: Slot[] = [];
  readonly #measuredFrom: Millis;
  readonly #end: Millis;
  readonly #timers: TimerHandle[] = [];
  #left: number;
  #inFlight = 0;
  #stopped: Omit<LoadEnd, "finished" | "unanswered"> | null = null;
  #finish: ((end: LoadEnd) => void) | null = null;

  constructor(load: Load, clock: LoadClock, observer: Observer) {
    this.#load = load;
    this.#clock = clock;
    this.#observer = observer;
    this.#measuredFrom = load.start + load.warmup;
    this.#end = load.duration === null ? Infinity : this.#measuredFrom + load.duration;
    this.#left = load.requests ?? Infinity;
  }

  /** Calls back once, when everything that was sent is answered or given up. */
  run(finish: (end: LoadEnd) => void): void {
    const { lanes, slots, duration, arrivals } = this.#load;
    const now = this.#clock.now();
    this.#finish = finish;
    this.#timer(this.#measuredFrom - now, () => this.#observer.measuring());
    if (duration !== null) this.#timer(this.#end - now, () => this.#stop(false));
    for (let i = 0; i < slots; i++) {
      const slot: Slot = { lane: lanes[i % lanes.length]!, freeSince: now };
      if (arrivals === null) this.#sendNow(slot);
      else this.#free.push(slot);
    }
    if (arrivals !== null) this.#sendDue(arrivals);
  }

  /** Sends no more; the answers that are still to come count. A second call waits for nothing. */
  interrupt(): void {
    if (this.#stopped === null) this.#stop(true);
    else this.#over();
  }

  #timer(delay: Millis, fire: () => void): void {
    this.#timers.push(this.#clock.setTimer(Math.max(0, delay), fire));
  }

  #sendNow(slot: Slot): void {
    if (this.#stopped !== null) return;
    const now = this.#clock.now();
    if (now >= this.#end) this.#stop(false);
    else this.#send(slot, now, now);
  }

  /** What is due, as far as there are free slots. */
  #sendDue(arrivals: Arrivals): void {
    if (this.#stopped !== null) return;
    const now = this.#clock.now();
    // What the warm-up could not send would make the first measured requests wait.
    if (now >= this.#measuredFrom) while (arrivals.due < this.#measuredFrom) arrivals.advance();
    while (this.#free.length > 0 && arrivals.due <= now && arrivals.due < this.#end) {
      const { due } = arrivals;
      const slot = this.#free.shift()!;
      arrivals.advance();
      this.#observer.late(now - Math.max(due, slot.freeSince));
      this.#send(slot, due, now);
      if (this.#stopped !== null) return;
    }
    if (this.#free.length > 0 && arrivals.due < this.#end)
      this.#clock.alarm(arrivals.due, () => this.#sendDue(arrivals));
  }

  #send(slot: Slot, intended: Millis, sent: Millis): void {
    const operation = this.#load.plan.next();
    this.#inFlight++;
    slot.lane.send(operation, (failure) => {
      if (this.#finish === null) return;
      const now = this.#clock.now();
      this.#observer.answered(operation.kind, intended, sent, now, failure);
      this.#inFlight--;
      this.#freed(slot, now);
    });
    if (intended >= this.#measuredFrom && --this.#left <= 0) this.#stop(false);
  }

  #freed(slot: Slot, now: Millis): void {
    const { arrivals } = this.#load;
    if (this.#stopped !== null) {
      if (this.#inFlight === 0) this.#over();
    } else if (arrivals === null) {
      this.#sendNow(slot);
    } else {
      slot.freeSince = now;
      this.#free.push(slot);
      if (this.#free.length === 1 || arrivals.due <= now) this.#sendDue(arrivals);
    }
  }

  #stop(interrupted: boolean): void {
    if (this.#stopped !== null) return;
    const stopped = Math.min(this.#clock.now(), this.#end);
    this.#stopped = { measuredFrom: this.#measuredFrom, stopped, interrupted, ...this.#backlog(stopped) };
    this.#timer(this.#load.patience, () => this.#over());
    // Not before whoever stops it has returned.
    if (this.#inFlight === 0) this.#timer(0, () => this.#over());
  }

  #backlog(stopped: Millis): Pick<LoadEnd, "backlog" | "backlogAge"> {
    const { arrivals } = this.#load;
    if (arrivals === null || this.#left <= 0) return { backlog: 0, backlogAge: 0 };
    const backlogAge = Math.max(0, stopped - arrivals.due);
    let backlog = 0;
    for (; arrivals.due < stopped && backlog < Math.min(this.#left, MOST_BACKLOG); backlog++)
      arrivals.advance();
    return { backlog, backlogAge };
  }

  #over(): void {
    const finish = this.#finish;
    if (finish === null || this.#stopped === null) return;
    this.#finish = null;
    for (const timer of this.#timers) timer.cancel();
    finish({ ...this.#stopped, finished: this.#clock.now(), unanswered: this.#inFlight });
  }
}
