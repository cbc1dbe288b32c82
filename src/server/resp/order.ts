/**
 * The order of one connection's commands.
 *
 * A client that pipelines expects what Redis gives it: each command sees the effects of those before it. Yet waiting for
 * every answer would take a round of replication per command. So only commands that could tell the difference wait:
 *
 *  - reads go together, and writes go together: a node keeps the order of the writes that one connection gives it for a
 *    shard, so a write never waits for a write;
 *  - a read waits for the earlier writes of its keys, and a write for the earlier reads of its keys (a read served under a
 *    lease could otherwise be overtaken by either);
 *  - an exclusive operation (a transaction that also reads) waits for everything on its keys, and holds it up;
 *  - a barrier (a command over the whole store, such as DBSIZE) waits for everything, and holds up everything.
 *
 * Waiting is per key and first come, first served. An operation asks for all its keys at once, so none can wait in a
 * circle. As long as all that is under way is of one kind, keys are not even looked at.
 *
 * What is not promised: when a write fails, those pipelined behind it may still succeed, as in Redis.
 */

export type Access = "read" | "write" | "exclusive" | "barrier";

export abstract class Operation {
  abstract readonly access: Access;
  /** Binary strings; not asked for while all operations under way are of one kind. Unused for a barrier. */
  abstract keys(): readonly string[];
  /** Runs it. It must end in `CommandOrder.finished`, in this turn or later. Called once. */
  abstract start(): void;

  /** Neighbours among the unfinished, and the keys still waited for: the order's own. */
  before: Operation | null = null;
  next: Operation | null = null;
  waitingFor = 0;
  held: readonly string[] | null = null;
}

class KeyQueue {
  access: Access;
  /** How many operations hold the key, all of this access. */
  holders = 1;
  #waiting: Operation[] = [];
  #head = 0;

  constructor(access: Access) {
    this.access = access;
  }

  admits(access: Access): boolean {
    return this.#head === this.#waiting.length && this.access === access && access !== "exclusive";
  }

  wait(operation: Operation): void {
    this.#waiting.push(operation);
  }

  peek(): Operation | undefined {
    return this.#waiting[this.#head];
  }

  shift(): void {
    this.#head++;
    if (this.#head > 64 && this.#head * 2 > this.#waiting.length) {
      this.#waiting = this.#waiting.slice(this.#head);
      this.#head = 0;
    }
  }
}

export class CommandOrder {
  /** Unfinished operations, in their order: a linked list. Those behind a barrier are in `#behind` instead. */
  #first: Operation | null = null;
  #last: Operation | null = null;
  #unfinished = 0;
  /** What all unfinished operations are, as long as keys are not tracked. */
  #access: Access = "read";
  #tracking = false;
  readonly #keys = new Map<string, KeyQueue>();

  /** A barrier that could not start yet, and all that came after it. */
  #behind: Operation[] = [];
  #behindHead = 0;
  #barrierRuns = false;

  /** May start now; run in a loop, so that operations that finish at once do not nest. */
  #ready: Operation[] = [];
  #running = false;
  #stopped = false;

  submit(operation: Operation): void {
    if (this.#stopped) return;
    if (this.#barrierRuns || this.#behindHead < this.#behind.length) this.#behind.push(operation);
    else this.#admit(operation);
    this.#run();
  }

  finished(operation: Operation): void {
    if (operation.access === "barrier") this.#barrierRuns = false;
    this.#unlink(operation);
    if (operation.held !== null) this.#release(operation.held);
    operation.held = null;
    if (this.#unfinished === 0) this.#tracking = false;
    this.#run();
  }

  /** Nothing that waits is ever started: the client is gone. */
  stop(): void {
    this.#stopped = true;
    this.#behind = [];
    this.#behindHead = 0;
    this.#ready = [];
  }

  #run(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      for (;;) {
        const ready = this.#ready;
        if (ready.length > 0) {
          this.#ready = [];
          for (const operation of ready) if (!this.#stopped) operation.start();
          continue;
        }
        const head = this.#behind[this.#behindHead];
        if (head === undefined || this.#barrierRuns) return;
        if (head.access === "barrier" && this.#unfinished > 0) return;
        if (++this.#behindHead === this.#behind.length) {
          this.#behind = [];
          this.#behindHead = 0;
        }
        this.#admit(head);
      }
    } finally {
      this.#running = false;
    }
  }

  #admit(operation: Operation): void {
    const { access } = operation;
    if (access === "barrier") {
      if (this.#unfinished > 0) {
        this.#behind.push(operation);
        return;
      }
      this.#barrierRuns = true;
    } else if (this.#unfinished === 0) {
      this.#access = access;
    } else if (!this.#tracking && (access !== this.#access || access === "exclusive")) {
      this.#track();
    }
    this.#link(operation);
    if (this.#tracking) this.#claim(operation);
    if (operation.waitingFor === 0) this.#ready.push(operation);
  }

  /** Operations of two kinds meet: from now on keys count. Those under way hold theirs; none of them waits. */
  #track(): void {
    this.#tracking = true;
    for (let operation = this.#first; operation !== null; operation = operation.next) this.#claim(operation);
  }

  #claim(operation: Operation): void {
    const keys = operation.keys();
    const held = keys.length > 1 ? [...new Set(keys)] : keys;
    operation.held = held;
    for (const key of held) {
      const queue = this.#keys.get(key);
      if (queue === undefined) {
        this.#keys.set(key, new KeyQueue(operation.access));
      } else if (queue.admits(operation.access)) {
        queue.holders++;
      } else {
        queue.wait(operation);
        operation.waitingFor++;
      }
    }
  }

  #release(keys: readonly string[]): void {
    for (const key of keys) {
      const queue = this.#keys.get(key)!;
      if (--queue.holders > 0) continue;
      let next = queue.peek();
      if (next === undefined) {
        this.#keys.delete(key);
        continue;
      }
      queue.access = next.access;
      do {
        queue.shift();
        queue.holders++;
        if (--next.waitingFor === 0) this.#ready.push(next);
        next = queue.peek();
      } while (next !== undefined && next.access === queue.access && queue.access !== "exclusive");
    }
  }

  #link(operation: Operation): void {
    operation.before = this.#last;
    if (this.#last === null) this.#first = operation;
    else this.#last.next = operation;
    this.#last = operation;
    this.#unfinished++;
  }

  #unlink(operation: Operation): void {
    if (operation.before === null) this.#first = operation.next;
    else operation.before.next = operation.next;
    if (operation.next === null) this.#last = operation.before;
    else operation.next.before = operation.before;
    operation.before = null;
    operation.next = null;
    this.#unfinished--;
  }
}
