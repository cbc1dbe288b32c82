/** Histories for tests: written by hand in a short form, or recorded from a correct object under random delays. */
import type { HistoryEvent, HistoryKey, HistoryValue, Operation } from "../history/event.ts";
import { pairOperations } from "../history/pair.ts";
import type { Decision, Model } from "./model.ts";

/** A small deterministic source of chance (mulberry32). */
export function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/**
 * A history drawn by hand, one operation a row: process, from, to (moments; null: never seen to end), what, and the result.
 * Moments must differ, as they become lines.
 */
export type Row = readonly [
  process: number,
  from: number,
  to: number | null,
  f: string,
  input: HistoryValue,
  output?: HistoryValue,
];

export function drawn(rows: readonly Row[], key: HistoryKey = "x"): readonly Operation[] {
  return rows.map(([process, from, to, f, input, output]) => ({
    process,
    f,
    key,
    input,
    output: to === null ? null : (output ?? null),
    invoked: from,
    completed: to ?? Infinity,
    outcome: to === null ? "info" : "ok",
    call: from,
    return: to ?? Infinity,
    session: process,
  }));
}

export interface Call {
  readonly f: string;
  readonly key: HistoryKey;
  readonly value: HistoryValue;
}

export interface Workload {
  readonly clients: number;
  readonly operations: number;
  /** Share of operations whose outcome is lost. They take effect late, or never. */
  readonly lost: number;
  next(chance: () => number, number: number): Call;
  /** The object itself: takes effect at once and answers. */
  apply(call: Call): HistoryValue;
}

/** What clients of a correct object see when messages take random times. */
export function record(workload: Workload, seed: number): readonly HistoryEvent[] {
  const chance = random(seed);
  const events: HistoryEvent[] = [];
  const queue = new Agenda();
  let invoked = 0;
  let processes = workload.clients;
  const start = (process: number, time: number): void => {
    if (invoked >= workload.operations) return;
    const call = workload.next(chance, invoked++);
    const lost = chance() < workload.lost;
    events.push({ process, type: "invoke", ...call, time });
    const effect = time + chance() * 10;
    if (lost) {
      if (chance() < 0.5) queue.at(effect + chance() * 200, () => workload.apply(call));
      queue.at(effect + 5, (now) => {
        events.push({ process, type: "info", ...call, time: now, error: "timeout" });
        start(processes++, now);
      });
      return;
    }
    queue.at(effect, () => {
      const value = workload.apply(call);
      queue.at(effect + chance() * 10, (now) => {
        events.push({ process, type: "ok", ...call, value, time: now });
        queue.at(now + chance() * 2, (later) => start(process, later));
      });
    });
  };
  for (let process = 0; process < workload.clients; process++) {
    queue.at(chance() * 5, (now) => start(process, now));
  }
  queue.run();
  return events;
}

/** Events in the order of their time, and of their entry where it is the same. */
class Agenda {
  readonly #heap: { time: number; order: number; run: (now: number) => void }[] = [];
  #order = 0;

