import { expect, test } from "vitest";
import { groupId } from "../core/ids.ts";
import type { Clock } from "../core/world.ts";
import type { Operation } from "../data/batch.ts";
import { Deadlines } from "./deadlines.ts";
import { Request } from "./request.ts";

const NOTHING: Operation = { kind: "transaction", watched: [], calls: [] };

/** Deadlines on a clock that moves by hand. */
function clockwork() {
  let now = 0;
  let timers: { readonly at: number; readonly fire: () => void }[] = [];
  const clock: Clock = {
    now: () => now,
    wall: () => now,
    setTimer: (delay, fire) => {
      timers.push({ at: now + delay, fire });
      return { cancel: () => undefined };
    },
    defer: () => undefined,
  };
  const expired: Request[] = [];
  const deadlines = new Deadlines(clock, (request) => {
    expired.push(request);
    request.giveUp("timeout");
  });
  deadlines.start();
  const watch = (timeout: number): Request => {
    const request = new Request(
      { group: groupId(1), operation: NOTHING, write: true, deadline: now + timeout },
      null,
      () => undefined,
    );
    deadlines.watch(request, timeout);
    return request;
  };
  const pass = (duration: number): void => {
    const end = now + duration;
    for (;;) {
      const due = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      timers = timers.filter((timer) => timer !== due);
      now = due.at;
      due.fire();
    }
    now = end;
  };
  return { deadlines, expired, watch, pass, ticks: () => timers.length };
}

test("requests expire at their deadlines, whatever was settled before and between them", () => {
  const { expired, watch, pass } = clockwork();
  const late: Request[] = [];
  // More than fit into the first ring, several times around it.
  for (let i = 0; i < 1000; i++) {
    const request = watch(200);
    if (i % 7 === 0) late.push(request);
    else request.succeed(null, 0);
    if (i % 10 === 0) pass(1);
  }
  pass(60);
  expect(expired).toEqual([]);
  pass(400);
  expect(expired).toEqual(late);
});

test("requests of several timeouts do not wait for each other", () => {
  const { expired, watch, pass } = clockwork();
  const patient = watch(1000);
  const hasty = watch(50);
  pass(100);
  expect(expired).toEqual([hasty]);
  pass(1000);
  expect(expired).toEqual([hasty, patient]);
});

test("nothing ticks while no request waits, and it ticks again for the next one", () => {
  const { expired, watch, pass, ticks } = clockwork();
  watch(50).succeed(null, 0);
  pass(100);
  expect(ticks()).toBe(0);
  const next = watch(50);
  expect(ticks()).toBe(1);
  pass(100);
  expect(expired).toEqual([next]);
});

test("when the node closes, all that wait are given up at once", () => {
  const { deadlines, expired, watch } = clockwork();
  const requests = [watch(50), watch(1000), watch(50)];
  deadlines.expireAll();
  expect(new Set(expired)).toEqual(new Set(requests));
});
