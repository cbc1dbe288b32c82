import { EventEmitter, once } from "node:events";
import { afterEach, expect, test } from "vitest";
import { MetronomeClock } from "./load-clock.ts";

let clock = new MetronomeClock();
afterEach(() => {
  clock.close();
  clock = new MetronomeClock();
});

test("an alarm rings once, and not before its time", async () => {
  const rung: number[] = [];
  const done = new EventEmitter();
  const start = clock.now();
  let due = start;
  const next = (): void => {
    due += 0.4;
    clock.alarm(due, () => {
      rung.push(clock.now() - due);
      if (rung.length === 20) done.emit("done");
      else next();
    });
  };
  next();
  await once(done, "done");
  // Two clocks of one machine, read one after the other.
  expect(Math.min(...rung)).toBeGreaterThan(-0.05);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(rung).toHaveLength(20);
});

test("a later alarm takes the place of an earlier one, in both directions of time", async () => {
  const rung: string[] = [];
  await new Promise<void>((resolve) => {
    clock.alarm(clock.now() + 1, () => rung.push("first"));
    clock.alarm(clock.now() + 60_000, () => rung.push("second"));
    clock.alarm(clock.now() + 20, () => {
      rung.push("third");
      resolve();
    });
  });
  expect(rung).toEqual(["third"]);
});

test("none rings once it is closed", async () => {
  const rung: string[] = [];
  clock.alarm(clock.now() + 5, () => rung.push("late"));
  clock.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(rung).toEqual([]);
});