  at(time: number, run: (now: number) => void): void {
    const heap = this.#heap;
    heap.push({ time, order: this.#order++, run });
    for (let child = heap.length - 1; child > 0;) {
      const parent = (child - 1) >> 1;
      if (!this.#before(child, parent)) break;
      [heap[child], heap[parent]] = [heap[parent]!, heap[child]!];
      child = parent;
    }
  }

  run(): void {
    const heap = this.#heap;
    for (let first = heap[0]; first !== undefined; first = heap[0]) {
      const last = heap.pop()!;
      if (heap.length > 0) heap[0] = last;
      for (let parent = 0; ;) {
        let least = parent;
        for (const child of [2 * parent + 1, 2 * parent + 2]) {
          if (child < heap.length && this.#before(child, least)) least = child;
        }
        if (least === parent) break;
        [heap[parent], heap[least]] = [heap[least]!, heap[parent]!];
        parent = least;
      }
      first.run(first.time);
    }
  }

  #before(a: number, b: number): boolean {
    const x = this.#heap[a]!;
    const y = this.#heap[b]!;
    return x.time < y.time || (x.time === y.time && x.order < y.order);
  }
}

export function recorded(workload: Workload, seed: number): readonly Operation[] {
  return pairOperations(record(workload, seed));
}

/** A register; `draw` picks the value to write. */
export function registerObject(
  draw: (chance: () => number, number: number) => HistoryValue,
  mix: { readonly read: number; readonly write: number; readonly cas: number } = {
    read: 5,
    write: 3,
    cas: 2,
  },
): Pick<Workload, "next" | "apply"> {
  let value: HistoryValue = null;
  return {
    next(chance, number) {
      const dice = chance() * (mix.read + mix.write + mix.cas);
      if (dice < mix.read) return { f: "read", key: "x", value: null };
      const drawn = draw(chance, number);
      if (dice < mix.read + mix.write) return { f: "write", key: "x", value: drawn };
      // The present value, so that some succeed, or any other.
      return { f: "cas", key: "x", value: [chance() < 0.5 ? value : draw(chance, number), drawn] };
    },
    apply(call) {
      if (call.f === "read") return value;
      if (call.f === "write") {
        value = call.value;
        return null;
      }
      const [expected, next] = call.value as readonly [HistoryValue, HistoryValue];
      if (value !== expected) return false;
      value = next;
      return true;
    },
  };
}

export function counterObject(returning: number, largest: number): Pick<Workload, "next" | "apply"> {
  let value = 0;
  return {
    next(chance) {
      if (chance() < 0.5) return { f: "read", key: "x", value: null };
      const amount = 1 + Math.floor(chance() * largest);
      // The sign of a fraction tells `apply` whether to return the value; the model only sees whole amounts.
      return { f: "increment", key: chance() < returning ? "x" : "x", value: amount };
    },
    apply(call) {
      if (call.f === "read") return value;
      value += call.value as number;
      return returning > 0 ? value : null;
    },
  };
}

export function setObject(
  elements: number,
  mix: { readonly add: number; readonly remove: number; readonly contains: number; readonly read: number },
  answers = false,
): Pick<Workload, "next" | "apply"> {
  const present = new Set<HistoryValue>();
  let fresh = 0;
  return {
    next(chance) {
      const dice = chance() * (mix.add + mix.remove + mix.contains + mix.read);
      // With `elements` 0 every element is added once.
      const element = elements === 0 ? fresh : Math.floor(chance() * elements);
      if (dice < mix.add) {
        fresh++;
        return { f: "add", key: "x", value: element };
      }
      if (dice < mix.add + mix.remove) return { f: "remove", key: "x", value: element };
      if (dice < mix.add + mix.remove + mix.contains) return { f: "contains", key: "x", value: element };
      return { f: "read", key: "x", value: null };
    },
    apply(call) {
      if (call.f === "read") return [...present];
      const before = present.has(call.value);
      if (call.f === "contains") return before;
      if (call.f === "add") present.add(call.value);
      else present.delete(call.value);
      return answers ? before === (call.f === "remove") : null;
    },
  };
}

export function listObject(distinct: boolean): Pick<Workload, "next" | "apply"> {
  const list: HistoryValue[] = [];
  let fresh = 0;
  return {
    next(chance) {
      if (chance() < 0.1) return { f: "read", key: "x", value: null };
      return { f: "append", key: "x", value: distinct ? fresh++ : Math.floor(chance() * 3) };
    },
    apply(call) {
      if (call.f === "read") return [...list];
      list.push(call.value);
      return null;
    },
  };
}

export function kvObject(keys: number, values: number): Pick<Workload, "next" | "apply"> {
  const map = new Map<HistoryValue, HistoryValue>();
  const key = (chance: () => number): string => `k${Math.floor(chance() * keys)}`;
  let fresh = 0;
  const draw = (chance: () => number): number => (values === 0 ? ++fresh : Math.floor(chance() * values));
  return {
    next(chance) {
      const dice = chance();
      if (dice < 0.2) return { f: "read", key: key(chance), value: null };
      if (dice < 0.4) return { f: "write", key: key(chance), value: draw(chance) };
      const steps = [0, 1].map(() =>
        chance() < 0.5 ? ["r", key(chance), null] : ["w", key(chance), draw(chance)],
      );
      return { f: "txn", key: null, value: steps };
    },
    apply(call) {
      if (call.f === "read") return map.get(call.key) ?? null;
      if (call.f === "write") {
        map.set(call.key, call.value);
        return null;
      }
      return (call.value as readonly (readonly HistoryValue[])[]).map((step) => {
        if (step[0] === "r") return ["r", step[1]!, map.get(step[1]!) ?? null];
        map.set(step[1]!, step[2]!);
        return step;
      });
    },
  };
}

/** Tries every order. For histories of a handful of operations. */
export function bruteForce(operations: readonly Operation[], model: Model<unknown>): boolean {
  const happened = operations.filter((operation) => operation.outcome !== "fail");
  const ops = happened.map((operation) => model.compile(operation));
  const placed = new Set<number>();
  const extend = (state: unknown): boolean => {
    if (happened.every((operation, index) => placed.has(index) || operation.outcome === "info")) return true;
    const deadline = Math.min(
      ...happened.map((operation, index) => (placed.has(index) ? Infinity : operation.return)),
    );
    return happened.some((operation, index) => {
      if (placed.has(index) || operation.call > deadline) return false;
      const step = model.step(state, ops[index]!);
      if (!step.ok) return false;
      placed.add(index);
      const found = extend(step.state);
      placed.delete(index);
      return found;
    });
  };
  return extend(model.init);
}

/** Why an order that a decision claims is none; null when it is one. */
export function flawInOrder(
  operations: readonly Operation[],
  decision: Decision,
  model: Model<unknown>,
): string | null {
  if (decision.verdict !== "accepted") return `it is ${decision.verdict}`;
  const { order } = decision;
  const inOrder = new Set(order);
  if (inOrder.size !== order.length) return "an operation occurs twice";
  for (const operation of operations) {
    if (operation.outcome === "ok" && !inOrder.has(operation)) return `line ${operation.call} is missing`;
  }
  let latestCall = -Infinity;
  let state = model.init;
  for (const operation of order) {
    if (!operations.includes(operation) && operations.length < 1000) return "an operation of another history";
    if (operation.return < latestCall) return `line ${operation.call} comes after what was invoked later`;
    latestCall = Math.max(latestCall, operation.call);
    const step = model.step(state, model.compile(operation));
    if (!step.ok) return `line ${operation.call} is not legal in ${model.describe(state)}`;
    state = step.state;
  }
  return null;
}
