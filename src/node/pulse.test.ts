import { expect, test } from "vitest";
import { Scheduler } from "../sim/scheduler.ts";
import { SimulatedClock } from "../sim/simulated-clock.ts";
import { Pulse } from "./pulse.ts";

const INTERVAL = 60;

/** Groups that beat for ever; `beats` has the moment of each beat. */
function world() {
  const scheduler = new Scheduler();
  const pulse = new Pulse(new SimulatedClock(scheduler));
  const beats: string[] = [];
  const lead = (group: string): { stop: () => void } => {
    let timer = pulse.join(INTERVAL, function beat() {
      beats.push(`${group}@${scheduler.now()}`);
      timer = pulse.join(INTERVAL, beat);
    });
    return { stop: () => timer.cancel() };
  };
  return { scheduler, beats, lead };
}

test("groups that became leaders at different times beat together, and none is late", () => {
  const { scheduler, beats, lead } = world();
  lead("a");
  scheduler.run(25);
  lead("b");
  scheduler.run(150);
  expect(beats).toEqual(["a@60", "b@60", "a@120", "b@120"]);
  expect(scheduler.events, "one event for both").toBe(2);
});

test("a group that is led no more does not beat, also when that happens while others do", () => {
  const { scheduler, beats, lead } = world();
  lead("a");
  const b = lead("b");
  scheduler.at(INTERVAL, () => b.stop());
  lead("c");
  scheduler.run(100);
  expect(beats).toEqual(["a@60", "b@60", "c@60"]);
  scheduler.run(130);
  expect(beats.slice(3)).toEqual(["a@120", "c@120"]);
});

test("when nobody leads nothing ticks", () => {
  const { scheduler, lead } = world();
  lead("a").stop();
  scheduler.run(1000);
  expect(scheduler.pending).toBe(0);
});
