import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeId, type NodeId } from "../core/ids.ts";
import { fingersOf, resolve } from "./fingers.ts";
import { rendezvousOwners } from "./rendezvous.ts";
import { buildRing, keyPosition, ringOwners, ringShares, type Weighted } from "./ring.ts";

const key = (number: number) => Buffer.from(`key:${number}`);
const KEYS = Array.from({ length: 1000 }, (_, number) => key(number));
const equal = (count: number): Weighted[] =>
  Array.from({ length: count }, (_, at) => ({ node: nodeId(at + 1), weight: 1 }));

type Owners = (members: readonly Weighted[], replicas: number) => (key: Uint8Array) => readonly NodeId[];
const SCHEMES: readonly { name: string; owners: Owners }[] = [
  {
    name: "ring",
    owners: (members, replicas) => {
      const ring = buildRing(members, 64);
      return (one) => ringOwners(ring, keyPosition(one), replicas);
    },
  },
  { name: "rendezvous", owners: (members, replicas) => (one) => rendezvousOwners(members, one, replicas) },
];

describe.each(SCHEMES)("$name", ({ owners }) => {
  test("a node that joins takes keys over, and none moves between the others", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 4 }), (count, replicas) => {
        const joined = nodeId(count + 1);
        const before = owners(equal(count), replicas);
        const after = owners(equal(count + 1), replicas);
        for (const one of KEYS.slice(0, 200)) {
          const now = after(one);
          const stayed = now.filter((node) => node !== joined);
          // Without the one that joined it is the beginning of what it was, in the same order; leaving is the same backwards.
          expect(before(one).slice(0, stayed.length)).toEqual(stayed);
          expect(now).toHaveLength(Math.min(replicas, count + 1));
        }
      }),
      { numRuns: 30 },
    );
  });

  test("replicas are on different nodes, and the order of the members does not matter", () => {
    const members = equal(7);
    const there = owners(members, 3);
    const back = owners(members.toReversed(), 3);
    for (const one of KEYS) {
      expect(new Set(there(one)).size).toBe(3);
      expect(back(one)).toEqual(there(one));
    }
    expect(owners([], 3)(key(1))).toEqual([]);
    expect(owners(equal(2), 3)(key(1))).toHaveLength(2);
    expect(owners(equal(2), 0)(key(1))).toEqual([]);
  });

  test("a node of twice the weight has twice the keys", () => {
    const members = equal(5).map(({ node }) => ({ node, weight: node === 1 ? 2 : 1 }));
    const of = owners(members, 1);
    const owned = new Map<NodeId, number>();
    for (let number = 0; number < 12_000; number++) {
      const [node] = of(key(number));
      owned.set(node!, (owned.get(node!) ?? 0) + 1);
    }
    const heavy = owned.get(nodeId(1))! / 4000;
    expect(heavy).toBeGreaterThan(0.8);
    expect(heavy).toBeLessThan(1.2);
  });

  test("more weight moves keys only to the node that has it", () => {
    const before = owners(equal(6), 1);
    const after = owners(
      equal(6).map(({ node }) => ({ node, weight: node === 3 ? 1.5 : 1 })),
      1,
    );
    const moved = KEYS.filter((one) => before(one)[0] !== after(one)[0]);
    expect(moved.length).toBeGreaterThan(0);
    expect(moved.map((one) => after(one)[0])).toEqual(moved.map(() => 3));
  });
});

test("shares of a ring add up, and are what keys find", () => {
  const ring = buildRing(equal(10), 16);
  const shares = ringShares(ring);
  expect([...shares.values()].reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 9);
  const found = new Map<NodeId, number>();
  for (let number = 0; number < 20_000; number++) {
    const [node] = ringOwners(ring, keyPosition(key(number)), 1);
    found.set(node!, (found.get(node!) ?? 0) + 1 / 20_000);
  }
  for (const [node, share] of shares) expect(Math.abs(found.get(node)! - share)).toBeLessThan(0.015);
});

describe("hop by hop", () => {
  const hopsTo = (fingers: ReturnType<typeof fingersOf>[], position: number, start: number) => {
    let at = fingers[start]!;
    for (let hops = 0; ; hops++) {
      const hop = resolve(at, position);
      if ("owner" in hop) return { owner: hop.owner, hops };
      at = fingers[hop.ask - 1]!;
    }
  };

  test("from any node, for any position, it is the owner that the whole ring names", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 4 }),
        fc.nat({ max: 1e6 }),
        fc.nat(),
        (count, points, number, start) => {
          const ring = buildRing(equal(count), points);
          const fingers = equal(count).map(({ node }) => fingersOf(ring, node));
          const positions = [keyPosition(key(number)), ...ring.points.map(({ position }) => position)];
          for (const position of positions) {
            const { owner } = hopsTo(fingers, position, start % count);
            expect([owner]).toEqual(ringOwners(ring, position, 1));
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("takes a logarithm of hops and of memory", () => {
    const ring = buildRing(equal(512), 1);
    const fingers = equal(512).map(({ node }) => fingersOf(ring, node));
    const hops = KEYS.map((one, at) => hopsTo(fingers, keyPosition(one), at % 512).hops);
    // Chord, section 6.3: half of log2 n on average.
    expect(hops.reduce((sum, one) => sum + one, 0) / hops.length).toBeLessThan(5.5);
    expect(Math.max(...hops)).toBeLessThanOrEqual(10);
    expect(Math.max(...fingers.map((one) => one!.known.length))).toBeLessThan(30);
  });

  test("a stranger to the ring knows nothing of it", () => {
    expect(fingersOf(buildRing(equal(3), 1), nodeId(9))).toBeNull();
  });
});
