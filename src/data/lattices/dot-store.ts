/**
 * Data whose parts carry the dots of the events that wrote them (Almeida et al. 2018, causal delta-CRDTs). Together with a causal
 * context they form a lattice in which **removal leaves nothing behind**: a dot that the context knows and the store does
 * not hold has been removed, so an old state cannot bring it back and no tombstone is needed.
 */
import { CodecError } from "../../core/bytes.ts";
import type { ReplicaId } from "../../core/ids.ts";
import { type CausalContext, causalContexts, compareDots, contextOf, type Dot } from "./causal-context.ts";
import { EMPTY_CONTEXT, knows, nextDot } from "./causal-context.ts";
import { counts, maps, readPositive, replicas, texts } from "./encoding.ts";
import { type Codec, lattice, type Lattice } from "./lattice.ts";

/** A kind of store; every operation on two stores sees the contexts that they stand in. */
export interface DotStore<Store> extends Codec<Store> {
  readonly empty: Store;
  isEmpty(store: Store): boolean;
  dots(store: Store): readonly Dot[];
  join(left: Store, leftKnows: CausalContext, right: Store, rightKnows: CausalContext): Store;
  /** Given that the left context is contained in the right one. */
  leq(left: Store, leftKnows: CausalContext, right: Store): boolean;
}

export interface Written<V> {
  readonly dot: Dot;
  readonly value: V;
}

/** Values by the dot that wrote them, ascending: the papers' DotFun, and with `unit` as values their DotSet. */
export type DotFun<V> = readonly Written<V>[];
export type DotMap<Inner> = ReadonlyMap<string, Inner>;

export function dotFun<V>(values: Lattice<V>): DotStore<DotFun<V>> {
  return {
    empty: [],
    isEmpty: (store) => store.length === 0,
    dots: (store) => store.map((written) => written.dot),
    join(left, leftKnows, right, rightKnows) {
      const joined: Written<V>[] = [];
      let l = 0;
      let r = 0;
      while (l < left.length || r < right.length) {
        const mine = left[l];
        const other = right[r];
        const order = mine === undefined ? 1 : other === undefined ? -1 : compareDots(mine.dot, other.dot);
        if (order === 0) joined.push({ dot: mine!.dot, value: values.join(mine!.value, other!.value) });
        else if (order < 0 && !knows(rightKnows, mine!.dot)) joined.push(mine!);
        else if (order > 0 && !knows(leftKnows, other!.dot)) joined.push(other!);
        if (order <= 0) l++;
        if (order >= 0) r++;
      }
      return joined;
    },
    leq(left, leftKnows, right) {
      return right.every(({ dot, value }) => {
        const mine = left.find((written) => compareDots(written.dot, dot) === 0);
        return mine === undefined ? !knows(leftKnows, dot) : values.leq(mine.value, value);
      });
    },
    encode(writer, store) {
      writer.varint(store.length);
      for (const { dot, value } of store) {
        replicas.encode(writer, dot.replica);
        writer.varint(dot.counter);
        values.encode(writer, value);
      }
    },
    decode(reader) {
      const store: Written<V>[] = [];
      for (let left = counts.decode(reader); left > 0; left--) {
        const dot = { replica: replicas.decode(reader), counter: readPositive(reader) };
        const last = store.at(-1);
        if (last !== undefined && compareDots(last.dot, dot) >= 0) throw new CodecError("dots out of order");
        store.push({ dot, value: values.decode(reader) });
      }
      return store;
    },
  };
}

/**
 * The store after a change that was made on it: without what the change replaces, with what it writes under a new dot. It is what
 * the join with the change's delta comes to, without contexts.
 */
export function changed<V>(
  store: DotFun<V>,
  written: DotFun<V>,
  replaced: readonly Dot[],
): readonly Written<V>[] {
  const kept =
    store.length === 0 || replaced.length === 0
      ? store
      : store.filter(({ dot }) => !replaced.some((other) => compareDots(dot, other) === 0));
  if (kept.length === 0) return written;
  if (written.length === 0) return kept;
  return [...kept, ...written].sort((left, right) => compareDots(left.dot, right.dot));
}

/** Stores by key. A key whose store is empty is not there. */
export function dotMap<Inner>(inner: DotStore<Inner>): DotStore<DotMap<Inner>> {
  const codec = maps(texts, inner);
  return {
    empty: new Map(),
    isEmpty: (store) => store.size === 0,
    dots: (store) => [...store.values()].flatMap((part) => inner.dots(part)),
    join(left, leftKnows, right, rightKnows) {
      const joined = new Map<string, Inner>();
      for (const [key, mine] of left) {
        const part = inner.join(mine, leftKnows, right.get(key) ?? inner.empty, rightKnows);
        if (!inner.isEmpty(part)) joined.set(key, part);
      }
      for (const [key, other] of right) {
        if (left.has(key)) continue;
        const part = inner.join(inner.empty, leftKnows, other, rightKnows);
        if (!inner.isEmpty(part)) joined.set(key, part);
      }
      return joined;
    },
    leq(left, leftKnows, right) {
      for (const [key, other] of right)
        if (!inner.leq(left.get(key) ?? inner.empty, leftKnows, other)) return false;
      return true;
    },
    encode: codec.encode,
    decode(reader) {
      const store = codec.decode(reader);
      for (const part of store.values())
        if (inner.isEmpty(part)) throw new CodecError("a key without a store");
      return store;
    },
  };
}

/** A store in its context: the papers' Causal. */
export interface Causal<Store> {
  readonly store: Store;
  readonly context: CausalContext;
}

export function causal<Store>(name: string, stores: DotStore<Store>): Lattice<Causal<Store>> {
  return lattice({
    name,
    bottom: { store: stores.empty, context: EMPTY_CONTEXT },
    join: (left, right) => ({
      store: stores.join(left.store, left.context, right.store, right.context),
      context: causalContexts.join(left.context, right.context),
    }),
    leq: (left, right) =>
      causalContexts.leq(left.context, right.context) && stores.leq(left.store, left.context, right.store),
    encode(writer, state) {
      causalContexts.encode(writer, state.context);
      stores.encode(writer, state.store);
    },
    decode(reader) {
      const context = causalContexts.decode(reader);
      const store = stores.decode(reader);
      const seen = new Map<ReplicaId, Set<number>>();
      for (const dot of stores.dots(store)) {
        const counters = seen.get(dot.replica) ?? new Set();
        if (counters.has(dot.counter)) throw new CodecError("one dot at two places");
        if (!knows(context, dot)) throw new CodecError("a dot outside of its context");
        seen.set(dot.replica, counters.add(dot.counter));
      }
      return { store, context };
    },
  });
}

/** What an operation writes, under the dot that it was given or under none, and the dots that it replaces. */
export interface Change<Store> {
  readonly store: Store;
  readonly replaced: readonly Dot[];
}

/** An operation on a store, wherever it is nested. `dot` is the operation's own. */
export type Mutation<Store> = (store: Store, dot: Dot) => Change<Store>;

/** The delta of an operation of a replica on its state. */
export function mutate<Store>(
  stores: DotStore<Store>,
  state: Causal<Store>,
  replica: ReplicaId,
  mutation: Mutation<Store>,
): Causal<Store> {
  const { store, replaced } = mutation(state.store, nextDot(state.context, replica));
  return { store, context: contextOf([...stores.dots(store), ...replaced]) };
}
