/** Who has to be woken when: a binary heap in which each member knows its place, so that cancelling costs as little as setting. */
import type { Millis } from "../../core/machine.ts";

export interface Sleeper {
  alarmAt: Millis;
  /** Place in the heap; -1 outside. Kept by `Alarms`. */
  alarmIndex: number;
}

export class Alarms<T extends Sleeper> {
  readonly #heap: T[] = [];

  /** The earliest alarm; null without any. */
  get next(): Millis | null {
    return this.#heap[0]?.alarmAt ?? null;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Sets or moves the alarm of this sleeper. */
  set(sleeper: T, at: Millis): void {
    sleeper.alarmAt = at;
    if (sleeper.alarmIndex < 0) {
      sleeper.alarmIndex = this.#heap.length;
      this.#heap.push(sleeper);
    }
    this.#down(this.#up(sleeper.alarmIndex));
  }

  cancel(sleeper: T): void {
    const index = sleeper.alarmIndex;
    if (index < 0) return;
    sleeper.alarmIndex = -1;
    const last = this.#heap.pop()!;
    if (last === sleeper) return;
    this.#put(last, index);
    this.#down(this.#up(index));
  }

  /** Takes out one sleeper whose time has come. */
  takeDue(now: Millis): T | undefined {
    const first = this.#heap[0];
    if (first === undefined || first.alarmAt > now) return undefined;
    this.cancel(first);
    return first;
  }

  #put(sleeper: T, index: number): void {
    this.#heap[index] = sleeper;
    sleeper.alarmIndex = index;
  }

  #up(index: number): number {
    const sleeper = this.#heap[index]!;
    let at = index;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (this.#heap[above]!.alarmAt <= sleeper.alarmAt) break;
      this.#put(this.#heap[above]!, at);
      at = above;
    }
    this.#put(sleeper, at);
    return at;
  }

  #down(index: number): void {
    const sleeper = this.#heap[index]!;
    let at = index;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= this.#heap.length) break;
      const right = this.#heap[below + 1];
      if (right !== undefined && right.alarmAt < this.#heap[below]!.alarmAt) below++;
      if (sleeper.alarmAt <= this.#heap[below]!.alarmAt) break;
      this.#put(this.#heap[below]!, at);
      at = below;
    }
    this.#put(sleeper, at);
  }
}
