/** What each type means, told by stories, and by what the history of operations says should be left. */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  cloudSize,
  counterStores,
  counterValue,
  counting,
  type DisableWinsFlag,
  disableWinsFlags,
  disableWinsSet,
  disableWinsValue,
  enableWinsFlags,
  enableWinsSet,
  enableWinsValue,
  extremumWrite,
  gCounterAdd,
  gCounters,
  gCounterValue,
  gSetAdd,
  gSetElements,
  gSetHas,
  gSets,
  changing,
  heldStores,
  heldValue,
  joinAll,
  lwwAdd,
  lwwElements,
  lwwElementSets,
  lwwRegisters,
  lwwRemove,
  lwwValue,
  lwwWrite,
  MAX_ADDED,
  maxRegisters,
  minRegisters,
  mvDelete,
  type MvRegister,
  mvRegisters,
  mvValues,
  mvWrite,
  orMaps,
  type OrSet,
  orSetAdd,
  orSetClear,
  orSetElements,
  orSetHas,
  orSetRemove,
  orSets,
  pnCounterAdd,
  pnCounters,
  pnCounterValue,
  siblingStores,
  siblingValues,
  toBytes,
  twoPhaseAdd,
  twoPhaseElements,
  twoPhaseRemove,
  twoPhaseSets,
  writing,
} from "./index.ts";
import { A, B, C, check, runs, type Subject, unseen } from "./laws.testkit.ts";

const stamp = (wall: number, node = A) => ({ wall, logical: 0, node });

describe("counters", () => {
  test("two sides of a partition count on, and nothing is lost or counted twice", () => {
    const left = joinAll(gCounters, [gCounterAdd(gCounters.bottom, A, 2n)]);
    const right = gCounterAdd(gCounters.bottom, B, 3n);
    const healed = gCounters.join(left, right);
    expect(gCounterValue(healed)).toBe(5n);
    expect(gCounterValue(gCounters.join(healed, right))).toBe(5n);
  });

  test("a G-counter does not shrink, and no counter goes over its limit", () => {
    expect(() => gCounterAdd(gCounters.bottom, A, -1n)).toThrow("only grows");
    const full = gCounterAdd(gCounters.bottom, A, MAX_ADDED);
    expect(() => gCounterAdd(full, A, 1n)).toThrow("used up");
    expect(toBytes(gCounters, full)).toHaveLength(21);
  });

  test("a PN-counter is the sum of all that was ever added, whoever added it", () => {
    const subject: Subject<typeof pnCounters.bottom, bigint> = {
      lattice: pnCounters,
      operations: fc.bigInt(-100n, 100n),
      mutate: (state, replica, by) => pnCounterAdd(state, replica, by),
    };
    check(
      fc.property(runs(subject), ({ deltas, events }) => {
        const sum = events.reduce((total, { op }) => total + op, 0n);
        expect(pnCounterValue(joinAll(pnCounters, deltas))).toBe(sum);
      }),
    );
  });
});

