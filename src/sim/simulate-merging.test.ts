/** Seeded histories of keyspaces that merge, under the same faults as those of `simulate.test.ts`. */
import { describe, expect, test } from "vitest";
import { describeReplay } from "./replay.ts";
import { type SimulationOptions, simulate } from "./simulate.ts";
import { workloadsFor } from "./workloads/workloads.ts";

const KINDS = {
  gossip: { replication: "gossip" },
  "a sloppy quorum": { replication: "quorum" },
  "a strict quorum whose reads see every acknowledged write": {
    replication: "quorum",
    quorum: { r: 2, w: 2, sloppy: false },
  },
} as const satisfies Record<string, Partial<SimulationOptions>>;

const options = (seed: number, changes: Partial<SimulationOptions>): SimulationOptions => ({
  seed,
  nodes: 3,
  workload: "merging-counters",
  mix: "everything",
  clients: 5,
  duration: 4000,
  replication: "gossip",
  shards: 2,
  ...changes,
});

function check(given: SimulationOptions): void {
  const result = simulate(given);
  const told = result.ok ? "" : [...result.problems, describeReplay(given)].join("\n");
  expect(told).toBe("");
  expect(result.acknowledged).toBeGreaterThan(20);
}

describe.each(Object.entries(KINDS))("%s", (_, kind) => {
  test.each(workloadsFor(true))("the workload %s", (workload) => check(options(11, { ...kind, workload })));
});

test("five nodes, of which two can stand in", () =>
  check(options(300, { replication: "quorum", nodes: 5, mix: "partitions" })));

test.each(Object.values(KINDS))("one seed replays one history, event for event: %o", (kind) => {
  const given = options(7, { ...kind, workload: "merging-sessions" });
  const once = simulate(given);
  const again = simulate(given);
  expect(again.hash).toBe(once.hash);
  expect(again.events).toEqual(once.events);
  expect(simulate({ ...given, seed: 8 }).hash).not.toBe(once.hash);
});
