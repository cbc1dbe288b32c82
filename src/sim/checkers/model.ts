/** What an object is to the checkers: a deterministic state machine that accepts or refuses operations. */
import type { Operation } from "../history/event.ts";

export type Step<State> = { readonly ok: true; readonly state: State } | { readonly ok: false };

export const REFUSED: Step<never> = { ok: false };

/** An operation as the model understands it; a model adds what it needs to take a step. */
export interface Compiled {
  /** Function and argument. Two operations with the same effect and no constraint on the output are interchangeable. */
  readonly effect: string;
  /**
   * Function, argument and what the output demands. Two operations with one signature are interchangeable. Not used for
   * those that are read-only.
   */
  readonly signature: string;
  /** Never changes the state. */
  readonly readOnly: boolean;
  /**
   * For models with `values`: those that must hold for this operation to be legal, and those that hold after it unless
   * they did before. Lets a search see that a value which is still needed cannot come back.
   */
  readonly needs?: readonly string[];
  readonly gives?: readonly string[];
  /** For models whose state is one value: the only one in which this operation is not legal. */
  readonly avoids?: string;
  /** For the same models: legal in every state, and leaves the same one. */
  readonly blind?: boolean;
}

/** For models whose state consists of values that operations write and read as they are: one value, or one per key. */
export interface Values<State> {
  /** The state is one value: every operation that gives one replaces whatever was there. */
  readonly isSingle: boolean;
  holds(state: State, value: string): boolean;
  /** What holds in `from` and no longer in `to`. */
  replaced(from: State, to: State): readonly string[];
}

/**
 * States are immutable values. `step` is a pure function. An operation whose outcome is `info` is compiled without any
 * demand on its output, and only its successful effect needs to be modelled: that it did nothing is always possible.
 */
export interface Model<State, Op extends Compiled = Compiled> {
  readonly init: State;
  /** @throws HistoryError when the model does not know the function, or its argument or result is malformed. */
  compile(operation: Operation): Op;
  step(state: State, op: Op): Step<State>;
  /** Equal keys if and only if the states are equal. */
  key(state: State): string | number;
  describe(state: State): string;
  readonly values?: Values<State>;
  /** True only if no sequence of operations of this history can make `op` legal once the state has been reached. */
  hopeless?(state: State, op: Op): boolean;
  /** True only if `op`, legal in `state`, changes nothing in it or in any state that can come after it. */
  inert?(state: State, op: Op): boolean;
  /**
   * Whether an operation of unknown outcome may be worth placing in `state`, in which `blocked` is not legal. Given, it
   * promises that such an operation is never needed in a state in which it helps no blocked operation (see search.ts).
   */
  helps?(state: State, optional: Op, blocked: Op): boolean;
}

/** What a search found out. */
export type Decision =
  | { readonly verdict: "accepted"; readonly order: readonly Operation[]; readonly state: string }
  /** `because`: a weaker history (see weaker.ts) that is refused. */
  | { readonly verdict: "refused"; readonly because?: readonly Operation[] }
  /** `suspects`: lines of returns up to which the history may be impossible already. */
  | { readonly verdict: "undecided"; readonly why: string; readonly suspects: readonly number[] };

/** Operations that can be checked without looking at the others. */
export interface Part {
  /** Such as `key "x"`. */
  readonly label: string;
  readonly operations: readonly Operation[];
}

/** A kind of object: how its history falls into independent parts, and the model of one part. */
export interface ObjectKind {
  readonly name: string;
  /** Linearizability is local (Herlihy and Wing): a history is linearizable if and only if every part is. */
  partition(operations: readonly Operation[]): readonly Part[];
  /** The model may specialise itself on these operations, as long as it refuses no legal order of them. */
  model(operations: readonly Operation[]): Model<unknown>;
  /** Decides by a special algorithm whether a part is linearizable; null when that does not apply to it. */
  shortcut?(operations: readonly Operation[]): Decision | null;
  /** Quickly proves, if it can, that all operations together are not sequentially consistent. */
  refuteSequential?(operations: readonly Operation[]): boolean;
  /** A weaker history of a part (see weaker.ts) that falls into smaller parts. */
  weaken?(operations: readonly Operation[]): readonly Operation[];
  /** A weaker history of a part that has only what is close to this line. */
  window?(operations: readonly Operation[], line: number, width: number): readonly Operation[];
}