describe("registers", () => {
  test("a monotonic register keeps the greatest, or the least, and refuses what has no order", () => {
    const writes = [3, -0, 7, -2].map(extremumWrite);
    expect(joinAll(maxRegisters, writes)).toBe(7);
    expect(joinAll(minRegisters, writes)).toBe(-2);
    expect(minRegisters.join(null, 4)).toBe(4);
    expect(extremumWrite(-0)).toBe(0);
    expect(() => extremumWrite(Number.NaN)).toThrow("numbers");
  });

  test("the last writer wins, a deletion included, however late an older write arrives", () => {
    const old = lwwWrite(stamp(1), "old");
    const deleted = lwwWrite(stamp(2), null);
    expect(lwwValue(lwwRegisters.join(deleted, old))).toBeNull();
    expect(lwwValue(joinAll(lwwRegisters, [deleted, lwwWrite(stamp(2, B), "b"), old]))).toBe("b");
  });

  test("concurrent writes are siblings; who has read both resolves them, and an old state brings none back", () => {
    const base = mvWrite(mvRegisters.bottom, A, "base");
    const left = mvRegisters.join(base, mvWrite(base, A, "left"));
    const right = mvRegisters.join(base, mvWrite(base, B, "right"));
    const both = mvRegisters.join(left, right);
    expect(mvValues(both)).toEqual(["left", "right"]);
    const resolved = mvRegisters.join(both, mvWrite(both, C, "merged"));
    expect(mvValues(resolved)).toEqual(["merged"]);
    expect(mvValues(joinAll(mvRegisters, [resolved, left, base, right]))).toEqual(["merged"]);
  });

  test("two clients who had read the same resolve at one replica: neither's value is lost", () => {
    const read = mvWrite(mvRegisters.bottom, A, "read by both");
    const first = mvRegisters.join(read, mvWrite(read, A, "one", read.context));
    const second = mvRegisters.join(first, mvWrite(first, A, "two", read.context));
    expect(mvValues(second)).toEqual(["one", "two"]);
    expect(mvValues(mvRegisters.join(second, mvDelete(second, first.context)))).toEqual(["two"]);
  });

  test("a client reads at one replica and writes at another, which has not heard of what it replaces", () => {
    const here = mvWrite(mvRegisters.bottom, A, "here");
    const elsewhere = mvWrite(mvRegisters.bottom, B, "new", here.context);
    expect(mvValues(mvRegisters.join(elsewhere, here))).toEqual(["new"]);
  });

  test("what is left in an MV register are the writes that nobody has seen who wrote later", () => {
    type Op = string | null;
    const subject: Subject<MvRegister, Op> = {
      lattice: mvRegisters,
      operations: fc.option(fc.constantFrom("a", "b", "c")),
      mutate: (state, replica, value) => (value === null ? mvDelete(state) : mvWrite(state, replica, value)),
    };
    check(
      fc.property(runs(subject), (run) => {
        const left = unseen(run).flatMap((number) => run.events[number]!.op ?? []);
        const state = joinAll(mvRegisters, run.deltas);
        expect(mvValues(state)).toEqual([...new Set(left)].sort());
        expect(cloudSize(state.context)).toBe(0);
        expect(state.store.length).toBeLessThanOrEqual(3);
      }),
    );
  });
});

