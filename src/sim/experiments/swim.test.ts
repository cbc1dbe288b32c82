import { expect, test } from "vitest";
import { measureSwim } from "./swim.ts";
import { detectionTimes, expectedInGroup, falsePositives, measureLoad } from "./swim-runs.ts";

test("the first detection takes as long as published", () => {
  const times = detectionTimes("test", 20, 0.5, true, 400);
  expect(times.mean / expectedInGroup(20, 0.5)).toBeGreaterThan(0.9);
  expect(times.mean / expectedInGroup(20, 0.5)).toBeLessThan(1.1);
});

test("Lifeguard spares healthy members what slow ones say of them", () => {
  const plain = falsePositives("test", 24, 4, true);
  const lifeguard = falsePositives("test", 24, 4, false);
  expect(plain.aboutHealthy).toBeGreaterThan(0);
  expect(lifeguard.aboutHealthy).toBeLessThan(plain.aboutHealthy / 2);
});

test("the load of a member does not depend on the size of the group", () => {
  const [small, large] = [3, 30].map((members) => measureLoad("test", members, 30));
  expect(large!.messages / small!.messages).toBeGreaterThan(0.8);
  expect(large!.messages / small!.messages).toBeLessThan(1.2);
});

test("the seed decides every digit, and the page has them all", () => {
  expect(detectionTimes("test", 10, 1, false, 20)).toEqual(detectionTimes("test", 10, 1, false, 20));
  const { page, plot } = measureSwim(() => undefined, 0.001);
  expect(page + plot).not.toMatch(/NaN|undefined|Infinity/);
  expect(page.match(/^\| 10 \|/gm)).toHaveLength(2);
});
