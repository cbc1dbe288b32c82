import { describe, expect, test } from "vitest";
import { CHAOS_FAULTS, CHAOS_FAULT_NAMES, type ChaosFault } from "./faults.ts";
import { BETWEEN_WIPES_MS, drawChaosSchedule, minorityOf, type ChaosStrike } from "./schedule.ts";

const SEEDS = Array.from({ length: 100 }, (_, seed) => seed);

const draw = (seed: number, nodes = 3, faults: readonly ChaosFault[] = CHAOS_FAULT_NAMES) =>
  drawChaosSchedule(seed, { faults, nodes, duration: 60_000 });

const endOf = ({ at, lasts, fault }: ChaosStrike): number => at + lasts + CHAOS_FAULTS[fault].recovery;

/** The strikes that are at work, recovery included, when this one begins; this one too. */
const togetherWith = (strike: ChaosStrike, schedule: readonly ChaosStrike[]): readonly ChaosStrike[] =>
  schedule.filter((other) => other.at <= strike.at && endOf(other) > strike.at);

describe("a schedule of faults", () => {
  test("is the same for the same seed, and another for another", () => {
    expect(draw(7)).toEqual(draw(7));
    expect(draw(7)).not.toEqual(draw(8));
  });

  test.each([3, 4, 5, 9])("never hurts more than a minority of %i nodes, nor one node twice", (nodes) => {
    for (const seed of SEEDS) {
      const schedule = draw(seed, nodes);
      for (const strike of schedule) {
        const together = togetherWith(strike, schedule);
        expect(together.length).toBeLessThanOrEqual(minorityOf(nodes));
        expect(new Set(together.map(({ node }) => node)).size).toBe(together.length);
      }
    }
  });

  test("wipes a directory only when everybody is well, and long after the last time", () => {
    for (const seed of SEEDS) {
      const schedule = draw(seed, 5);
      const wipes = schedule.filter(({ fault }) => fault === "wipe");
      for (const [i, wipe] of wipes.entries()) {
        const last = wipes[i - 1]?.at ?? -Infinity;
        const others = schedule.filter((other) => other !== wipe);
        expect(others.filter((other) => other.at < endOf(wipe) && endOf(other) > wipe.at)).toEqual([]);
        expect(wipe.at - last).toBeGreaterThanOrEqual(BETWEEN_WIPES_MS);
      }
    }
  });

  test("has every fault and every node in it, within its time", () => {
    for (const seed of SEEDS) {
      const schedule = draw(seed);
      expect(new Set(schedule.map(({ fault }) => fault))).toEqual(new Set(CHAOS_FAULT_NAMES));
      expect(schedule.every(({ at, node }) => at < 60_000 && node >= 1 && node <= 3)).toBe(true);
      expect(schedule.length).toBeGreaterThan(5);
    }
  });

  test("goes on when the only fault has to wait", () => {
    const times = draw(1, 3, ["wipe"]).map(({ at }) => at);
    expect(times.length).toBe(3);
  });

  test("is empty without faults, and for two nodes, of which none can be spared", () => {
    expect(draw(1, 3, [])).toEqual([]);
    expect(draw(1, 2)).toEqual([]);
  });
});