describe("sets", () => {
  test("a G-set forgets nothing", () => {
    const set = joinAll(gSets, [gSetAdd("x"), gSetAdd("y"), gSetAdd("x")]);
    expect(gSetElements(set)).toEqual(["x", "y"]);
    expect([gSetHas(set, "x"), gSetHas(set, "z")]).toEqual([true, false]);
  });

  test("what a two-phase set has lost never comes back, and what was never there cannot be removed", () => {
    const added = twoPhaseAdd("x");
    const removed = twoPhaseSets.join(added, twoPhaseRemove(added, "x"));
    expect(twoPhaseElements(twoPhaseSets.join(removed, twoPhaseAdd("x")))).toEqual([]);
    expect(twoPhaseRemove(twoPhaseSets.bottom, "x")).toEqual(twoPhaseSets.bottom);
  });

  test("the lecture's likes: f(g(f(x))) and its repetitions, in any order, end as the timestamps say", () => {
    const f = lwwAdd(stamp(1), "tahir");
    const g = lwwRemove(stamp(2), "tahir");
    const again = lwwAdd(stamp(3), "tahir");
    expect(lwwElements(joinAll(lwwElementSets, [g, f, f]))).toEqual([]);
    expect(lwwElements(joinAll(lwwElementSets, [again, g, f, g]))).toEqual(["tahir"]);
    const tie = [lwwRemove(stamp(4), "tahir"), lwwAdd(stamp(4), "tahir")];
    expect(lwwElements(joinAll(lwwElementSets, tie))).toEqual(["tahir"]);
    expect(lwwElements(joinAll(lwwElementSets, tie.toReversed()))).toEqual(["tahir"]);
  });

  test("an addition wins over a concurrent removal", () => {
    const both = orSetAdd(orSets.bottom, A, "x");
    const removed = orSets.join(both, orSetRemove(both, A, "x"));
    const addedAgain = orSets.join(both, orSetAdd(both, B, "x"));
    expect(orSetElements(removed)).toEqual([]);
    expect(orSetElements(orSets.join(removed, addedAgain))).toEqual(["x"]);
    expect(orSetHas(orSets.join(addedAgain, removed), "x")).toBe(true);
  });

  test("an old state does not bring a removed element back, and an empty set keeps no tombstone", () => {
    let state: OrSet = orSets.bottom;
    const old: OrSet[] = [];
    for (let round = 0; round < 100; round++) {
      const at = [A, B, C][round % 3]!;
      state = orSets.join(state, orSetAdd(state, at, `e${round % 7}`));
      old.push(state);
      state = orSets.join(state, orSetRemove(state, at, `e${round % 7}`));
    }
    expect(orSetElements(joinAll(orSets, [state, ...old, state]))).toEqual([]);
    // Three replicas and their counters; nothing else is left of a hundred elements.
    expect(toBytes(orSets, state)).toHaveLength(1 + (2 + 2 + 3) + 1 + 1);
  });

  test("an element that is added a hundred times has one dot", () => {
    let state: OrSet = orSets.bottom;
    for (let round = 0; round < 100; round++) state = orSets.join(state, orSetAdd(state, A, "x"));
    expect(state.store.get("x")).toHaveLength(1);
  });

  test("a removal that overtakes its addition still removes it", () => {
    const added = orSetAdd(orSets.bottom, A, "x");
    const removal = orSetRemove(added, B, "x");
    expect(orSetElements(joinAll(orSets, [removal, added]))).toEqual([]);
  });

  test("a clearing removes what it has seen, and only that", () => {
    const seen = joinAll(orSets, [orSetAdd(orSets.bottom, A, "x"), orSetAdd(orSets.bottom, B, "y")]);
    const concurrent = orSetAdd(seen, C, "z");
    expect(orSetElements(joinAll(orSets, [seen, orSetClear(seen, A), concurrent]))).toEqual(["z"]);
  });

  test("an element is there if somebody added it and nobody has seen that who acted on it later", () => {
    interface Op {
      readonly add: boolean;
      readonly element: string;
    }
    const subject: Subject<OrSet, Op> = {
      lattice: orSets,
      operations: fc.record({ add: fc.boolean(), element: fc.constantFrom("a", "b") }),
      mutate: (state, replica, { add, element }) =>
        add ? orSetAdd(state, replica, element) : orSetRemove(state, replica, element),
    };
    check(
      fc.property(runs(subject), (run) => {
        const state = joinAll(orSets, run.deltas);
        for (const element of ["a", "b"]) {
          const touching = [...run.events.keys()].filter(
            (number) => run.events[number]!.op.element === element,
          );
          const left = unseen(run, touching).filter((number) => run.events[number]!.op.add);
          expect(orSetHas(state, element)).toBe(left.length > 0);
          expect(state.store.get(element) ?? []).toHaveLength(left.length);
        }
        expect(cloudSize(state.context)).toBe(0);
      }),
      300,
    );
  });
});

