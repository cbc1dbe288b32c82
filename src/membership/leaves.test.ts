/** The pure parts below the machine: precedence, news, rounds, suspicion, local health. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { SimulatedRandom } from "../sim/simulated-random.ts";
import { LocalHealth } from "./local-health.ts";
import type { MemberRecord } from "./messages.ts";
import { News } from "./news.ts";
import { DEFAULT_SWIM_OPTIONS, PLAIN_SWIM } from "./options.ts";
import { digestOf, supersedes } from "./record.ts";
import { Rounds } from "./rounds.ts";
import { suspicionTimeout } from "./suspicion.ts";

const member = (id: number, change: Partial<MemberRecord> = {}): MemberRecord => ({
  id: nodeId(id),
  address: { host: "member", port: id },
  incarnation: 0,
  status: "alive",
  by: null,
  ...change,
});

const opinion = fc
  .record({
    incarnation: fc.nat({ max: 3 }),
    status: fc.constantFrom<MemberRecord["status"][]>("alive", "suspect", "dead", "left"),
  })
  .map((change) => member(1, change));

test("what members hold does not depend on the order in which they hear it", () => {
  const fold = (opinions: readonly MemberRecord[]) =>
    opinions.reduce((held, news) => (supersedes(news, held) ? news : held));
  fc.assert(
    fc.property(fc.array(opinion, { minLength: 1, maxLength: 8 }), fc.nat(), (opinions, seed) => {
      expect(fold(new SimulatedRandom(seed).shuffle(opinions))).toEqual(fold(opinions));
    }),
    { seed: 1, numRuns: 300 },
  );
});

test("a digest tells lists apart by members and incarnations, not by order, suspicion or the dead", () => {
  const list = [member(1), member(2, { incarnation: 4 }), member(3)];
  const digest = digestOf(list);
  expect(digestOf([...list].reverse())).toBe(digest);
  expect(digestOf([...list, member(4, { status: "dead" })])).toBe(digest);
  expect(digestOf([list[0]!, list[1]!, member(3, { status: "suspect", by: nodeId(1) })])).toBe(digest);
  expect(digestOf([...list, member(4)])).not.toBe(digest);
  expect(digestOf([list[0]!, member(2, { incarnation: 5 }), list[2]!])).not.toBe(digest);
  expect(digestOf(list.slice(1))).not.toBe(digest);
});

test("news is handed out a bounded number of times, the young before the old, and not to whom it is about", () => {
  const news = new News();
  const take = (room: number, except = 99) =>
    news.take(room, 3, nodeId(except), () => 10).map(({ id }) => Number(id));
  news.add(member(1));
  expect(take(100)).toEqual([1]);
  news.add(member(2));
  expect(take(10)).toEqual([2]);
  news.add(member(3));
  expect(take(10)).toEqual([3]);
  expect(take(100, 2).sort()).toEqual([1, 3]);
  expect(take(100).sort()).toEqual([1, 2, 3]);
  expect(take(100)).toEqual([2]);
  expect(news.size).toBe(0);
});

test("fresh news replaces stale news about the same member, and counts anew", () => {
  const news = new News();
  news.add(member(1));
  news.take(100, 2, null, () => 10);
  news.add(member(1, { incarnation: 1 }));
  const handedOut = [1, 2, 3].flatMap(() => news.take(100, 2, null, () => 10));
  expect(handedOut.map(({ incarnation }) => incarnation)).toEqual([1, 1]);
});

test("a pass probes everybody once, each in an order of its own", () => {
  const rounds = new Rounds(new SimulatedRandom("rounds"));
  const ids = Array.from({ length: 20 }, (_, at) => nodeId(at + 1));
  for (const id of ids) rounds.add(id);
  const passes = [1, 2, 3].map(() => ids.map(() => Number(rounds.next())));
  for (const pass of passes) expect([...pass].sort((a, b) => a - b)).toEqual(ids);
  expect(new Set(passes.map(String)).size).toBe(3);
});

test("members that come and go during a pass are neither skipped nor probed twice", () => {
  const rounds = new Rounds(new SimulatedRandom("changes"));
  for (let id = 1; id <= 10; id++) rounds.add(nodeId(id));
  const seen = new Map<number, number>();
  // The first call begins a pass: nine follow, while others come and go.
  for (let turn = 1; turn <= 10; turn++) {
    const id = rounds.next()!;
    seen.set(id, (seen.get(id) ?? 0) + 1);
    rounds.add(nodeId(100 + turn));
    rounds.remove(nodeId(100 + turn));
  }
  expect([...seen.values()]).toEqual(Array(10).fill(1));
  expect(rounds.some(30, nodeId(4))).toHaveLength(9);
  expect(rounds.some(30, nodeId(4))).not.toContain(4);
  expect(new Set(rounds.some(5, null)).size).toBe(5);
});

test("a suspicion starts long and shrinks with every confirmation; nobody to confirm, it is short", () => {
  const least = 5 * 1000 * 2;
  const timeouts = [0, 1, 2, 3].map((confirmed) => suspicionTimeout(DEFAULT_SWIM_OPTIONS, 100, confirmed));
  expect(timeouts).toEqual([6 * least, 3.5 * least, expect.closeTo(least * 2.0376, 0), least]);
  expect(suspicionTimeout(DEFAULT_SWIM_OPTIONS, 2, 0)).toBe(5000);
  expect(suspicionTimeout({ ...DEFAULT_SWIM_OPTIONS, ...PLAIN_SWIM }, 100, 0)).toBe(least);
});

test("local health stays within its bounds", () => {
  const health = new LocalHealth(2);
  for (const by of [-1, 1, 1, 5]) health.change(by);
  expect(health.score).toBe(2);
  expect(health.multiplier).toBe(3);
  const off = new LocalHealth(0);
  off.change(3);
  expect(off.multiplier).toBe(1);
});
