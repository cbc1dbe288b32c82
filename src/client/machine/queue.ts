/** First in, first out, and anyone can leave from the middle at no cost: callers abort and deadlines pass. */
export interface Queued<T> {
  /** Neighbours in the queue. Kept by `Queue`. */
  before: T | null;
  behind: T | null;
}

export class Queue<T extends Queued<T>> {
  #first: T | null = null;
  #last: T | null = null;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get first(): T | null {
    return this.#first;
  }

  add(item: T): void {
    item.before = this.#last;
    if (this.#last === null) this.#first = item;
    else this.#last.behind = item;
    this.#last = item;
    this.#size++;
  }

  /** Only what is in this queue may be removed from it. */
  remove(item: T): void {
    if (item.before === null) this.#first = item.behind;
    else item.before.behind = item.behind;
    if (item.behind === null) this.#last = item.before;
    else item.behind.before = item.before;
    item.before = null;
    item.behind = null;
    this.#size--;
  }
}
