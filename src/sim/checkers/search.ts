/**
 * The search for a linearization of one object's history: Wing and Gong's depth-first search ("Testing and verifying
 * concurrent objects", 1993) with Lowe's memoisation of configurations and just-in-time order ("Testing for
 * linearizability", 2017).
 *
 * Operations are *required* (they ended `ok`) or *optional* (`info`: they take effect at any time after their invocation,
 * or never). A configuration is: the earliest return `p` of a required operation that is not placed yet; which of the
 * required operations open at that moment are placed; the state; the optional operations used. Everything that returned
 * before `p` is placed and nothing invoked after `p` can be, so that a configuration stays small however long the history.
 *
 * What keeps the search narrow, and why no linearization is lost by it:
 *  - S1. A legal operation that never changes the state, here or later, is placed at once. (Wherever a linearization has
 *        it, it can be moved forward to here: it changes nothing for the others.)
 *  - S2. Of the legal operations with the same signature only the one that returns first is tried, and no optional one
 *        while a legal required one has the same effect. (In a linearization the two can be exchanged.)
 *  - S3. Optional operations are tried only where the model says that they could help a blocked operation. (Elsewhere
 *        they can be moved behind the next operation, or left out.)
 *  - S4. A configuration is given up when an open operation is hopeless, or a value that is still needed can no longer
 *        be produced.
 *  - S6. Before an operation that overwrites whatever is there, those that overwrite too are placed, and the open reads of
 *        their values, if nobody else can ever see these values. Otherwise they are tried only at their own return. (In a
 *        linearization they can be moved in front of the next overwriting operation, where they leave no trace.)
 *  - S5. A configuration that was visited before with the same or fewer optional operations used is not visited again.
 *
 * Order of trial: the operation that returns first if it is legal, then those that make it legal, then those that come
 * closer to that, then the others by their return. It only matters for speed.
 */
import type { Operation } from "../history/event.ts";
import { Configurations, StateNumbers, type Budget } from "./configurations.ts";
import type { Compiled, Decision, Model } from "./model.ts";
import { SupplyAndDemand } from "./supply.ts";

/** Decides whether the operations of one object are linearizable. `fail`ed operations are ignored: they did not happen. */
export function searchLinearization(
  operations: readonly Operation[],
  model: Model<unknown>,
  budget: Budget,
): Decision {
  return new LinearizationSearch(operations, model, budget).run();
}

interface Entry {
  readonly operation: Operation;
  readonly op: Compiled;
}

/** The alternatives at one depth of the search. */
interface Frame {
  /** Length of the trail when the frame was entered, after S1. */
  readonly trail: number;
  readonly state: number;
  /** Required operations to try, and the states they lead to; optional ones as `~index`. Extended by the next stage. */
  readonly tries: number[];
  readonly leadsTo: number[];
  next: number;
  stage: Stage;
  /** Kept for the later stages. */
  readonly others: readonly number[];
  readonly othersLeadTo: readonly number[];
  readonly legalEffects: ReadonlySet<string>;
  readonly blocked: readonly number[];
  /** See S6. */
  readonly free: readonly number[];
}

/** Which alternatives have been listed so far; optional ones are listed late because it costs most and helps least. */
type Stage = "first" | "enabling-optional" | "others" | "all";

const NONE = -1;

class LinearizationSearch {
  readonly #model: Model<unknown>;
  readonly #budget: Budget;
  readonly #required: readonly Entry[];
  readonly #optional: readonly Entry[];
  /** Optional operations by effect, each in the order of invocation: those of one effect are used in that order. */
  readonly #classes: readonly (readonly number[])[];
  readonly #classOf: Int32Array;
  readonly #usedOfClass: Int32Array;
  readonly #needsOfClass: readonly (readonly string[])[];
  readonly #classesGiving = new Map<string, number[]>();
  #used = 0n;

  /** Required operations that are not placed, in the order of invocation: a list whose head is at index `n`. */
  readonly #after: Int32Array;
  readonly #before: Int32Array;
  readonly #call: Float64Array;
  readonly #return: Float64Array;
  readonly #byReturn: Int32Array;
  readonly #placed: Uint8Array;
  /** Distinguishes the operations open at one time. */
  readonly #slot: Int32Array;
  #earliest = 0;
  /** The furthest that `earliest` ever was. */
  #reached = 0;
  /** The returns of operations that could not get the value that they need, and how often. */
  readonly #unmet = new Map<number, number>();

