/**
 * Sequential consistency (Lamport, 1979): all operations seem to take effect one after another, those of each process in
 * its own order. Real time between processes does not count, so that a read may be stale, but it may not go back.
 *
 * Unlike linearizability it is not local: objects that are sequentially consistent one by one need not be so together, and
 * all of them are searched as one. The problem is NP-complete even for registers with unique writes; the search is
 * bounded and says `unknown` at its bound. In practice unique values make it fast: a value that somebody still has to
 * read cannot be replaced, which leaves little to choose.
 *
 * An operation of unknown outcome takes effect at any time after the earlier operations of its process, or never; later
 * ones of the process do not wait for it.
 */
import type { Operation, ProcessId } from "../history/event.ts";
import { Configurations, DEFAULT_BUDGET, StateNumbers, type Budget } from "./configurations.ts";
import { explainByShrinking } from "./contradiction.ts";
import { decideLinearizability } from "./linearizability.ts";
import type { Compiled, Decision, Model, ObjectKind } from "./model.ts";
import { ACCEPTED, refused, undecided, type Verdict } from "./verdict.ts";

export interface SequentialOptions {
  readonly budget?: Budget;
}

/** For the attempt to be done with it quickly. */
const SHORT_BUDGET: Budget = { steps: 1_000_000, memory: 10_000_000 };
const EXPLANATION_BUDGET: Budget = { steps: 200_000, memory: 3_000_000 };

/**
 * Checks a history of objects of one kind as a whole.
 * @throws HistoryError when an operation does not belong to this kind of object.
 */
export function checkSequential(
  operations: readonly Operation[],
  kind: ObjectKind,
  options: SequentialOptions = {},
): Verdict {
  if (!operations.some((operation) => operation.outcome === "ok")) {
    return undecided("no operation succeeded: there is nothing to check");
  }
  if (isLinearizable(operations, kind)) return ACCEPTED;
  const decision = decideSequential(operations, kind, options.budget);
  switch (decision.verdict) {
    case "accepted":
      return ACCEPTED;
    case "undecided":
      return undecided(decision.why);
    case "refused": {
      const { lines, operations: core } = explainByShrinking(operations, (some) =>
        decideSequential(some, kind, EXPLANATION_BUDGET),
      );
      return refused(`not sequentially consistent as ${kind.name}s`, lines, core);
    }
  }
}

/** Linearizable histories are sequentially consistent, and many that should be the one are the other, too. */
function isLinearizable(operations: readonly Operation[], kind: ObjectKind): boolean {
  return kind
    .partition(operations)
    .every((part) => decideLinearizability(part.operations, kind, SHORT_BUDGET).verdict === "accepted");
}

/** Accepted with an order that shows it. */
export function decideSequential(
  operations: readonly Operation[],
  kind: ObjectKind,
  budget: Budget = DEFAULT_BUDGET,
): Decision {
  const search = (limit: Budget): Decision => new SequentialSearch(operations, kind, limit).run();
  // What is fine is mostly found at once; what is not, by its contradictions.
  const short = search({ ...budget, steps: Math.min(budget.steps, 100_000 + 300 * operations.length) });
  if (short.verdict !== "undecided") return short;
  return kind.refuteSequential?.(operations) === true ? { verdict: "refused" } : search(budget);
}

/** An object, and what it still has to give and to show; see S4 in search.ts. */
interface Component {
  readonly model: Model<unknown>;
  readonly states: StateNumbers<unknown>;
  readonly supply: Map<string, number>;
  readonly demand: Map<string, number>;
}

interface Entry {
  readonly operation: Operation;
  readonly op: Compiled;
  readonly component: number;
  /** The process as its place in the configuration, and the number of its required operations before this one. */
  readonly process: number;
  readonly place: number;
}

/** One operation placed, and what the object's state was before. */
interface Move {
  readonly entry: Entry;
  /** Index of an optional operation, -1 for a required one. */
  readonly optional: number;
  readonly stateBefore: number;
}

interface Frame {
  readonly trail: number;
  readonly tries: readonly (readonly [entry: Entry, optional: number, state: number])[];
  next: number;
}

