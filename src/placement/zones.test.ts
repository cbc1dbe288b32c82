import * as fc from "fast-check";
import { expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { chooseReplicas, type Located } from "./zones.ts";

const list = (zones: string): Located[] => [...zones].map((zone, at) => ({ node: nodeId(at + 1), zone }));
const lists = fc
  .array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 12 })
  .map((zones) => list(zones.join("")));
const count = (located: readonly Located[], chosen: readonly number[]) => {
  const counts = new Map<string, number>();
  for (const { node, zone } of located)
    if (chosen.includes(node)) counts.set(zone, (counts.get(zone) ?? 0) + 1);
  return counts;
};

test("replicas go to different zones, in the order of the list", () => {
  expect(chooseReplicas(list("aabbc"), 3, { kind: "spread" })).toEqual([1, 3, 5]);
  expect(chooseReplicas(list("aab"), 3, { kind: "spread" })).toEqual([1, 3, 2]);
});

test("no zone has two more than another that has nodes left", () => {
  fc.assert(
    fc.property(lists, fc.integer({ min: 0, max: 6 }), (located, replicas) => {
      const chosen = chooseReplicas(located, replicas, { kind: "spread" });
      expect(new Set(chosen).size).toBe(Math.min(replicas, located.length));
      const counts = count(located, chosen);
      const most = Math.max(0, ...counts.values());
      const withMore = located.filter(({ node }) => !chosen.includes(node)).map(({ zone }) => zone);
      expect(withMore.filter((zone) => (counts.get(zone) ?? 0) < most - 1)).toEqual([]);
    }),
  );
});

test("near a zone: as many there as asked for, the others elsewhere", () => {
  const near = { kind: "near", zone: "b", local: 2 } as const;
  expect(chooseReplicas(list("aabbbc"), 3, near)).toEqual([3, 4, 1]);
  expect(chooseReplicas(list("aac"), 3, near)).toEqual([1, 3, 2]);
  expect(chooseReplicas(list("abbb"), 4, near)).toEqual([2, 3, 1, 4]);
});

test("near a zone: never too few, never one twice", () => {
  const options = fc.record({
    replicas: fc.integer({ min: 0, max: 6 }),
    local: fc.integer({ min: 0, max: 6 }),
  });
  fc.assert(
    fc.property(lists, options, (located, { replicas, local }) => {
      const chosen = chooseReplicas(located, replicas, { kind: "near", zone: "a", local });
      expect(chosen).toHaveLength(Math.min(replicas, located.length));
      expect(new Set(chosen).size).toBe(chosen.length);
      const there = located.filter(({ zone }) => zone === "a").length;
      const wanted = Math.min(local, there, replicas);
      expect(count(located, chosen).get("a") ?? 0).toBeGreaterThanOrEqual(wanted);
    }),
  );
});