  readonly #trail: number[] = [];
  readonly #earliestBefore: number[] = [];

  readonly #states: StateNumbers<unknown>;
  readonly #visited: Configurations;
  readonly #configuration: Int32Array;
  readonly #supply: SupplyAndDemand | null;
  #steps = 0;

  constructor(operations: readonly Operation[], model: Model<unknown>, budget: Budget) {
    this.#model = model;
    this.#budget = budget;
    const entries = operations
      .filter((operation) => operation.outcome !== "fail")
      .map((operation): Entry => ({ operation, op: model.compile(operation) }))
      .sort((a, b) => a.operation.call - b.operation.call);
    this.#required = entries.filter((entry) => entry.operation.outcome === "ok");
    this.#optional = entries.filter((entry) => entry.operation.outcome !== "ok" && !entry.op.readOnly);

    const n = this.#required.length;
    this.#call = Float64Array.from(this.#required, (entry) => entry.operation.call);
    this.#return = Float64Array.from(this.#required, (entry) => entry.operation.return);
    this.#byReturn = Int32Array.from(this.#required.keys()).sort(
      (a, b) => this.#return[a]! - this.#return[b]!,
    );
    this.#placed = new Uint8Array(n);
    this.#after = Int32Array.from({ length: n + 1 }, (_, index) => (index === n ? 0 : index + 1));
    this.#before = Int32Array.from({ length: n + 1 }, (_, index) => (index === 0 ? n : index - 1));
    const { slots, words } = assignSlots(this.#call, this.#return, this.#byReturn);
    this.#slot = slots;

    const classes = new Map<string, number[]>();
    this.#optional.forEach((entry, index) => push(classes, entry.op.effect, index));
    this.#classes = [...classes.values()];
    this.#classOf = new Int32Array(this.#optional.length);
    this.#usedOfClass = new Int32Array(this.#classes.length);
    this.#needsOfClass = this.#classes.map((members) => this.#optional[members[0]!]!.op.needs ?? []);
    this.#classes.forEach((members, number) => {
      for (const index of members) this.#classOf[index] = number;
      for (const value of this.#optional[members[0]!]!.op.gives ?? [])
        push(this.#classesGiving, value, number);
    });

    this.#states = new StateNumbers((state) => model.key(state));
    this.#visited = new Configurations(2 + words);
    this.#configuration = new Int32Array(2 + words);
    this.#supply = model.values === undefined ? null : new SupplyAndDemand(this.#required);
  }

