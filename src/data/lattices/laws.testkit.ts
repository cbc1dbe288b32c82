/**
 * What every lattice has to hold, asked of all of them alike. States are made as they come about in a cluster: three
 * replicas do operations of the type, hand each other whole states, and receive single deltas late, twice or never.
 */
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CodecError } from "../../core/bytes.ts";
import { type ReplicaId, replicaId } from "../../core/ids.ts";
import { clockOf, fromBytes, joinAll, type Lattice, type Stamp, tick, toBytes } from "./index.ts";

export const A = replicaId(1);
export const B = replicaId(2);
export const C = replicaId(300);
const REPLICAS = [A, B, C] as const;
const TIMES = Number(process.env["FC_TIMES"] ?? 1);

export interface Subject<State, Op> {
  readonly lattice: Lattice<State>;
  readonly operations: fc.Arbitrary<Op>;
  /** The delta of an operation; `stamp` is later than all of the same replica. */
  mutate(state: State, replica: ReplicaId, op: Op, stamp: Stamp): State;
}

type Step<Op> =
  | { readonly kind: "operate"; readonly at: number; readonly op: Op; readonly now: number }
  | { readonly kind: "hand-over"; readonly from: number; readonly to: number }
  | { readonly kind: "deliver"; readonly delta: number; readonly to: number };

function steps<Op>(operations: fc.Arbitrary<Op>): fc.Arbitrary<Step<Op>[]> {
  const place = fc.nat(2);
  const step = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.record({
        kind: fc.constant("operate" as const),
        at: place,
        op: operations,
        now: fc.nat(5),
      }),
    },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("hand-over" as const), from: place, to: place }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("deliver" as const), delta: fc.nat(20), to: place }),
    },
  );
  return fc.array(step, { maxLength: 20 });
}

export interface Run<State, Op> {
  readonly states: readonly [State, State, State];
  readonly deltas: readonly State[];
  /** Operations in the order of their deltas, with the operations (by number) whose deltas had arrived where they were done. */
  readonly events: readonly { readonly op: Op; readonly past: ReadonlySet<number> }[];
}

export function run<State, Op>(subject: Subject<State, Op>, script: readonly Step<Op>[]): Run<State, Op> {
  const { lattice } = subject;
  const states: [State, State, State] = [lattice.bottom, lattice.bottom, lattice.bottom];
  const known = [new Set<number>(), new Set<number>(), new Set<number>()] as const;
  const clocks = REPLICAS.map(clockOf);
  const deltas: State[] = [];
  const events: { op: Op; past: ReadonlySet<number> }[] = [];
  for (const step of script) {
    if (step.kind === "operate") {
      clocks[step.at] = tick(clocks[step.at]!, step.now);
      const delta = subject.mutate(states[step.at]!, REPLICAS[step.at]!, step.op, clocks[step.at]!);
      states[step.at] = lattice.join(states[step.at]!, delta);
      events.push({ op: step.op, past: new Set(known[step.at]) });
      known[step.at]!.add(deltas.length);
      deltas.push(delta);
    } else if (step.kind === "hand-over") {
      states[step.to] = lattice.join(states[step.to]!, states[step.from]!);
      for (const event of known[step.from]!) known[step.to]!.add(event);
    } else if (deltas.length > 0) {
      const number = step.delta % deltas.length;
      states[step.to] = lattice.join(states[step.to]!, deltas[number]!);
      known[step.to]!.add(number);
    }
  }
  return { states, deltas, events };
}

/** Which of the events no other event among them has seen, directly or through others among them. */
export function unseen(
  { events }: Pick<Run<unknown, unknown>, "events">,
  among: readonly number[] = [...events.keys()],
): number[] {
  const seenBy = new Map<number, Set<number>>();
  const seen = new Set<number>();
  for (const number of among) {
    const direct = among.filter((other) => events[number]!.past.has(other));
    const past = new Set(direct);
    for (const other of direct) for (const before of seenBy.get(other)!) past.add(before);
    seenBy.set(number, past);
    for (const before of past) seen.add(before);
  }
  return among.filter((number) => !seen.has(number));
}

