import type { Millis } from "../../core/machine.ts";

interface Event {
  readonly at: Millis;
  readonly order: number;
  readonly run: () => void;
}

/** A binary heap by time, then by order of insertion. */
export class Agenda {
  readonly #heap: Event[] = [];
  #order = 0;

  add(at: Millis, run: () => void): void {
    const heap = this.#heap;
    const event = { at, order: this.#order++, run };
    let i = heap.length;
    heap.push(event);
    while (i > 0 && before(event, heap[(i - 1) >> 1]!)) {
      heap[i] = heap[(i - 1) >> 1]!;
      i = (i - 1) >> 1;
    }
    heap[i] = event;
  }

  take(): Event | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child++;
      if (!before(heap[child]!, last)) break;
      heap[i] = heap[child]!;
      i = child;
    }
    heap[i] = last;
    return first;
  }
}

function before(a: Event, b: Event): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
