/** Seeded histories of whole clusters under faults. Each must be linearizable and live again once everything has healed. */
import { describe, expect, test } from "vitest";
import type { Fault } from "./nemesis.ts";
import { FAULTS } from "./nemesis.ts";
import { type SimulationOptions, simulate } from "./simulate.ts";
import { registers } from "./workloads/registers.ts";

const KEYS = ["k0", "k1", "k2", "k3"];

const options = (seed: number, changes: Partial<SimulationOptions> = {}): SimulationOptions => ({
  seed,
  nodes: 3,
  workload: registers(KEYS.length),
  model: "register",
  keys: KEYS,
  faults: FAULTS,
  clients: 6,
  duration: 12_000,
  ...changes,
});

/** More than TCP does to us, and logs so short that snapshots are the rule. */
const HARSH: NonNullable<SimulationOptions["cluster"]> = {
  network: {
    dropProbability: 0.01,
    duplicateProbability: 0.01,
    reorderProbability: 0.03,
    resetProbability: 0.0005,
  },
  limits: { compactAtBytes: 2000, compactForcedAtBytes: 6000, snapshotChunkBytes: 300 },
};

/** `SEED=n` runs that seed alone. */
const only = process.env["SEED"];
const seeds = (from: number, count: number): number[] =>
  only === undefined ? Array.from({ length: count }, (_, i) => from + i) : [Number(only)];

function check(given: SimulationOptions): void {
  const result = simulate(given);
  const told = result.ok
    ? ""
    : `seed ${given.seed}\n${result.problems.join("\n")}\n${result.faults.join("\n")}`;
  expect(told).toBe("");
  expect(result.acknowledged).toBeGreaterThan(50);
}

describe("registers on three nodes", () => {
  test.each(seeds(1, 6))("with every fault, seed %i", (seed) => check(options(seed)));

  // Seeds that found something once stay for ever (docs/FOUND.md).
  test.each([...seeds(210, 4), ...seeds(1119, 1), ...seeds(1186, 1)])(
    "on a network that drops, repeats and reorders, seed %i",
    (seed) => check(options(seed, { cluster: HARSH, duration: 20_000 })),
  );

  // What was acknowledged before it was synced is lost here: with that planted, three of these eight seeds fail.
  test.each(seeds(1, 8))("on slow disks, with power failures, seed %i", (seed) =>
    check(
      options(seed, {
        faults: ["blackout", "power-off"],
        duration: 20_000,
        cluster: { disk: { syncLatency: { min: 5, max: 60 } } },
      }),
    ),
  );

  test.each(["crash", "pause", "wipe", "power-off"] satisfies Fault[])("with nothing but %s", (fault) =>
    check(options(99, { faults: [fault] })),
  );
});

test.each(seeds(300, 2))("five nodes with every fault, seed %i", (seed) =>
  check(options(seed, { nodes: 5, cluster: HARSH })),
);

test("one seed replays one history, event for event", () => {
  const once = simulate(options(7, { cluster: HARSH }));
  const again = simulate(options(7, { cluster: HARSH }));
  expect(again.hash).toBe(once.hash);
  expect(again.events).toEqual(once.events);
  expect(simulate(options(8, { cluster: HARSH })).hash).not.toBe(once.hash);
});
