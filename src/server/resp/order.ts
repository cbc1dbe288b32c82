/**
 * The order of one connection's commands.
 *
 * A client that pipelines expects what Redis gives it: each command sees the effects of those before it. Yet waiting for
 * every answer would take a round of replication per command. So only commands that could tell the difference wait:
 *
 *  - reads go together, and writes go together: a node keeps the order of the writes that one connection gives it for a
 *    shard, so a write does not wait for the answer of another, only for its start;
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
  holders = 0;
  /** Holders that wait for another of their keys: nothing may overtake them, also not what could go with them. */
  unstarted = 0;
  #waiting: Operation[] = [];
  #head = 0;

  constructor(access: Access) {
    this.access = access;
  }

  get empty(): boolean {
    return this.holders === 0 && this.#head === this.#waiting.length;
  }

  /** Whether an operation may hold the key, if nothing else waits for it. */
  admits(access: Access): boolean {
    if (this.holders === 0) return true;
    return this.access === access && access !== "exclusive" && this.unstarted === 0;
  }

  hold(access: Access): void {
    this.access = access;
    this.holders++;
    this.unstarted++;
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
    if (this.#running || (this.#ready.length === 0 && this.#behindHead === this.#behind.length)) return;
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
    if (!this.#tracking) this.#startNow(operation);
    else if (this.#claim(operation)) this.#start([operation]);
  }

  /** Most commands wait for nobody, and need no list. */
  #startNow(operation: Operation): void {
    if (this.#running) {
      this.#ready.push(operation);
      return;
    }
    this.#running = true;
    try {
      operation.start();
    } finally {
      this.#running = false;
    }
  }

  /** Operations of two kinds meet: from now on keys count. Those under way hold theirs. */
  #track(): void {
    this.#tracking = true;
    for (let operation = this.#first; operation !== null; operation = operation.next) {
      const keys = distinct(operation.keys());
      operation.held = keys;
      for (const key of keys) this.#queueOf(key, operation.access).holders++;
    }
  }

  /** Asks for all keys at once. True: it has them. */
  #claim(operation: Operation): boolean {
    const keys = distinct(operation.keys());
    operation.held = keys;
    for (const key of keys) {
      const queue = this.#queueOf(key, operation.access);
      if (queue.peek() === undefined && queue.admits(operation.access)) {
        queue.hold(operation.access);
      } else {
        queue.wait(operation);
        operation.waitingFor++;
      }
    }
    return operation.waitingFor === 0;
  }

  #queueOf(key: string, access: Access): KeyQueue {
    let queue = this.#keys.get(key);
    if (queue === undefined) {
      queue = new KeyQueue(access);
      this.#keys.set(key, queue);
    }
    return queue;
  }

  /** These have all their keys; others may go with them, and follow in the same list. */
  #start(starting: Operation[]): void {
    for (const operation of starting) {
      this.#ready.push(operation);
      for (const key of operation.held!) {
        const queue = this.#keys.get(key)!;
        queue.unstarted--;
        grant(queue, starting);
      }
    }
  }

  #release(keys: readonly string[]): void {
    const starting: Operation[] = [];
    for (const key of keys) {
      const queue = this.#keys.get(key)!;
      queue.holders--;
      if (queue.empty) this.#keys.delete(key);
      else grant(queue, starting);
    }
    this.#start(starting);
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

const distinct = (keys: readonly string[]): readonly string[] =>
  keys.length > 1 ? [...new Set(keys)] : keys;

/** Gives the key to those who are next. Whoever has all keys thereby is added to `starting`. */
function grant(queue: KeyQueue, starting: Operation[]): void {
  for (let next = queue.peek(); next !== undefined && queue.admits(next.access); next = queue.peek()) {
    queue.shift();
    queue.hold(next.access);
    if (--next.waitingFor === 0) starting.push(next);
  }
}
