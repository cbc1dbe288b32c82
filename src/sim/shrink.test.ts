import { describe, expect, test } from "vitest";
import { type SimulationOptions, type SimulationResult, trySimulation } from "./simulate.ts";
import { shrink } from "./shrink.ts";

const OPTIONS: SimulationOptions = {
  seed: 1,
  nodes: 3,
  workload: "registers",
  mix: "everything",
  clients: 6,
  duration: 16_000,
  replication: "raft",
  shards: 1,
};

/** A cluster that fails whenever strikes 3 and 9 both take place, if two clients or more work for three seconds. */
function broken(options: SimulationOptions): SimulationResult {
  const numbers = options.keep ?? Array.from({ length: 20 }, (_, i) => i + 1);
  const fails =
    numbers.includes(3) && numbers.includes(9) && options.clients >= 2 && options.duration >= 3000;
  return {
    ...EMPTY,
    ok: !fails,
    problems: fails ? ['violated: key "k3" lost 4 writes'] : [],
    strikes: numbers.map((number) => ({ number, time: number, text: "" })),
  };
}

const EMPTY: SimulationResult = {
  ...trySimulation({ ...OPTIONS, nodes: 1, mix: "calm", duration: 100, clients: 1 }),
};

describe("shrinking", () => {
  test("leaves what is needed, and nothing else", () => {
    const { options } = shrink(OPTIONS, broken(OPTIONS), { run: broken });
    expect(options.keep).toEqual([3, 9]);
    expect(options.clients).toBe(2);
    expect(options.duration).toBeGreaterThanOrEqual(3000);
    expect(options.duration).toBeLessThan(4500);
  });

  test("needs no strike when there is none in it", () => {
    const always = (options: SimulationOptions): SimulationResult => ({
      ...broken(options),
      ok: false,
      problems: ["x"],
    });
    const { options } = shrink(OPTIONS, always(OPTIONS), { run: always });
    expect(options).toMatchObject({ keep: [], clients: 1 });
  });

  test("does not take another failure for a shorter form of this one", () => {
    const other = (options: SimulationOptions): SimulationResult =>
      options.keep?.length === 0
        ? { ...EMPTY, ok: false, problems: ["the cluster was not ready"] }
        : broken(options);
    expect(shrink(OPTIONS, broken(OPTIONS), { run: other }).options.keep).toEqual([3, 9]);
  });

  test("ends when it may not go on", () => {
    const { options, runs } = shrink(OPTIONS, broken(OPTIONS), { run: broken, goOn: () => false });
    expect(options).toEqual(OPTIONS);
    expect(runs).toBe(0);
  });
});