  run(): Decision {
    if (this.#isHopelessFromTheStart()) return { verdict: "refused" };
    const frames: Frame[] = [];
    const n = this.#required.length;
    let state = this.#states.numberOf(this.#model.init);
    let frame = this.#enter(state);
    for (;;) {
      if (this.#earliest === n) return this.#accepted(state);
      this.#reached = Math.max(this.#reached, this.#earliest);
      if (this.#steps > this.#budget.steps) return this.#undecided(`${this.#budget.steps} steps`);
      if (this.#visited.size > this.#budget.memory) {
        return this.#undecided(`${this.#visited.count} configurations`);
      }
      if (frame !== null) frames.push(frame);
      // Back to the nearest frame that has an alternative left.
      let top = frames.at(-1);
      while (top !== undefined) {
        this.#undoTo(top.trail);
        if (top.next < top.tries.length || this.#listMore(top)) break;
        frames.pop();
        top = frames.at(-1);
      }
      if (top === undefined) return { verdict: "refused" };
      const choice = top.tries[top.next]!;
      state = top.leadsTo[top.next]!;
      top.next++;
      this.#placeFree(choice, top.free);
      if (choice >= 0) this.#place(choice);
      else this.#use(~choice);
      frame = this.#enter(state, top.state);
    }
  }

  #accepted(state: number): Decision {
    const order = this.#trail.map((move) =>
      move >= 0 ? this.#required[move]!.operation : this.#optional[~move]!.operation,
    );
    return { verdict: "accepted", order, state: this.#model.describe(this.#states.state(state)) };
  }

  #undecided(bound: string): Decision {
    const reached = this.#return[this.#byReturn[this.#reached]!]!;
    const unmet = [...this.#unmet].sort(([, a], [, b]) => b - a).map(([line]) => line);
    const suspects = [
      ...new Set([...unmet.slice(0, 3), ...unmet.sort((a, b) => b - a).slice(0, 2), reached]),
    ];
    return { verdict: "undecided", why: `no answer within ${bound}`, suspects };
  }

  /** Places what costs nothing (S1) and lists what can be tried next. Null: nothing comes of this configuration. */
  #enter(number: number, from: number = number): Frame | null {
    const state = this.#states.state(number);
    if (number !== from && this.#leavesNeededValue(from, number)) return null;
    const legal: number[] = [];
    const leadsTo: number[] = [];
    const blocked: number[] = [];
    const n = this.#required.length;
    let deadline = this.#deadline();
    for (
      let index = this.#after[n]!;
      index !== n && this.#call[index]! < deadline;
      index = this.#after[index]!
    ) {
      const { op } = this.#required[index]!;
      this.#steps++;
      const step = this.#model.step(state, op);
      if (!step.ok) {
        if (this.#isHopeless(state, index)) return null;
        blocked.push(index);
        continue;
      }
      if (op.readOnly || this.#model.inert?.(state, op) === true) {
        this.#place(index);
        deadline = this.#deadline();
      } else {
        legal.push(index);
        leadsTo.push(this.#states.numberOf(step.state));
      }
    }
    if (this.#earliest < n && !this.#admit(number)) return null;
    return this.#frame(number, legal, leadsTo, blocked);
  }

  #frame(
    state: number,
    legal: readonly number[],
    leadsTo: readonly number[],
    blocked: readonly number[],
  ): Frame {
    const urgent = this.#byReturn[this.#earliest];
    const urgentOp = urgent === undefined ? null : this.#required[urgent]!.op;
    const urgentIsBlocked = urgent !== undefined && blocked.includes(urgent);
    const distance = urgentIsBlocked ? this.#distances(state, leadsTo, urgentOp!) : null;
    const order = legal.map((_, position) => position);
    order.sort(
      (a, b) =>
        (distance === null ? 0 : distance[a]! - distance[b]!) ||
        this.#return[legal[a]!]! - this.#return[legal[b]!]!,
    );
    const tries: number[] = [];
    const triesLeadTo: number[] = [];
    const others: number[] = [];
    const othersLeadTo: number[] = [];
    const free = this.#supply === null ? [] : legal.filter((index) => this.#isFree(index, state));
    const signatures = new Set<string>();
    const legalEffects = new Set<string>();
    for (const position of order) {
      const index = legal[position]!;
      const next = leadsTo[position]!;
      const { op } = this.#required[index]!;
      if (signatures.has(op.signature)) continue;
      signatures.add(op.signature);
      legalEffects.add(op.effect);
      if (
        index === urgent ||
        (urgentOp !== null && blocked.includes(urgent!) && this.#enables(next, urgentOp))
      ) {
        tries.push(index);
        triesLeadTo.push(next);
      } else if (!free.includes(index)) {
        others.push(index);
        othersLeadTo.push(next);
      }
    }
    return {
      trail: this.#trail.length,
      state,
      tries,
      leadsTo: triesLeadTo,
      next: 0,
      stage: "first",
      others,
      othersLeadTo,
      legalEffects,
      blocked,
      free,
    };
  }

  /** How many of the values that an operation needs are missing after each alternative. */
  #distances(state: number, leadsTo: readonly number[], op: Compiled): readonly number[] | null {
    const { values } = this.#model;
    if (values === undefined || op.needs === undefined || op.needs.length < 2) return null;
    const now = this.#states.state(state);
    const needs = new Set(op.needs);
    return leadsTo.map((next) => {
      const after = this.#states.state(next);
      let distance = 0;
      for (const value of values.replaced(now, after)) if (needs.has(value)) distance++;
      for (const value of values.replaced(after, now)) if (needs.has(value)) distance--;
      return distance;
    });
  }

  /** Adds the next stage's alternatives to the frame, whose configuration is the present one. */
  #listMore(frame: Frame): boolean {
    while (frame.stage !== "all" && frame.next === frame.tries.length) {
      switch (frame.stage) {
        case "first":
          frame.stage = "enabling-optional";
          this.#listOptional(frame, true);
          break;
        case "enabling-optional":
          frame.stage = "others";
          frame.tries.push(...frame.others);
          frame.leadsTo.push(...frame.othersLeadTo);
          break;
        case "others":
          frame.stage = "all";
          this.#listOptional(frame, false);
          break;
      }
    }
    return frame.next < frame.tries.length;
  }

  #listOptional(frame: Frame, enabling: boolean): void {
    if (this.#optional.length === 0) return;
    const { helps } = this.#model;
    if (helps !== undefined && frame.blocked.length === 0) return;
    const urgent = this.#byReturn[this.#earliest]!;
    const urgentIsBlocked = frame.blocked.includes(urgent);
    if (enabling && !urgentIsBlocked) return;
    const state = this.#states.state(frame.state);
    const urgentOp = this.#required[urgent]!.op;
    const useful = this.#usefulClasses(state, enabling ? [urgent] : frame.blocked);
    for (const number of useful ?? this.#classes.keys()) {
      const index = this.#nextOfClass(number);
      if (index === NONE) continue;
      const { op } = this.#optional[index]!;
      if (frame.legalEffects.has(op.effect)) continue;
      this.#steps++;
      const step = this.#model.step(state, op);
      if (!step.ok) continue;
      const next = this.#states.numberOf(step.state);
      if (next === frame.state) continue;
      // Those that enable the urgent operation are listed first; they must not be listed again.
      const enables = urgentIsBlocked && this.#enables(next, urgentOp);
      if (enables !== enabling) continue;
      if (!enabling && useful === null && !this.#helpsSomebody(frame, state, op)) continue;
      frame.tries.push(~index);
      frame.leadsTo.push(next);
    }
  }

  /**
   * The classes that can be of use to the blocked operations, by the values that these miss, as there may be thousands of
   * classes. Null: it takes more than values to tell.
   */
  #usefulClasses(state: unknown, blocked: readonly number[]): Iterable<number> | null {
    const { values, helps } = this.#model;
    if (values === undefined || helps === undefined) return null;
    // Backwards from what is missing, along optional operations that need something themselves.
    const classes = new Set<number>();
    const wanted: string[] = [];
    for (const index of blocked) {
      const { needs } = this.#required[index]!.op;
      if (needs === undefined) return null;
      for (const value of needs) if (!values.holds(state, value)) wanted.push(value);
    }
    for (let value = wanted.pop(); value !== undefined; value = wanted.pop()) {
      for (const number of this.#classesGiving.get(value) ?? []) {
        if (classes.has(number) || this.#nextOfClass(number) === NONE) continue;
        classes.add(number);
        wanted.push(...this.#needsOfClass[number]!);
      }
    }
    return classes;
  }

  #helpsSomebody(frame: Frame, state: unknown, optional: Compiled): boolean {
    const { helps } = this.#model;
    return (
      helps === undefined || frame.blocked.some((index) => helps(state, optional, this.#required[index]!.op))
    );
  }

  /** The optional operation of this class to be used next, if it has been invoked by now. */
  #nextOfClass(number: number): number {
    const index = this.#classes[number]![this.#usedOfClass[number]!];
    if (index === undefined) return NONE;
    return this.#optional[index]!.operation.call < this.#deadline() ? index : NONE;
  }

  #enables(state: number, op: Compiled): boolean {
    this.#steps++;
    return this.#model.step(this.#states.state(state), op).ok;
  }

  #isHopeless(state: unknown, index: number): boolean {
    const { op } = this.#required[index]!;
    if (this.#model.hopeless?.(state, op) === true) return true;
    const { values } = this.#model;
    if (values === undefined || op.needs === undefined) return false;
    const time = this.#return[index]!;
    return op.needs.some((value) => !values.holds(state, value) && !this.#canBecome(value, time));
  }

  /** Something that is seen was never there, or certainly not at that time. */
  #isHopelessFromTheStart(): boolean {
    const { values, init } = this.#model;
    if (values === undefined) return false;
    return this.#required.some(({ op }, index) =>
      op.needs?.some((value) => {
        const time = this.#return[index]!;
        const isInitial = values.holds(init, value);
        if (this.#optionalCanGive(value, time)) return false;
        return values.isSingle
          ? !this.#supply!.canBeServed(index, value, isInitial)
          : !isInitial && !this.#canBecome(value, time);
      }),
    );
  }

  /** S4: somebody will need a value that has just been replaced, and nobody is left who can bring it back in time. */
  #leavesNeededValue(from: number, to: number): boolean {
    const { values } = this.#model;
    if (values === undefined) return false;
    return values.replaced(this.#states.state(from), this.#states.state(to)).some((value) => {
      const demand = this.#supply!.nextDemand(value, this.#deadline(), this.#placed);
      const isLost = demand !== Infinity && !this.#canBecome(value, demand);
      if (isLost) this.#unmet.set(demand, (this.#unmet.get(demand) ?? 0) + 1);
      return isLost;
    });
  }

  /** Whether an operation that is invoked before `time` can still bring the state to this value. */
  #canBecome(value: string, time: number): boolean {
    return (
      this.#optionalCanGive(value, time) ||
      this.#supply!.canSupply(value, time, this.#deadline(), this.#placed)
    );
  }

  #optionalCanGive(value: string, time: number): boolean {
    for (const number of this.#classesGiving.get(value) ?? []) {
      const index = this.#classes[number]![this.#usedOfClass[number]!];
      if (index !== undefined && this.#optional[index]!.operation.call < time) return true;
    }
    return false;
  }

  #isFree(index: number, state: number): boolean {
    const { gives, blind } = this.#required[index]!.op;
    if (blind !== true) return false;
    const value = gives![0]!;
    const isLeft = (number: number): boolean => this.#usedOfClass[number]! < this.#classes[number]!.length;
    if (this.#needsOfClass.some((needs, number) => needs[0] === value && isLeft(number))) return false;
    const now = this.#model.key(this.#states.state(state));
    return this.#supply!.isFree(
      index,
      this.#deadline(),
      this.#placed,
      (other, time) => other === now || this.#canBecome(other, time),
    );
  }

  /** S6: what goes without saying before a blind operation. */
  #placeFree(choice: number, free: readonly number[]): void {
    if (free.length === 0) return;
    const { op } = choice >= 0 ? this.#required[choice]! : this.#optional[~choice]!;
    if (op.blind !== true) return;
    const deadline = this.#deadline();
    for (const index of free) {
      if (index === choice) continue;
      this.#place(index);
      const { gives } = this.#required[index]!.op;
      this.#supply!.forOpenDemanders(gives![0]!, deadline, this.#placed, (reader) => this.#place(reader));
    }
  }

