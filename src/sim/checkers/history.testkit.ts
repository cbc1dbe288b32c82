/** Histories for tests: written by hand in a short form, or recorded from a correct object under random delays. */
import type { HistoryEvent, HistoryKey, HistoryValue, Operation } from "../history/event.ts";
import { pairOperations } from "../history/pair.ts";
import type { Decision, Model } from "./model.ts";
import type { ModelName } from "./models.ts";

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

export function counterObject(largest: number, answers = false): Pick<Workload, "next" | "apply"> {
  let value = 0;
  return {
    next(chance) {
      if (chance() < 0.5) return { f: "read", key: "x", value: null };
      return { f: "increment", key: "x", value: 1 + Math.floor(chance() * largest) };
    },
    apply(call) {
      if (call.f === "read") return value;
      value += call.value as number;
      return answers ? value : null;
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

export function listObject(distinct: boolean, reads = 0.1): Pick<Workload, "next" | "apply"> {
  const list: HistoryValue[] = [];
  let fresh = 0;
  return {
    next(chance) {
      if (chance() < reads) return { f: "read", key: "x", value: null };
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

/** What an object does, written down as simply as possible: the next state and the result. */
export type Reference = (state: HistoryValue, call: Call) => readonly [HistoryValue, HistoryValue];

type Pairs = readonly (readonly [HistoryValue, HistoryValue])[];

/** States: a value, a number, a sorted array, an array, sorted pairs; null at first. */
export const REFERENCES: Readonly<Record<ModelName, Reference>> = {
  register(state, { f, value }) {
    if (f === "read") return [state, state];
    if (f === "write") return [value, null];
    if (f === "delete") return [null, state !== null];
    const [expected, next] = value as readonly HistoryValue[];
    return state === expected ? [next!, true] : [state, false];
  },
  counter(state, { f, value }) {
    const now = (state ?? 0) as number;
    if (f === "read") return [now, now];
    const next = now + ((value ?? 1) as number);
    return [next, next];
  },
  set(state, { f, value }) {
    const now = (state ?? []) as readonly HistoryValue[];
    const has = now.includes(value);
    if (f === "read") return [now, now];
    if (f === "contains") return [now, has];
    if (f === "add") return [has ? now : [...now, value].sort(), !has];
    return [now.filter((element) => element !== value), has];
  },
  list(state, { f, value }) {
    const now = (state ?? []) as readonly HistoryValue[];
    if (f === "read") return [now, now];
    return [[...now, value], now.length + 1];
  },
  kv(state, call) {
    const map = new Map((state ?? []) as Pairs);
    const pack = (): HistoryValue => [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    if (call.f !== "txn") {
      const [next, result] = REFERENCES.register(map.get(call.key) ?? null, call);
      map.set(call.key, next);
      return [pack(), result];
    }
    const seen = (call.value as readonly (readonly HistoryValue[])[]).map((step) => {
      if (step[0] === "r") return ["r", step[1]!, map.get(step[1]!) ?? null];
      map.set(step[1]!, step[2] ?? null);
      return step;
    });
    return [pack(), seen];
  },
};

export interface BruteForceOptions {
  /** False: only the order of each process counts (sequential consistency). Default true. */
  readonly realTime?: boolean;
}

/** Tries every order. For histories of a handful of operations; shares no code with the checkers. */
export function bruteForce(
  operations: readonly Operation[],
  model: ModelName,
  { realTime = true }: BruteForceOptions = {},
): boolean {
  const happened = operations.filter((operation) => operation.outcome !== "fail");
  const placed = new Set<Operation>();
  const comesLater = (earlier: Operation, operation: Operation): boolean =>
    !placed.has(earlier) &&
    earlier.return < operation.call &&
    (realTime || earlier.process === operation.process);
  const extend = (state: HistoryValue): boolean => {
    if (happened.every((operation) => placed.has(operation) || operation.outcome === "info")) return true;
    return happened.some((operation) => {
      if (placed.has(operation)) return false;
      if (happened.some((earlier) => comesLater(earlier, operation))) return false;
      const { f, key, input } = operation;
      const [next, result] = REFERENCES[model](state, { f, key, value: input });
      if (operation.outcome === "ok" && !agrees(operation, result, model)) return false;
      placed.add(operation);
      const found = extend(next);
      placed.delete(operation);
      return found;
    });
  };
  return extend(null);
}

function agrees({ f, output }: Operation, result: HistoryValue, model: ModelName): boolean {
  if (f === "write") return true;
  if (f === "cas") return (output !== false) === result;
  // Functions that need not tell their result.
  if (output === null && f !== "read") return true;
  if (f === "read" && model === "set")
    return JSON.stringify([...(output as HistoryValue[])].sort()) === JSON.stringify(result);
  return JSON.stringify(output) === JSON.stringify(result);
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

/**
 * How many histories a property is tried with. The gate always tries the same ones; `FC_TIMES=20` tries twenty times as
 * many, and other ones each time.
 */
export function histories(numRuns: number): { readonly numRuns: number; readonly seed?: number } {
  const times = process.env["FC_TIMES"];
  return times === undefined ? { numRuns, seed: 20_261_121 } : { numRuns: numRuns * Number(times) };
}
