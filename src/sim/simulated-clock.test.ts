import { beforeEach, describe, expect, it } from "vitest";
import { Scheduler } from "./scheduler.ts";
import { SimulatedClock } from "./simulated-clock.ts";

let scheduler: Scheduler;
let seen: string[];
beforeEach(() => {
  scheduler = new Scheduler();
  seen = [];
});

const note = (name: string) => () => void seen.push(`${name}@${scheduler.now()}`);

describe("a simulated process' clock", () => {
  it("starts anywhere, drifts, and has a wall clock that jumps without moving it", () => {
    const clock = new SimulatedClock(scheduler, { skew: 5000, rate: 1.01, wallStart: 1_000_000 });
    scheduler.run(1000);
    expect(clock.now()).toBeCloseTo(6010);
    expect(clock.wall()).toBeCloseTo(1_001_010);
    clock.jumpWall(-500_000);
    expect(clock.wall()).toBeCloseTo(501_010);
    expect(clock.now()).toBeCloseTo(6010);
  });

  it("measures timers by itself: a fast clock fires early in virtual time", () => {
    new SimulatedClock(scheduler, { rate: 2 }).setTimer(100, note("fast"));
    new SimulatedClock(scheduler).setTimer(100, note("right"));
    scheduler.run(1000);
    expect(seen).toEqual(["fast@50", "right@100"]);
  });

  it("stays monotonic when its rate changes", () => {
    const clock = new SimulatedClock(scheduler, { rate: 2 });
    scheduler.run(100);
    clock.setRate(0.5);
    expect(clock.now()).toBe(200);
    scheduler.run(200);
    expect(clock.now()).toBe(250);
  });

  it("runs deferred tasks in the same instant, after what is queued for it", () => {
    const clock = new SimulatedClock(scheduler);
    clock.setTimer(10, () => {
      clock.defer(note("deferred"));
      seen.push("timer");
    });
    clock.setTimer(10, note("other timer"));
    scheduler.run(20);
    expect(seen).toEqual(["timer", "other timer@10", "deferred@10"]);
  });
});

describe("a paused process", () => {
  it("gets everything that came due when it resumes, in order, while its time went on", () => {
    const clock = new SimulatedClock(scheduler);
    clock.setTimer(30, note("timer at 30"));
    clock.setTimer(10, note("timer at 10"));
    scheduler.after(20, () => clock.deliver(note("frame at 20")));
    clock.pause();
    scheduler.run(100);
    expect(seen).toEqual([]);
    expect(clock.now()).toBe(100);
    clock.resume();
    // Arrives at the very instant of the resume: it must not overtake what has been waiting.
    clock.deliver(note("frame at 100"));
    scheduler.run(100);
    expect(seen).toEqual(["timer at 10@100", "frame at 20@100", "timer at 30@100", "frame at 100@100"]);
  });

  it("can be paused again before it has caught up", () => {
    const clock = new SimulatedClock(scheduler);
    clock.setTimer(10, () => {
      seen.push("one");
      clock.pause();
    });
    clock.setTimer(11, () => seen.push("two"));
    clock.pause();
    scheduler.run(50);
    clock.resume();
    scheduler.run(100);
    expect(seen).toEqual(["one"]);
    clock.resume();
    scheduler.run(101);
    expect(seen).toEqual(["one", "two"]);
  });

  it("can cancel a timer that came due meanwhile", () => {
    const clock = new SimulatedClock(scheduler);
    scheduler.after(5, () => clock.deliver(() => timer.cancel()));
    const timer = clock.setTimer(10, note("timer"));
    clock.pause();
    scheduler.run(50);
    clock.resume();
    scheduler.run(60);
    expect(seen).toEqual([]);
  });
});

describe("a killed process", () => {
  it("runs nothing any more: no timer, no deferred task, nothing held, and nothing new", () => {
    const clock = new SimulatedClock(scheduler);
    clock.setTimer(10, note("timer"));
    clock.defer(note("deferred"));
    clock.pause();
    scheduler.run(20);
    clock.kill();
    clock.resume();
    clock.setTimer(1, note("new timer"));
    clock.defer(note("new task"));
    clock.deliver(note("frame"));
    scheduler.run(1000);
    expect(seen).toEqual([]);
    expect(clock.killed).toBe(true);
  });

  it("stops within the very event that kills it", () => {
    const clock = new SimulatedClock(scheduler);
    clock.setTimer(10, () => {
      clock.defer(note("after the crash"));
      clock.kill();
    });
    scheduler.run(20);
    expect(seen).toEqual([]);
  });
});
