import { describe, expect, it } from "vitest";
import { Scheduler } from "../sim/scheduler.ts";
import { SimulatedClock } from "../sim/simulated-clock.ts";
import { RateLimitedLog } from "./rate-limited-log.ts";
import { RecordingLog } from "./transport.testkit.ts";

describe("warnings that strangers can provoke", () => {
  it("come once in ten seconds for each subject, with the number of those left out", () => {
    const scheduler = new Scheduler();
    const log = new RecordingLog();
    const limited = new RateLimitedLog(log, new SimulatedClock(scheduler));
    for (let i = 0; i < 5; i++) limited.warn("a", { i }, "about a");
    limited.warn("b", {}, "about b");
    expect(log.lines.map(({ message }) => message)).toEqual(["about a", "about b"]);
    scheduler.run(10_000);
    limited.warn("a", { i: 5 }, "about a");
    expect(log.lines.at(-1)).toEqual({
      level: "warn",
      fields: { i: 5, alikeLeftOut: 4 },
      message: "about a",
    });
  });

  it("do not make memory grow, whatever the subjects", () => {
    const scheduler = new Scheduler();
    const log = new RecordingLog();
    const limited = new RateLimitedLog(log, new SimulatedClock(scheduler));
    for (let i = 0; i < 10_000; i++) limited.warn(`subject ${i}`, {}, "about a subject");
    expect(log.lines.length).toBeLessThan(70);
    scheduler.run(20_000);
    limited.warn("a new one", {}, "about a new one");
    expect(log.lines.at(-1)!.message).toBe("about a new one");
  });
});
