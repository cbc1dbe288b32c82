/** Seeded histories of whole clusters under faults. Each must be right, and live again once everything has healed. */
import { describe, expect, test } from "vitest";
import { FAULT_NAMES, type FaultName } from "./faults/table.ts";
import { MIX_NAMES } from "./mixes.ts";
import { describeReplay } from "./replay.ts";
import { type SimulationOptions, simulate } from "./simulate.ts";
import { workloadsFor } from "./workloads/workloads.ts";

const options = (seed: number, changes: Partial<SimulationOptions> = {}): SimulationOptions => ({
  seed,
  nodes: 3,
  workload: "registers",
  mix: "everything",
  clients: 5,
  duration: 10_000,
  replication: "raft",
  shards: 2,
  ...changes,
});

function check(given: SimulationOptions, fewest = 20): void {
  const result = simulate(given);
  const told = result.ok ? "" : [...result.problems, describeReplay(given)].join("\n");
  expect(told).toBe("");
  expect(result.acknowledged).toBeGreaterThan(fewest);
}

const seeds = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

describe.each(MIX_NAMES)("registers in the mix %s", (mix) => {
  test.each(seeds(1, 3))("seed %i", (seed) => check(options(seed, { mix })));
});

describe.each(workloadsFor(false))("the workload %s", (workload) => {
  test.each(["crashes", "everything"] as const)("in the mix %s", (mix) =>
    check(options(11, { workload, mix }), 4),
  );
});

test.each(["lossy", "membership"] as const)("five nodes in the mix %s", (mix) =>
  check(options(300, { nodes: 5, mix })),
);

test.each(FAULT_NAMES)("nothing but %s", (fault: FaultName) => {
  const schedule = [1000, 4000, 7000].map((at, i) => ({
    at,
    fault,
    target: i / 3,
    lasts: 1500,
    amount: 0.4,
  }));
  check(options(99, { mix: "calm", schedule }));
});

test("one seed replays one history, event for event", () => {
  const once = simulate(options(7));
  const again = simulate(options(7));
  expect(again.hash).toBe(once.hash);
  expect(again.events).toEqual(once.events);
  expect(simulate(options(8)).hash).not.toBe(once.hash);
});
