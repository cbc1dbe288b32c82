import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Access, CommandOrder, Operation } from "./order.ts";

class Probe extends Operation {
  readonly access: Access;
  readonly touched: readonly string[];
  started = false;
  finished = false;
  readonly #started: ((probe: Probe) => void) | undefined;

  constructor(access: Access, keys: string, started?: (probe: Probe) => void) {
    super();
    this.access = access;
    this.touched = [...keys];
    this.#started = started;
  }

  keys(): readonly string[] {
    return this.touched;
  }

  start(): void {
    if (this.started) throw new Error("started twice");
    this.started = true;
    this.#started?.(this);
  }
}

function submitAll(order: CommandOrder, ...probes: Probe[]): void {
  for (const probe of probes) order.submit(probe);
}

function finish(order: CommandOrder, probe: Probe): void {
  expect(probe.started).toBe(true);
  probe.finished = true;
  order.finished(probe);
}

const started = (...probes: Probe[]): boolean[] => probes.map((probe) => probe.started);

describe("the order of commands", () => {
  test("reads go together, and so do writes", () => {
    for (const access of ["read", "write"] as const) {
      const order = new CommandOrder();
      const probes = [new Probe(access, "a"), new Probe(access, "a"), new Probe(access, "b")];
      submitAll(order, ...probes);
      expect(started(...probes)).toEqual([true, true, true]);
    }
  });

  test("a read waits for the write of its key, and not for that of another", () => {
    const order = new CommandOrder();
    const write = new Probe("write", "a");
    const same = new Probe("read", "a");
    const other = new Probe("read", "b");
    submitAll(order, write, same, other);
    expect(started(same, other)).toEqual([false, true]);
    finish(order, write);
    expect(same.started).toBe(true);
  });

  test("a write waits for the read of its key, and does not pass a read that waits", () => {
    const order = new CommandOrder();
    const first = new Probe("write", "a");
    const read = new Probe("read", "a");
    const second = new Probe("write", "a");
    submitAll(order, first, read, second);
    expect(started(read, second)).toEqual([false, false]);
    finish(order, first);
    expect(started(read, second)).toEqual([true, false]);
    finish(order, read);
    expect(second.started).toBe(true);
  });

  test("an operation on several keys waits for all of them", () => {
    const order = new CommandOrder();
    const a = new Probe("write", "a");
    const b = new Probe("write", "b");
    const both = new Probe("read", "ab");
    submitAll(order, a, b, both);
    finish(order, a);
    expect(both.started).toBe(false);
    finish(order, b);
    expect(both.started).toBe(true);
  });

  test("a write does not overtake a write that waits for another of its keys", () => {
    const order = new CommandOrder();
    const read = new Probe("read", "b");
    const rename = new Probe("write", "ab");
    const increment = new Probe("write", "a");
    submitAll(order, read, rename, increment);
    expect(started(rename, increment)).toEqual([false, false]);
    finish(order, read);
    expect(started(rename, increment)).toEqual([true, true]);
  });

  test("exclusive operations on one key go one at a time", () => {
    const order = new CommandOrder();
    const probes = [new Probe("exclusive", "a"), new Probe("exclusive", "a"), new Probe("exclusive", "b")];
    submitAll(order, ...probes);
    expect(started(...probes)).toEqual([true, false, true]);
    finish(order, probes[0]!);
    expect(probes[1]!.started).toBe(true);
  });

  test("a barrier waits for everything, and everything behind it waits for it", () => {
    const order = new CommandOrder();
    const before = new Probe("write", "a");
    const barrier = new Probe("barrier", "");
    const behind = new Probe("read", "z");
    submitAll(order, before, barrier, behind);
    expect(started(before, barrier, behind)).toEqual([true, false, false]);
    finish(order, before);
    expect(started(barrier, behind)).toEqual([true, false]);
    finish(order, barrier);
    expect(behind.started).toBe(true);
  });

  test("operations that finish at once do not nest", () => {
    const order = new CommandOrder();
    const count = 20_000;
    let ran = 0;
    const first = new Probe("write", "a");
    order.submit(first);
    for (let i = 0; i < count; i++) {
      const access = (["read", "write", "barrier"] as const)[i % 3]!;
      order.submit(
        new Probe(access, "a", (probe) => {
          ran++;
          order.finished(probe);
        }),
      );
    }
    finish(order, first);
    expect(ran).toBe(count);
  });

  test("after a stop nothing that waits is started", () => {
    const order = new CommandOrder();
    const write = new Probe("write", "a");
    const read = new Probe("read", "a");
    const barrier = new Probe("barrier", "");
    submitAll(order, write, read, barrier);
    order.stop();
    finish(order, write);
    expect(started(read, barrier)).toEqual([false, false]);
  });

  test("whatever the mixture: conflicting operations run in turn and in order, and all of them run", () => {
    const step = fc.record({
      access: fc.constantFrom<Access>("read", "write", "exclusive", "barrier"),
      keys: fc.constantFrom("a", "b", "ab", "bc", "abc", "aa"),
      /** Which of the running operations finishes after it was submitted; none when there are fewer. */
      finishes: fc.nat(5),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const order = new CommandOrder();
        const all: Probe[] = [];
        const running = (): Probe[] => all.filter((probe) => probe.started && !probe.finished);
        const check = (probe: Probe): void => {
          const earlier = all.slice(0, all.indexOf(probe));
          expect(earlier.filter((other) => conflict(other, probe) && !other.finished)).toEqual([]);
          // What may run together still starts in order.
          expect(earlier.filter((other) => shareKey(other, probe) && !other.started)).toEqual([]);
        };
        for (const { access, keys, finishes } of steps) {
          const probe = new Probe(access, access === "barrier" ? "" : keys, check);
          all.push(probe);
          order.submit(probe);
          const candidate = running()[finishes];
          if (candidate !== undefined) finish(order, candidate);
        }
        for (;;) {
          const candidate = running()[0];
          if (candidate === undefined) break;
          finish(order, candidate);
        }
        expect(all.every((probe) => probe.finished)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

function conflict(a: Probe, b: Probe): boolean {
  if (a.access === "barrier" || b.access === "barrier") return true;
  if (a.access === b.access && a.access !== "exclusive") return false;
  return shareKey(a, b);
}

const shareKey = (a: Probe, b: Probe): boolean => a.touched.some((key) => b.touched.includes(key));
