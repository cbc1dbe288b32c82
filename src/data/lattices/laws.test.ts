import * as fc from "fast-check";
import {
  adding,
  causalContexts,
  changing,
  contextOf,
  counterStores,
  counting,
  disableWinsFlags,
  disableWinsSet,
  elementStores,
  enableWinsFlags,
  enableWinsSet,
  extremumWrite,
  gCounterAdd,
  gCounters,
  gSetAdd,
  gSets,
  heldStores,
  lwwAdd,
  lwwElementSets,
  lwwRegisters,
  lwwRemove,
  lwwWrite,
  maxRegisters,
  minRegisters,
  mvDelete,
  mvRegisters,
  mvWrite,
  nextDot,
  orMaps,
  orSetAdd,
  orSetClear,
  orSetRemove,
  orSets,
  pnCounterAdd,
  pnCounters,
  removing,
  removingKey,
  twoPhaseAdd,
  twoPhaseRemove,
  twoPhaseSets,
  updating,
} from "./index.ts";
import { lawsOf } from "./laws.testkit.ts";

const element = fc.constantFrom("", "a", "b", "\xff\x00");
const numbers = fc.oneof(fc.integer(), fc.constantFrom(-0, 0, Infinity, -Infinity, 0.1));
const amount = fc.oneof(fc.bigInt(0n, 3n), fc.bigInt(0n, 2n ** 70n));
const addOrRemove = fc.record({ add: fc.boolean(), element });

lawsOf({
  lattice: causalContexts,
  operations: fc.constant(null),
  mutate: (state, replica) => contextOf([nextDot(state, replica)]),
});

lawsOf({
  lattice: gCounters,
  operations: amount,
  mutate: (state, replica, by) => gCounterAdd(state, replica, by),
});

lawsOf({
  lattice: pnCounters,
  operations: fc.tuple(amount, fc.boolean()),
  mutate: (state, replica, [by, down]) => pnCounterAdd(state, replica, down ? -by : by),
});

for (const lattice of [maxRegisters, minRegisters])
  lawsOf({ lattice, operations: numbers, mutate: (_, __, value) => extremumWrite(value) });

lawsOf({
  lattice: lwwRegisters,
  operations: fc.option(element),
  mutate: (_, __, value, stamp) => lwwWrite(stamp, value),
});

lawsOf({ lattice: gSets, operations: element, mutate: (_, __, added) => gSetAdd(added) });

lawsOf({
  lattice: twoPhaseSets,
  operations: addOrRemove,
  mutate: (state, _, { add, element }) => (add ? twoPhaseAdd(element) : twoPhaseRemove(state, element)),
});

lawsOf({
  lattice: lwwElementSets,
  operations: addOrRemove,
  mutate: (_, __, { add, element }, stamp) => (add ? lwwAdd(stamp, element) : lwwRemove(stamp, element)),
});

lawsOf({
  lattice: mvRegisters,
  operations: fc.record({ value: fc.option(element), blind: fc.boolean() }),
  mutate(state, replica, { value, blind }) {
    // A writer who has read nothing replaces nothing.
    const seen = blind ? causalContexts.bottom : state.context;
    return value === null ? mvDelete(state, seen) : mvWrite(state, replica, value, seen);
  },
});

lawsOf({
  lattice: orSets,
  operations: fc.oneof({ weight: 6, arbitrary: addOrRemove }, { weight: 1, arbitrary: fc.constant("clear") }),
  mutate: (state, replica, op) =>
    typeof op === "string"
      ? orSetClear(state, replica)
      : op.add
        ? orSetAdd(state, replica, op.element)
        : orSetRemove(state, replica, op.element),
});

lawsOf({
  lattice: enableWinsFlags,
  operations: fc.boolean(),
  mutate: (state, replica, on) => enableWinsSet(state, replica, on),
});

lawsOf({
  lattice: disableWinsFlags,
  operations: fc.boolean(),
  mutate: (state, replica, on) => disableWinsSet(state, replica, on),
});

const key = fc.constantFrom("k", "l");
const counters = orMaps("OR-map of counters", counterStores);
const scores = orMaps("OR-map of LWW scores", heldStores(lwwRegisters));
const sets = orMaps("OR-map of OR-maps of OR-sets", orMaps("inner", elementStores).stores);

lawsOf({
  lattice: counters.lattice,
  operations: fc.record({ key, by: fc.option(fc.bigInt(-5n, 5n)) }),
  mutate: (state, replica, { key, by }) =>
    by === null ? counters.remove(state, replica, key) : counters.update(state, replica, key, counting(by)),
});

lawsOf({
  lattice: scores.lattice,
  operations: fc.record({ key, value: fc.option(element) }),
  mutate: (state, replica, { key, value }, stamp) =>
    value === null
      ? scores.remove(state, replica, key)
      : scores.update(
          state,
          replica,
          key,
          changing(lwwRegisters, () => lwwWrite(stamp, value)),
        ),
});

lawsOf({
  lattice: sets.lattice,
  operations: fc.record({
    key,
    inner: key,
    element,
    kind: fc.constantFrom("add", "add", "remove", "drop", "drop-inner"),
  }),
  mutate(state, replica, { key, inner, element, kind }) {
    if (kind === "drop") return sets.remove(state, replica, key);
    const mutation =
      kind === "drop-inner"
        ? removingKey(elementStores, inner)
        : updating(elementStores, inner, kind === "add" ? adding(element) : removing(element));
    return sets.update(state, replica, key, mutation);
  },
});
