import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type CausalContext,
  clockOf,
  compareStamps,
  concurrent,
  contextOfVersions,
  type DottedVersionVector,
  dottedVersionVectors,
  fromBytes,
  MAX_LOGICAL,
  type MvRegister,
  mvRegisters,
  mvWrite,
  observe,
  precedes,
  type Stamp,
  stampProblem,
  stamps,
  syncVersions,
  tick,
  toBytes,
  versionOfWrite,
} from "./index.ts";
import { A, B, C, check } from "./laws.testkit.ts";

describe("a hybrid logical clock", () => {
  test("follows the machine's clock, and counts within a millisecond", () => {
    const first = tick(clockOf(A), 10);
    expect(first).toEqual({ wall: 10, logical: 0, node: A });
    expect(tick(first, 10)).toEqual({ wall: 10, logical: 1, node: A });
    expect(tick(first, 10.9)).toEqual({ wall: 10, logical: 1, node: A });
    expect(tick(first, 11)).toEqual({ wall: 11, logical: 0, node: A });
  });

  test("does not go back when the machine's clock jumps back by an hour", () => {
    const before = tick(clockOf(A), 7_200_000);
    const after = tick(before, 3_600_000);
    expect(compareStamps(after, before)).toBeGreaterThan(0);
    expect(after.wall).toBe(7_200_000);
  });

  test("the paper's receive: above both, with the counter of whichever wall is taken", () => {
    const clock = { wall: 10, logical: 4, node: A };
    expect(observe(clock, { wall: 10, logical: 7, node: B }, 9)).toEqual({ wall: 10, logical: 8, node: A });
    expect(observe(clock, { wall: 12, logical: 7, node: B }, 9)).toEqual({ wall: 12, logical: 8, node: A });
    expect(observe(clock, { wall: 8, logical: 7, node: B }, 9)).toEqual({ wall: 10, logical: 5, node: A });
    expect(observe(clock, { wall: 12, logical: 7, node: B }, 13)).toEqual({ wall: 13, logical: 0, node: A });
  });

  test("a full counter borrows a millisecond rather than start over", () => {
    const full = { wall: 10, logical: MAX_LOGICAL, node: A };
    expect(tick(full, 10)).toEqual({ wall: 11, logical: 0, node: A });
  });

  test("a stamp from far ahead is not believed", () => {
    expect(stampProblem({ wall: 1500, logical: 0, node: B }, 1000, 500)).toBeNull();
    expect(stampProblem({ wall: 1501, logical: 0, node: B }, 1000, 500)).toContain("501 ms ahead");
  });

  test("among clocks that jump, stand and differ, it respects causality and never leads the fastest of them", () => {
    const event = fc.record({ at: fc.nat(2), now: fc.nat(50), from: fc.option(fc.nat()) });
    check(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const clocks = [clockOf(A), clockOf(B), clockOf(C)];
        const sent: Stamp[] = [];
        let fastest = 0;
        for (const { at, now, from } of events) {
          fastest = Math.max(fastest, now);
          const before = clocks[at]!;
          const received = from === null || sent.length === 0 ? null : sent[from % sent.length]!;
          const after = received === null ? tick(before, now) : observe(before, received, now);
          expect(compareStamps(after, before)).toBeGreaterThan(0);
          expect(compareStamps(after, received ?? before)).toBeGreaterThan(0);
          expect(after.wall).toBeGreaterThanOrEqual(now);
          expect(after.wall).toBeLessThanOrEqual(fastest);
          expect(after.logical).toBeLessThanOrEqual(events.length);
          expect(fromBytes(stamps, toBytes(stamps, after))).toEqual(after);
          clocks[at] = after;
          sent.push(after);
        }
        expect(new Set(sent.map((stamp) => JSON.stringify(stamp))).size).toBe(sent.length);
      }),
    );
  });
});

describe("dotted version vectors", () => {
  test("two clients write through one server without having seen each other: neither is lost", () => {
    const first = versionOfWrite(A, [], new Map());
    const second = versionOfWrite(A, [first], new Map());
    expect(concurrent(first, second)).toBe(true);
    const both = syncVersions([first], [second]);
    expect(both).toEqual([first, second]);

    const resolved = versionOfWrite(B, both, contextOfVersions(both));
    expect(precedes(first, resolved)).toBe(true);
    expect(syncVersions(both, [resolved])).toEqual([resolved]);
    expect(syncVersions([resolved], [first])).toEqual([resolved]);
  });

  test("are written and read, and one that knows itself is refused", () => {
    const version = { dot: { replica: C, counter: 3 }, past: new Map([[C, 1]]) };
    expect(fromBytes(dottedVersionVectors, toBytes(dottedVersionVectors, version))).toEqual(version);
    const absurd = { ...version, past: new Map([[C, 3]]) };
    expect(() => fromBytes(dottedVersionVectors, toBytes(dottedVersionVectors, absurd))).toThrow(
      "knows itself",
    );
  });

  test("the MV register keeps the siblings that the paper's kernel keeps", () => {
    // Clients read at one replica and write at another; replicas hand each other what they have.
    const step = fc.record({
      kind: fc.constantFrom("write", "read", "sync"),
      at: fc.nat(2),
      other: fc.nat(2),
      client: fc.nat(2),
    });
    type Version = DottedVersionVector & { readonly value: string };
    type Read = { readonly vector: ReadonlyMap<typeof A, number>; readonly context: CausalContext };
    check(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const ids = [A, B, C];
        const kernel: Version[][] = [[], [], []];
        const registers: MvRegister[] = ids.map(() => mvRegisters.bottom);
        const reads: Read[] = ids.map(() => ({ vector: new Map(), context: mvRegisters.bottom.context }));
        for (const [number, { kind, at, other, client }] of steps.entries()) {
          if (kind === "read") {
            reads[client] = { vector: contextOfVersions(kernel[at]!), context: registers[at]!.context };
          } else if (kind === "write") {
            const value = `w${number}`;
            const { vector, context } = reads[client]!;
            const version = { ...versionOfWrite(ids[at]!, kernel[at]!, vector), value };
            kernel[at] = syncVersions(kernel[at]!, [version]);
            const delta = mvWrite(registers[at]!, ids[at]!, value, context);
            registers[at] = mvRegisters.join(registers[at]!, delta);
          } else {
            kernel[at] = syncVersions(kernel[at]!, kernel[other]!);
            registers[at] = mvRegisters.join(registers[at]!, registers[other]!);
          }
          for (const [place, register] of registers.entries())
            expect(register.store).toEqual(kernel[place]!.map(({ dot, value }) => ({ dot, value })));
        }
      }),
      300,
    );
  });
});
