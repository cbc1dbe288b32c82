/**
 * Requests that wait for the fate of an entry this process proposed. Being deposed decides nothing: the entry may still
 * be committed by a later leader. It is decided by what gets committed:
 *  - the entry itself, recognised by index *and* term: the request succeeds;
 *  - another entry at its index, or any entry of a later term at or before its index: it can never be committed, because
 *    terms do not decrease along a log and every later leader has all committed entries (5.4). A definite failure.
 *  - a snapshot that covers its index: nobody here knows.
 */
import { invariant } from "../../core/assert.ts";
import type { RequestId } from "../../core/ids.ts";
import type { LogIndex } from "../../core/machine.ts";
import type { PendingEntry } from "./messages.ts";

/** Requests of one term, in the order of their indexes. */
interface TermQueue {
  readonly term: number;
  readonly entries: PendingEntry[];
  head: number;
}

export class PendingEntries {
  /** In ascending order of terms; almost always at most one. */
  readonly #terms: TermQueue[] = [];

  get size(): number {
    let size = 0;
    for (const queue of this.#terms) size += queue.entries.length - queue.head;
    return size;
  }

  add(term: number, index: LogIndex, id: RequestId): void {
    let queue = this.#terms[this.#terms.length - 1];
    if (queue === undefined || queue.term !== term) {
      invariant(queue === undefined || queue.term < term, `pending term ${term} after ${queue?.term}`);
      queue = { term, entries: [], head: 0 };
      this.#terms.push(queue);
    }
    queue.entries.push({ id, index });
  }

  /**
   * The entry (index, term) is committed and everything before it has been reported. Answers the request that proposed it,
   * and calls `overwritten` with those that can no longer succeed.
   */
  committed(index: LogIndex, term: number, overwritten: (id: RequestId) => void): RequestId | null {
    let winner: RequestId | null = null;
    for (let i = 0; i < this.#terms.length; i++) {
      const queue = this.#terms[i]!;
      if (queue.term < term) {
        for (const entry of this.#take(queue, Number.POSITIVE_INFINITY)) overwritten(entry.id);
      } else {
        const head = queue.entries[queue.head]!;
        if (head.index === index) {
          queue.head++;
          if (queue.term === term) winner = head.id;
          else overwritten(head.id);
        }
      }
      if (queue.head === queue.entries.length) this.#terms.splice(i--, 1);
      else if (queue.head >= 1024) this.#compact(queue);
    }
    return winner;
  }

  /** A snapshot covers everything up to `index`: what became of these requests is not known here. */
  covered(index: LogIndex, unknown: (id: RequestId) => void): void {
    for (let i = 0; i < this.#terms.length; i++) {
      const queue = this.#terms[i]!;
      for (const entry of this.#take(queue, index)) unknown(entry.id);
      if (queue.head === queue.entries.length) this.#terms.splice(i--, 1);
    }
  }

  #take(queue: TermQueue, upTo: LogIndex): readonly PendingEntry[] {
    const from = queue.head;
    while (queue.head < queue.entries.length && queue.entries[queue.head]!.index <= upTo) queue.head++;
    return queue.entries.slice(from, queue.head);
  }

  #compact(queue: TermQueue): void {
    queue.entries.splice(0, queue.head);
    queue.head = 0;
  }
}