class SequentialSearch {
  readonly #budget: Budget;
  readonly #components: readonly Component[];
  readonly #programs: readonly (readonly Entry[])[];
  readonly #optional: readonly Entry[];
  readonly #isUsed: Uint8Array;
  readonly #total: number;
  readonly #visited: Configurations;
  /** How far each process has come, then the state of each component. */
  readonly #configuration: Int32Array;
  readonly #trail: Move[] = [];
  #used = 0n;
  #placed = 0;
  #steps = 0;

  constructor(operations: readonly Operation[], kind: ObjectKind, budget: Budget) {
    this.#budget = budget;
    const happened = operations.filter((operation) => operation.outcome !== "fail");
    const parts = kind.partition(happened);
    this.#components = parts.map((part) => {
      const model = kind.model(part.operations);
      const states = new StateNumbers((state) => model.key(state));
      states.numberOf(model.init);
      return { model, states, supply: new Map(), demand: new Map() };
    });
    const componentOf = new Map<Operation, number>();
    parts.forEach((part, index) => part.operations.forEach((operation) => componentOf.set(operation, index)));

    const programs = new Map<ProcessId, { readonly number: number; readonly entries: Entry[] }>();
    const optional: Entry[] = [];
    for (const operation of [...happened].sort((a, b) => a.call - b.call)) {
      const component = componentOf.get(operation);
      if (component === undefined) continue;
      let program = programs.get(operation.process);
      if (program === undefined) {
        programs.set(operation.process, (program = { number: programs.size, entries: [] }));
      }
      const { model, supply, demand } = this.#components[component]!;
      const op = model.compile(operation);
      const entry = {
        operation,
        op,
        component,
        process: program.number,
        place: program.entries.length,
      };
      if (operation.outcome === "ok") {
        program.entries.push(entry);
        for (const value of op.needs ?? []) count(demand, value, 1);
      } else if (op.readOnly) continue;
      else optional.push(entry);
      for (const value of op.gives ?? []) count(supply, value, 1);
    }
    this.#programs = [...programs.values()].map((program) => program.entries);
    this.#optional = optional;
    this.#isUsed = new Uint8Array(optional.length);
    this.#total = this.#programs.reduce((sum, program) => sum + program.length, 0);
    this.#configuration = new Int32Array(this.#programs.length + this.#components.length);
    this.#visited = new Configurations(this.#configuration.length);
  }

  run(): Decision {
    const frames: Frame[] = [];
    let frame = this.#enter();
    for (;;) {
      if (this.#placed === this.#total) return this.#accepted();
      if (this.#steps > this.#budget.steps) {
        return { verdict: "undecided", why: `no answer within ${this.#budget.steps} steps`, suspects: [] };
      }
      if (this.#visited.size > this.#budget.memory) {
        const why = `no answer within ${this.#visited.count} configurations`;
        return { verdict: "undecided", why, suspects: [] };
      }
      if (frame !== null) frames.push(frame);
      let top = frames.at(-1);
      while (top !== undefined) {
        this.#undoTo(top.trail);
        if (top.next < top.tries.length) break;
        frames.pop();
        top = frames.at(-1);
      }
      if (top === undefined) return { verdict: "refused" };
      const [entry, optional, state] = top.tries[top.next++]!;
      frame = this.#place(entry, optional, state) ? this.#enter() : null;
    }
  }

  #accepted(): Decision {
    const state = this.#components.map((component, index) =>
      component.model.describe(component.states.state(this.#stateOf(index))),
    );
    return {
      verdict: "accepted",
      order: this.#trail.map((move) => move.entry.operation),
      state: state.slice(0, 5).join(", "),
    };
  }

  /** Places what costs nothing and lists what can be tried next. Null: nothing comes of this configuration. */
  #enter(): Frame | null {
    const tries: [Entry, number, number][] = [];
    const blocked: Entry[] = [];
    for (let process = 0; process < this.#programs.length; process++) {
      for (;;) {
        const entry = this.#programs[process]![this.#configuration[process]!];
        if (entry === undefined) break;
        const { model, states } = this.#components[entry.component]!;
        const number = this.#stateOf(entry.component);
        const state = states.state(number);
        this.#steps++;
        const step = model.step(state, entry.op);
        if (!step.ok) {
          if (this.#isHopeless(entry, state)) return null;
          blocked.push(entry);
          break;
        }
        if (entry.op.readOnly || model.inert?.(state, entry.op) === true) {
          this.#place(entry, -1, number);
          continue;
        }
        tries.push([entry, -1, states.numberOf(step.state)]);
        break;
      }
    }
    if (this.#placed < this.#total && !this.#visited.admit(this.#configuration, this.#used)) return null;
    // The history's own order is the best guess.
    tries.sort(([a], [b]) => a.operation.call - b.operation.call);
    this.#listOptional(tries, blocked);
    return { trail: this.#trail.length, tries, next: 0 };
  }

  #listOptional(tries: [Entry, number, number][], blocked: readonly Entry[]): void {
    const effects = new Set(tries.map(([entry]) => `${entry.component} ${entry.op.effect}`));
    this.#optional.forEach((entry, index) => {
      if (this.#isUsed[index] === 1 || this.#configuration[entry.process]! < entry.place) return;
      // Interchangeable with one that is listed already.
      const effect = `${entry.component} ${entry.op.effect}`;
      if (effects.has(effect) || !this.#helpsSomebody(entry, blocked)) return;
      const { model, states } = this.#components[entry.component]!;
      const number = this.#stateOf(entry.component);
      this.#steps++;
      const step = model.step(states.state(number), entry.op);
      if (!step.ok) return;
      const next = states.numberOf(step.state);
      if (next === number) return;
      effects.add(effect);
      tries.push([entry, index, next]);
    });
  }

  #helpsSomebody(optional: Entry, blocked: readonly Entry[]): boolean {
    const { model, states } = this.#components[optional.component]!;
    if (model.helps === undefined) return true;
    const state = states.state(this.#stateOf(optional.component));
    const ours = blocked.filter((entry) => entry.component === optional.component);
    if (ours.length === 0) return false;
    if (ours.some((entry) => model.helps!(state, optional.op, entry.op))) return true;
    return this.#optional.some(
      (other, index) =>
        this.#isUsed[index] === 0 &&
        other.component === optional.component &&
        other.op.needs !== undefined &&
        other.op.needs[0] === optional.op.gives?.[0],
    );
  }

  #isHopeless(entry: Entry, state: unknown): boolean {
    const { model, supply } = this.#components[entry.component]!;
    if (model.hopeless?.(state, entry.op) === true) return true;
    if (model.values === undefined || entry.op.needs === undefined) return false;
    return entry.op.needs.some(
      (value) => !model.values!.holds(state, value) && (supply.get(value) ?? 0) === 0,
    );
  }

  /** False: a value that is still needed has been replaced for good. */
  #place(entry: Entry, optional: number, state: number): boolean {
    const { component, op } = entry;
    const before = this.#stateOf(component);
    this.#trail.push({ entry, optional, stateBefore: before });
    this.#configuration[this.#programs.length + component] = state;
    const { model, states, supply, demand } = this.#components[component]!;
    if (optional >= 0) {
      this.#isUsed[optional] = 1;
      this.#used |= 1n << BigInt(optional);
    } else {
      this.#configuration[entry.process]!++;
      this.#placed++;
      for (const value of op.needs ?? []) count(demand, value, -1);
    }
    for (const value of op.gives ?? []) count(supply, value, -1);
    if (state === before || model.values === undefined) return true;
    const replaced = model.values.replaced(states.state(before), states.state(state));
    return replaced.every((value) => (demand.get(value) ?? 0) === 0 || (supply.get(value) ?? 0) > 0);
  }

  #undoTo(length: number): void {
    while (this.#trail.length > length) {
      const { entry, optional, stateBefore } = this.#trail.pop()!;
      const { supply, demand } = this.#components[entry.component]!;
      const { op } = entry;
      this.#configuration[this.#programs.length + entry.component] = stateBefore;
      if (optional >= 0) {
        this.#isUsed[optional] = 0;
        this.#used &= ~(1n << BigInt(optional));
      } else {
        this.#configuration[entry.process]!--;
        this.#placed--;
        for (const value of op.needs ?? []) count(demand, value, 1);
      }
      for (const value of op.gives ?? []) count(supply, value, 1);
    }
  }

  #stateOf(component: number): number {
    return this.#configuration[this.#programs.length + component]!;
  }
}

function count(counts: Map<string, number>, value: string, change: number): void {
  counts.set(value, (counts.get(value) ?? 0) + change);
}