  #deadline(): number {
    const earliest = this.#byReturn[this.#earliest];
    return earliest === undefined ? Infinity : this.#return[earliest]!;
  }

  #place(index: number): void {
    this.#trail.push(index);
    this.#earliestBefore.push(this.#earliest);
    this.#placed[index] = 1;
    const before = this.#before[index]!;
    const after = this.#after[index]!;
    this.#after[before] = after;
    this.#before[after] = before;
    this.#toggle(index);
    let earliest = this.#earliest;
    for (; earliest < this.#byReturn.length && this.#placed[this.#byReturn[earliest]!] === 1; earliest++) {
      this.#toggle(this.#byReturn[earliest]!);
    }
    this.#earliest = earliest;
  }

  #use(index: number): void {
    this.#trail.push(~index);
    this.#earliestBefore.push(this.#earliest);
    this.#usedOfClass[this.#classOf[index]!]!++;
    this.#used |= 1n << BigInt(index);
  }

  #undoTo(length: number): void {
    while (this.#trail.length > length) {
      const move = this.#trail.pop()!;
      const earliest = this.#earliestBefore.pop()!;
      if (move < 0) {
        this.#usedOfClass[this.#classOf[~move]!]!--;
        this.#used &= ~(1n << BigInt(~move));
        continue;
      }
      for (; this.#earliest > earliest; this.#earliest--) this.#toggle(this.#byReturn[this.#earliest - 1]!);
      this.#toggle(move);
      this.#after[this.#before[move]!] = move;
      this.#before[this.#after[move]!] = move;
      this.#placed[move] = 0;
    }
  }

  /** The configuration marks the placed operations that are still open at the earliest return. */
  #toggle(index: number): void {
    const slot = this.#slot[index]!;
    this.#configuration[2 + (slot >> 5)]! ^= 1 << (slot & 31);
  }

  #admit(state: number): boolean {
    this.#configuration[0] = this.#earliest;
    this.#configuration[1] = state;
    return this.#visited.admit(this.#configuration, this.#used);
  }
}

function push<K>(lists: Map<K, number[]>, key: K, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

/** Gives every required operation a number that no other operation open at the same time has. */
function assignSlots(
  calls: Float64Array,
  returns: Float64Array,
  byReturn: Int32Array,
): { readonly slots: Int32Array; readonly words: number } {
  const slots = new Int32Array(calls.length);
  const free: number[] = [];
  let returned = 0;
  let count = 0;
  calls.forEach((call, index) => {
    for (; returned < byReturn.length && returns[byReturn[returned]!]! < call; returned++) {
      free.push(slots[byReturn[returned]!]!);
    }
    slots[index] = free.pop() ?? count++;
  });
  return { slots, words: (count + 31) >> 5 };
}
