import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Scheduler } from "./scheduler.ts";

describe("virtual time", () => {
  it("jumps from event to event, in order of time and then of asking", () => {
    const scheduler = new Scheduler();
    const seen: string[] = [];
    const note = (name: string) => () => seen.push(`${name}@${scheduler.now()}`);
    scheduler.after(20, note("c"));
    scheduler.after(10, note("a"));
    scheduler.after(10, note("b"));
    expect(scheduler.run(15)).toBe(2);
    expect(scheduler.now()).toBe(15);
    expect(scheduler.run(100)).toBe(1);
    expect(seen).toEqual(["a@10", "b@10", "c@20"]);
    expect(scheduler.now()).toBe(100);
    expect(scheduler.events).toBe(3);
  });

  it("runs what an event asks for at the same instant after what was asked for before", () => {
    const scheduler = new Scheduler();
    const seen: string[] = [];
    scheduler.after(5, () => {
      seen.push("first");
      scheduler.after(0, () => {
        seen.push("third");
        scheduler.after(0, () => seen.push("fourth"));
      });
    });
    scheduler.after(5, () => seen.push("second"));
    scheduler.after(5.001, () => seen.push("fifth"));
    scheduler.run(6);
    expect(seen).toEqual(["first", "second", "third", "fourth", "fifth"]);
  });

  it("does not run what was cancelled, and forgets it when there is much of it", () => {
    const scheduler = new Scheduler();
    let fired = 0;
    const events = Array.from({ length: 10_000 }, (_, i) => scheduler.after(1000 + (i % 7), () => fired++));
    for (const event of events.slice(1)) event.cancel();
    events[1]!.cancel();
    expect(scheduler.pending).toBe(1);
    scheduler.run(2000);
    expect(fired).toBe(1);
    expect(scheduler.pending).toBe(0);
    expect(scheduler.step()).toBe(false);
  });

  it("stops where a condition first holds", () => {
    const scheduler = new Scheduler();
    let count = 0;
    const tick = (): void => {
      count++;
      scheduler.after(10, tick);
    };
    scheduler.after(10, tick);
    expect(scheduler.runUntil(() => count === 3, 1000)).toBe(true);
    expect(scheduler.now()).toBe(30);
    expect(scheduler.runUntil(() => count === 1000, 100)).toBe(false);
    expect(scheduler.now()).toBe(100);
  });

  it("orders like a sorted list, whatever is scheduled and cancelled", () => {
    const plan = fc.array(fc.record({ delay: fc.nat(20), child: fc.nat(5), cancel: fc.boolean() }), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(plan, (items) => {
        const scheduler = new Scheduler();
        const ran: [number, number][] = [];
        let sequence = 0;
        const expected = new Map<number, number>();
        const schedule = (delay: number, then: () => void): (() => void) => {
          const id = ++sequence;
          expected.set(id, scheduler.now() + delay);
          const event = scheduler.after(delay, () => {
            ran.push([scheduler.now(), id]);
            then();
          });
          return () => {
            expected.delete(id);
            event.cancel();
          };
        };
        for (const item of items) {
          const cancel = schedule(item.delay, () => void schedule(item.child, () => undefined));
          if (item.cancel) cancel();
        }
        scheduler.run(1000);
        const inOrder = [...expected]
          .map(([id, time]) => [time, id])
          .sort((a, b) => a[0]! - b[0]! || a[1]! - b[1]!);
        expect(ran).toEqual(inOrder);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the fingerprint of a history", () => {
  const history = (delays: readonly number[], traces: readonly (string | number)[]): string => {
    const scheduler = new Scheduler();
    for (const delay of delays) scheduler.after(delay, () => undefined);
    scheduler.run(1000);
    for (const trace of traces) scheduler.trace(trace);
    return scheduler.hash;
  };

  it("is the same for the same history and differs when an event moves or a trace changes", () => {
    expect(history([1, 2, 3], ["a", 1])).toBe(history([1, 2, 3], ["a", 1]));
    const variants = [
      history([1, 2, 3], []),
      history([1, 2, 3.0000001], []),
      history([2, 1, 3], []),
      history([1, 2], []),
      history([1, 2, 3], ["a"]),
      history([1, 2, 3], ["b"]),
      history([1, 2, 3], [1]),
      history([1, 2, 3], [1.5]),
      history([1, 2, 3], ["ab", "c"]),
      history([1, 2, 3], ["a", "bc"]),
    ];
    expect(new Set(variants).size).toBe(variants.length);
    expect(variants[0]).toMatch(/^[0-9a-f]{16}$/);
  });
});