export function runs<State, Op>(subject: Subject<State, Op>): fc.Arbitrary<Run<State, Op>> {
  return steps(subject.operations).map((script) => run(subject, script));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

export function check(property: fc.IRawProperty<unknown>, numRuns = 100): void {
  fc.assert(property, TIMES === 1 ? { numRuns, seed: 5 } : { numRuns: numRuns * TIMES });
}

const REFUSED = Symbol("refused");

/** Throws whatever is not a `CodecError`. */
function readOrRefuse<State>(lattice: Lattice<State>, input: Uint8Array): State | typeof REFUSED {
  try {
    return fromBytes(lattice, input);
  } catch (error) {
    if (error instanceof CodecError) return REFUSED;
    throw error;
  }
}

export function lawsOf<State, Op>(subject: Subject<State, Op>): void {
  const { lattice } = subject;
  const { join, equals, leq, bottom } = lattice;
  const bytes = (state: State): string => hex(toBytes(lattice, state));
  const same = (left: State, right: State): void => {
    expect(bytes(left)).toBe(bytes(right));
    expect(equals(left, right)).toBe(true);
  };

  describe(`${lattice.name}`, () => {
    test("joins are commutative, associative and idempotent, and bottom adds nothing", () => {
      check(
        fc.property(runs(subject), ({ states: [a, b, c], deltas }) => {
          same(join(a, b), join(b, a));
          same(join(join(a, b), c), join(a, join(b, c)));
          same(join(a, a), a);
          same(join(a, bottom), a);
          same(join(bottom, a), a);
          for (const delta of deltas) {
            same(join(delta, delta), delta);
            same(join(a, delta), join(delta, a));
            same(join(join(a, delta), b), join(a, join(delta, b)));
          }
        }),
      );
    });

    test("the order is that of the join, and an operation only rises in it", () => {
      check(
        fc.property(runs(subject), ({ states: [a, b, c], deltas }) => {
          const some = [a, b, c, ...deltas.slice(0, 3), bottom];
          const written = some.map(bytes);
          const ordered = some.map((left) => some.map((right) => leq(left, right)));
          const alike = some.map((left) => some.map((right) => equals(left, right)));
          expect(ordered).toEqual(
            some.map((left) => some.map((right, r) => bytes(join(left, right)) === written[r])),
          );
          expect(alike).toEqual(written.map((left) => written.map((right) => left === right)));
          expect(deltas.every((delta) => leq(delta, join(a, delta)) && leq(a, join(a, delta)))).toBe(true);
        }),
      );
    });

    test("a join changes neither side", () => {
      check(
        fc.property(runs(subject), ({ states: [a, b] }) => {
          const before = [bytes(a), bytes(b)];
          join(a, b);
          expect([bytes(a), bytes(b)]).toEqual(before);
          expect(bytes(bottom)).toBe(bytes(fromBytes(lattice, toBytes(lattice, bottom))));
        }),
      );
    });

    test("deltas in any order, some of them twice, make the same state as whole states", () => {
      const delivered = runs(subject).chain((run) =>
        fc.tuple(
          fc.constant(run),
          fc
            .tuple(
              fc.shuffledSubarray([...run.deltas], { minLength: run.deltas.length }),
              fc.subarray([...run.deltas]),
            )
            .map(([all, again]) => [...all, ...again]),
          fc.subarray([...run.deltas]),
        ),
      );
      check(
        fc.property(delivered, ([{ states, deltas }, order, group]) => {
          const whole = joinAll(lattice, states);
          same(joinAll(lattice, order), whole);
          same(join(joinAll(lattice, group), joinAll(lattice, deltas)), whole);
        }),
      );
    });

    test("what is written is read again", () => {
      check(
        fc.property(runs(subject), ({ states, deltas }) => {
          for (const state of [...states, ...deltas]) {
            const read = fromBytes(lattice, toBytes(lattice, state));
            expect(equals(read, state)).toBe(true);
            expect(bytes(read)).toBe(bytes(state));
          }
        }),
      );
    });

    test("malformed bytes are refused, and whatever is read is written the same way", () => {
      const damaged = fc.oneof(
        fc
          .tuple(runs(subject), fc.nat(), fc.integer({ min: 1, max: 255 }))
          .map(([{ states }, at, change]) => {
            const damaged = toBytes(lattice, joinAll(lattice, states)).slice();
            damaged[at % damaged.length]! ^= change;
            return damaged;
          }),
        fc.uint8Array({ maxLength: 12 }),
        fc.array(fc.integer({ min: 0, max: 2 }), { maxLength: 16 }).map((few) => Uint8Array.from(few)),
        fc.array(fc.constantFrom(0, 1, 2, 128), { maxLength: 12 }).map((few) => Uint8Array.from(few)),
      );
      check(
        fc.property(damaged, (input) => {
          const state = readOrRefuse(lattice, input);
          expect(state === REFUSED ? hex(input) : bytes(state)).toBe(hex(input));
        }),
        1500,
      );
      check(
        fc.property(runs(subject), ({ states: [a, b] }) => {
          const whole = toBytes(lattice, join(a, b));
          for (let length = 0; length < whole.length; length++)
            expect(() => fromBytes(lattice, whole.subarray(0, length))).toThrow(CodecError);
          expect(() => fromBytes(lattice, Uint8Array.from([...whole, 0]))).toThrow(CodecError);
        }),
        40,
      );
    });
  });
}
