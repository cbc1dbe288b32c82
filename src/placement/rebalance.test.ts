import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeId, type NodeId } from "../core/ids.ts";
import { rebalance } from "./rebalance.ts";

const list = (zones: string) => [...zones].map((zone, at) => ({ node: nodeId(at + 1), zone }));
const NOTHING: ReadonlyMap<NodeId, number> = new Map();
const shardsOn = (count: number, ...holders: number[]) =>
  Array.from({ length: count }, () => holders.map(nodeId));
const held = (shards: readonly (readonly NodeId[])[], nodes: number) =>
  Array.from({ length: nodes }, (_, i) => shards.filter((holders) => holders.includes(nodeId(i + 1))).length);
const led = (shards: readonly (readonly NodeId[])[], nodes: number) =>
  Array.from({ length: nodes }, (_, i) => shards.filter((holders) => holders[0] === i + 1).length);

describe("shards are spread anew", () => {
  test("one machine that got a second process gives it half", () => {
    expect(held(rebalance(shardsOn(8, 1), list("aa"), NOTHING), 2)).toEqual([4, 4]);
  });

  test("three machines that got a second process each: replicas and leaders are even, and every shard stays on three machines", () => {
    const nodes = list("abcabc");
    const after = rebalance(shardsOn(8, 1, 2, 3), nodes, NOTHING);
    expect(held(after, 6)).toEqual([4, 4, 4, 4, 4, 4]);
    for (const holders of after) expect(new Set(holders.map((node) => nodes[node - 1]!.zone)).size).toBe(3);
    expect(Math.max(...led(after, 6)) - Math.min(...led(after, 6))).toBeLessThanOrEqual(1);
  });

  test("what is even already stays where it is", () => {
    const even = [
      [1, 2],
      [2, 3],
      [3, 1],
    ].map((holders) => holders.map(nodeId));
    expect(rebalance(even, list("aaa"), NOTHING)).toEqual(even);
  });

  test("replicas that share a zone part when there is another, whatever the load", () => {
    const after = rebalance([[nodeId(1), nodeId(2)]], list("aab"), NOTHING);
    expect(after[0]).toContain(3);
  });

  test("between equals, the node that holds less elsewhere gets more", () => {
    const busy = new Map([[nodeId(2), 9]]);
    expect(rebalance(shardsOn(2, 1), list("aaa"), busy).flat().sort()).toEqual([1, 3]);
  });

  test("no replica is lost, no zone either, and nobody who could take one has two fewer", () => {
    const cases = fc.record({
      zones: fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 8 }),
      seeds: fc.array(fc.array(fc.nat({ max: 7 }), { minLength: 1, maxLength: 3 }), { maxLength: 12 }),
    });
    fc.assert(
      fc.property(cases, ({ zones, seeds }) => {
        const nodes = list(zones.join(""));
        const shards = seeds.map((seed) => [...new Set(seed.map((at) => nodeId((at % zones.length) + 1)))]);
        const after = rebalance(shards, nodes, NOTHING);
        const zonesOf = (holders: readonly NodeId[]) => new Set(holders.map((node) => zones[node - 1])).size;
        const counts = held(after, zones.length);
        for (const [at, holders] of after.entries()) {
          expect(new Set(holders).size).toBe(shards[at]!.length);
          expect(zonesOf(holders)).toBe(Math.min(shards[at]!.length, new Set(zones).size));
          for (const from of holders) {
            const free = nodes.filter(({ node }) => !holders.includes(node));
            const able = free.filter(
              ({ node }) => zonesOf(holders.map((old) => (old === from ? node : old))) >= zonesOf(holders),
            );
            for (const { node } of able) expect(counts[from - 1]! - counts[node - 1]!).toBeLessThan(2);
          }
        }
        expect(rebalance(after, nodes, NOTHING), "a second time there is nothing to do").toEqual(after);
      }),
    );
  });
});
