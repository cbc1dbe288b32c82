import type { Millis } from "../core/machine.ts";
import { invariant } from "../core/assert.ts";
import { EventHash } from "./event-hash.ts";

/** Something that will happen. Cancelling what has happened already is no error. */
export interface ScheduledEvent {
  cancel(): void;
}

class Entry implements ScheduledEvent {
  readonly time: Millis;
  readonly sequence: number;
  task: (() => void) | null;
  readonly #scheduler: Scheduler;

  constructor(time: Millis, sequence: number, task: () => void, scheduler: Scheduler) {
    this.time = time;
    this.sequence = sequence;
    this.task = task;
    this.#scheduler = scheduler;
  }

  cancel(): void {
    if (this.task === null) return;
    this.task = null;
    this.#scheduler.noteCancelled();
  }
}

/**
 * Virtual time. Events run one at a time, ordered by their time and, at the same time, by when they were asked for; the
 * clock jumps from one to the next. Nothing else moves it, so one program replays one history.
 *
 * Two structures hold the events: a binary heap for the future, and a plain queue for this very instant. Everything in the
 * heap for the present instant was put there before the instant began, hence runs before the queue.
 */
export class Scheduler {
  #now: Millis;
  #sequence = 0;
  #events = 0;
  #cancelled = 0;
  #heap: Entry[] = [];
  #instant: Entry[] = [];
  #instantAt = 0;
  readonly #hash = new EventHash();

  constructor(start: Millis = 0) {
    this.#now = start;
  }

  now(): Millis {
    return this.#now;
  }

  /** How many events have run. */
  get events(): number {
    return this.#events;
  }

  /** How many events are waiting. */
  get pending(): number {
    return this.#heap.length + this.#instant.length - this.#instantAt - this.#cancelled;
  }

  /**
   * Fingerprint of the history so far: of the time and number of every event that ran, and of everything given to `trace`.
   * Two runs with one seed have equal fingerprints at equal times, or something below them is not deterministic.
   */
  get hash(): string {
    return this.#hash.hex;
  }

  trace(value: string | number): void {
    this.#hash.add(value);
  }

  after(delay: Millis, task: () => void): ScheduledEvent {
    return this.at(this.#now + Math.max(0, delay), task);
  }

  /** A time in the past is taken as now. */
  at(time: Millis, task: () => void): ScheduledEvent {
    invariant(!Number.isNaN(time), "an event needs a time");
    const entry = new Entry(Math.max(time, this.#now), ++this.#sequence, task, this);
    if (entry.time === this.#now) this.#instant.push(entry);
    else this.#insert(entry);
    return entry;
  }

  /** Runs the next event. False: there is none. */
  step(): boolean {
    const entry = this.#next(Infinity);
    if (entry === undefined) return false;
    this.#run(entry);
    return true;
  }

  /** Runs everything up to and including `until`, and leaves the clock there. Returns how many events ran. */
  run(until: Millis): number {
    const before = this.#events;
    for (let entry = this.#next(until); entry !== undefined; entry = this.#next(until)) this.#run(entry);
    this.#now = Math.max(this.#now, until);
    return this.#events - before;
  }

  /** Runs until `condition` holds after some event. False: `limit` was reached first. */
  runUntil(condition: () => boolean, limit: Millis): boolean {
    while (!condition()) {
      const entry = this.#next(limit);
      if (entry === undefined) {
        this.#now = Math.max(this.#now, limit);
        return condition();
      }
      this.#run(entry);
    }
    return true;
  }

  /** Called by an entry that was cancelled before it ran. Entries stay where they are until too many are dead. */
  noteCancelled(): void {
    this.#cancelled++;
    if (this.#cancelled < 1024 || this.#cancelled * 2 < this.#heap.length) return;
    const alive = this.#heap.filter((entry) => entry.task !== null);
    this.#cancelled -= this.#heap.length - alive.length;
    this.#heap = [];
    for (const entry of alive) this.#insert(entry);
  }

  #run(entry: Entry): void {
    const task = entry.task!;
    entry.task = null;
    this.#now = entry.time;
    this.#events++;
    this.#hash.add(entry.time);
    this.#hash.add(entry.sequence);
    task();
  }

  /** Takes the next living event out, unless it lies beyond `until`. */
  #next(until: Millis): Entry | undefined {
    for (;;) {
      const top = this.#heap[0];
      const fromHeap =
        top !== undefined && (top.time <= this.#now || this.#instantAt === this.#instant.length);
      let entry: Entry;
      if (fromHeap) {
        if (top.task !== null && top.time > until) return undefined;
        this.#removeTop();
        entry = top;
      } else {
        if (this.#instantAt === this.#instant.length || this.#now > until) return undefined;
        entry = this.#instant[this.#instantAt++]!;
        if (this.#instantAt === this.#instant.length) {
          this.#instant.length = 0;
          this.#instantAt = 0;
        }
      }
      if (entry.task !== null) return entry;
      this.#cancelled--;
    }
  }

  #insert(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(entry);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      const above = heap[parent]!;
      if (isBefore(above, entry)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #removeTop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && isBefore(right, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.time < b.time || (a.time === b.time && a.sequence < b.sequence);
}
