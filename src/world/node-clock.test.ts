import { describe, expect, it, vi } from "vitest";
import { NodeClock } from "./node-clock.ts";

describe("the machine's clock", () => {
  it("never goes back, and fires timers after their delay", async () => {
    const clock = new NodeClock();
    const start = clock.now();
    await new Promise<void>((resolve) => clock.setTimer(20.5, resolve));
    expect(clock.now() - start).toBeGreaterThanOrEqual(19);
    expect(Math.abs(clock.wall() - Date.now())).toBeLessThan(1000);
  });

  it("does not fire a cancelled timer", async () => {
    const clock = new NodeClock();
    let fired = false;
    clock.setTimer(5, () => (fired = true)).cancel();
    await new Promise<void>((resolve) => clock.setTimer(20, resolve));
    expect(fired).toBe(false);
  });

  it("waits longer than setTimeout can", async () => {
    const clock = new NodeClock();
    let fired = false;
    const timer = clock.setTimer(2 ** 40, () => (fired = true));
    await new Promise<void>((resolve) => clock.setTimer(20, resolve));
    expect(fired).toBe(false);
    timer.cancel();
  });

  it("runs deferred tasks in order, after the turn, and their own tasks in the next one", async () => {
    const clock = new NodeClock();
    const seen: string[] = [];
    clock.defer(() => {
      seen.push("a");
      clock.defer(() => seen.push("c"));
    });
    clock.defer(() => seen.push("b"));
    await Promise.resolve();
    expect(seen).toEqual([]);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(seen).toEqual(["a", "b"]);
    await new Promise<void>((resolve) => setImmediate(resolve));
    expect(seen).toEqual(["a", "b", "c"]);
  });

  it("runs the other tasks although one of them throws", () => {
    const turns: (() => void)[] = [];
    vi.stubGlobal("setImmediate", (turn: () => void) => turns.push(turn));
    try {
      const clock = new NodeClock();
      const seen: string[] = [];
      clock.defer(() => {
        throw new Error("a defect");
      });
      clock.defer(() => seen.push("b"));
      expect(turns).toHaveLength(1);
      expect(turns[0]).toThrow("a defect");
      expect(turns).toHaveLength(2);
      turns[1]!();
      expect(seen).toEqual(["b"]);
    } finally {
      vi.unstubAllGlobals();
    }
  });
});
