import { describe, expect, it } from "vitest";
import { SimulatedRandom } from "./simulated-random.ts";

const draw = (random: SimulatedRandom, count = 5): number[] =>
  Array.from({ length: count }, () => random.next());

describe("chance from a seed", () => {
  it("replays one seed, and seeds that differ in one digit have nothing in common", () => {
    expect(draw(new SimulatedRandom(1))).toEqual(draw(new SimulatedRandom("1")));
    const starts = Array.from({ length: 2000 }, (_, seed) => new SimulatedRandom(seed).next());
    expect(new Set(starts).size).toBe(2000);
    const mean = starts.reduce((a, b) => a + b) / starts.length;
    expect(Math.abs(mean - 0.5)).toBeLessThan(0.03);
  });

  it("forks streams that do not depend on how much was drawn", () => {
    const one = new SimulatedRandom(7);
    const other = new SimulatedRandom(7);
    draw(other, 100);
    expect(draw(one.fork("network"))).toEqual(draw(other.fork("network")));
    expect(draw(one.fork("network"))).not.toEqual(draw(one.fork("disk")));
    expect(draw(one.fork("a").fork("b"))).not.toEqual(draw(one.fork("b").fork("a")));
  });

  it("draws within what was asked for, both ends of whole numbers included", () => {
    const random = new SimulatedRandom("ranges");
    const whole = new Set(Array.from({ length: 500 }, () => random.integer(3, 6)));
    expect([...whole].sort()).toEqual([3, 4, 5, 6]);
    for (let i = 0; i < 500; i++) {
      const value = random.between(10, 20);
      expect(value >= 10 && value < 20).toBe(true);
    }
    expect(random.chance(0)).toBe(false);
    expect(random.chance(1)).toBe(true);
    expect(random.shuffle([1, 2, 3, 4, 5]).sort()).toEqual([1, 2, 3, 4, 5]);
    expect(["x", "y"]).toContain(random.pick(["x", "y"]));
    expect(() => random.pick([])).toThrow(RangeError);
  });
});