describe("flags", () => {
  test("switched on and off concurrently, one stays on and the other goes off", () => {
    const on = enableWinsSet(enableWinsFlags.bottom, A, true);
    const off = enableWinsSet(on, A, false);
    const onAgain = enableWinsSet(on, B, true);
    expect(enableWinsValue(joinAll(enableWinsFlags, [on, off]))).toBe(false);
    expect(enableWinsValue(joinAll(enableWinsFlags, [on, off, onAgain]))).toBe(true);

    const start = disableWinsSet(disableWinsFlags.bottom, A, true);
    const disabled = disableWinsSet(start, A, false);
    const enabled = disableWinsSet(start, B, true);
    expect(disableWinsValue(disableWinsFlags.bottom)).toBe(false);
    expect(disableWinsValue(joinAll(disableWinsFlags, [start, enabled]))).toBe(true);
    const both = joinAll(disableWinsFlags, [start, enabled, disabled]);
    expect(disableWinsValue(both)).toBe(false);
    const later = disableWinsFlags.join(both, disableWinsSet(both, C, true));
    expect(disableWinsValue(later)).toBe(true);
  });

  test("flags end as the switchings say that nobody has seen who switched later", () => {
    const enable: Subject<typeof enableWinsFlags.bottom, boolean> = {
      lattice: enableWinsFlags,
      operations: fc.boolean(),
      mutate: enableWinsSet,
    };
    const disable: Subject<DisableWinsFlag, boolean> = {
      lattice: disableWinsFlags,
      operations: fc.boolean(),
      mutate: disableWinsSet,
    };
    check(
      fc.property(runs(enable), runs(disable), (enabling, disabling) => {
        const ons = unseen(enabling).map((number) => enabling.events[number]!.op);
        expect(enableWinsValue(joinAll(enableWinsFlags, enabling.deltas))).toBe(ons.includes(true));
        const last = unseen(disabling).map((number) => disabling.events[number]!.op);
        const expected = last.length > 0 && !last.includes(false);
        expect(disableWinsValue(joinAll(disableWinsFlags, disabling.deltas))).toBe(expected);
      }),
    );
  });
});

describe("maps", () => {
  const registers = orMaps("registers", siblingStores);
  const counters = orMaps("counters", counterStores);
  const scores = orMaps("scores", heldStores(maxRegisters));

  test("an update wins over a concurrent removal of its key, with what it wrote and nothing older", () => {
    const { lattice, update, remove, get, keys } = registers;
    const start = update(lattice.bottom, A, "k", writing("old"));
    const removed = lattice.join(start, remove(start, A, "k"));
    const updated = lattice.join(start, update(start, B, "k", writing("new")));
    expect(keys(removed)).toEqual([]);
    expect(keys(lattice.join(removed, start))).toEqual([]);
    const merged = lattice.join(removed, updated);
    expect(siblingValues(get(merged, "k"))).toEqual(["new"]);
    expect(siblingValues(get(merged, "absent"))).toEqual([]);
  });

  test("a removed counter starts again at zero, and concurrent additions are all counted", () => {
    const { lattice, update, remove, get } = counters;
    const five = update(lattice.bottom, A, "k", counting(5n));
    const removed = lattice.join(five, remove(five, B, "k"));
    const again = lattice.join(removed, update(removed, A, "k", counting(1n)));
    expect(counterValue(get(again, "k"))).toBe(1n);
    const more = [update(again, B, "k", counting(10n)), update(again, C, "k", counting(-3n))];
    expect(counterValue(get(joinAll(lattice, [again, ...more]), "k"))).toBe(8n);
  });

  test("an addition concurrent with the counter's removal survives with its replica's own subtotal", () => {
    const { lattice, update, remove, get } = counters;
    const start = joinAll(lattice, [
      update(lattice.bottom, A, "k", counting(5n)),
      update(lattice.bottom, B, "k", counting(100n)),
    ]);
    const merged = joinAll(lattice, [start, remove(start, C, "k"), update(start, A, "k", counting(1n))]);
    expect(counterValue(get(merged, "k"))).toBe(6n);
  });

  test("any lattice can be a value: concurrent updates join, and later ones have one dot", () => {
    const { lattice, update, get } = scores;
    const write = (value: number) => changing(maxRegisters, () => extremumWrite(value));
    const both = joinAll(lattice, [
      update(lattice.bottom, A, "k", write(3)),
      update(lattice.bottom, B, "k", write(8)),
    ]);
    expect(heldValue(maxRegisters, get(both, "k"))).toBe(8);
    const after = lattice.join(both, update(both, A, "k", write(4)));
    expect(heldValue(maxRegisters, get(after, "k"))).toBe(8);
    expect(get(after, "k")).toHaveLength(1);
  });
});
