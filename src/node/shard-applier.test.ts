import { expect, test } from "vitest";
import { BatchBuilder } from "../data/batch.ts";
import { MapRecords, call } from "../data/data.testkit.ts";
import { DEFAULT_HISTORY_LIMITS } from "../data/history.ts";
import { Scheduler } from "../sim/scheduler.ts";
import { SimulatedClock } from "../sim/simulated-clock.ts";
import type { ShardRecords } from "../storage/state/records.ts";
import { ShardApplier } from "./shard-applier.ts";

test("a replica that becomes the leader while a batch waits for the disk orders what expires later", () => {
  const scheduler = new Scheduler();
  const clock = new SimulatedClock(scheduler);
  const records = Object.assign(new MapRecords(), { meta: new Uint8Array(0) }) as unknown as ShardRecords;
  const proposed: string[] = [];
  const applier = new ShardApplier(records, {
    clock,
    isLeader: () => true,
    history: DEFAULT_HISTORY_LIMITS,
    onChanges: () => undefined,
    propose: ({ spec }) => proposed.push(spec.name),
  });
  const batch = new BatchBuilder();
  batch.add({ kind: "command", ...call("sadd", "s", "a") });
  batch.add({ kind: "command", ...call("smembers", "s") });
  const seal = { time: clock.wall(), seed: 1, maxValueBytes: 1000 };
  const filling = applier.apply(1, batch.finish(seal), null);
  expect(filling.next().type).toBe("load");

  applier.onLead();
  expect(proposed).toEqual([]);
  scheduler.run(1000);
  expect(proposed).toEqual([".expire"]);
});
