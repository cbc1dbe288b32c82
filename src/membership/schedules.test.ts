/** Whatever the schedule: completeness, healing, incarnations that only grow, bounds. `TestHost` checks invariants after each step. */
import * as fc from "fast-check";
import { expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { addressOf, TestCluster } from "./cluster.testkit.ts";
import { PLAIN_SWIM } from "./options.ts";

const COUNT = 6;
/** With the faults below, and messages of 1024 bytes at most. */
const MAX_BYTES = 1024;

const action = fc.oneof(
  fc.record({ kind: fc.constant("crash" as const), id: fc.integer({ min: 2, max: COUNT }) }),
  fc.record({ kind: fc.constant("restart" as const), id: fc.integer({ min: 2, max: COUNT }) }),
  fc.record({ kind: fc.constant("leave" as const), id: fc.integer({ min: 2, max: COUNT }) }),
  fc.record({
    kind: fc.constant("pause" as const),
    id: fc.integer({ min: 1, max: COUNT }),
    seconds: fc.nat(40),
  }),
  fc.record({ kind: fc.constant("cut" as const), side: fc.nat(2 ** COUNT - 1) }),
  fc.record({ kind: fc.constant("one-way" as const), id: fc.integer({ min: 1, max: COUNT }) }),
  fc.record({ kind: fc.constant("loss" as const), percent: fc.nat(60) }),
  fc.record({ kind: fc.constant("heal" as const) }),
);
const schedule = fc.array(fc.tuple(action, fc.nat(30)), { minLength: 1, maxLength: 8 });

function play(seed: number, plain: boolean, steps: readonly (readonly [Action, number])[]): TestCluster {
  const cluster = new TestCluster(seed, { ...(plain ? PLAIN_SWIM : {}), maxMessageBytes: MAX_BYTES });
  cluster.startAll(COUNT);
  for (const [one, seconds] of steps) {
    act(cluster, one);
    cluster.run(seconds);
  }
  return cluster;
}

type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

function act(cluster: TestCluster, one: Action): void {
  const { faults } = cluster;
  switch (one.kind) {
    case "crash":
      cluster.host(one.id).crash();
      return;
    case "restart":
      if (!cluster.host(one.id).alive) cluster.start(one.id);
      return;
    case "leave": {
      const host = cluster.host(one.id);
      host.step({ type: "leave" });
      host.crash();
      return;
    }
    case "pause":
      cluster.host(one.id).pausedUntil = cluster.scheduler.now() + one.seconds * 1000;
      return;
    case "cut":
      faults.cut = (from, to) => ((one.side >> (from - 1)) & 1) !== ((one.side >> (to - 1)) & 1);
      return;
    case "one-way":
      faults.cut = (from) => from === one.id;
      return;
    case "loss":
      Object.assign(faults, { loss: one.percent / 100, repeat: 0.2, maxDelay: 200 });
      return;
    case "heal":
      calm(cluster);
  }
}

function calm(cluster: TestCluster): void {
  Object.assign(cluster.faults, { loss: 0, repeat: 0, maxDelay: 5, cut: () => false });
}

/** Of the living as anything but alive, of others as such. */
function wrongViews(cluster: TestCluster): (readonly [id: number, view: string])[] {
  return [...cluster.hosts].flatMap(([id, { alive }]) =>
    cluster
      .views(id)
      .filter((view) => alive !== (view === "alive") || (!alive && view === "suspect"))
      .map((view) => [id, view] as const),
  );
}

test("once messages flow, all the living are known alive by all, and no one else is", () => {
  fc.assert(
    fc.property(fc.nat(), fc.boolean(), schedule, (seed, plain, steps) => {
      const cluster = play(seed, plain, steps);
      calm(cluster);
      const pauses = [...cluster.hosts.values()].map(({ pausedUntil }) => pausedUntil);
      cluster.run(Math.max(0, Math.max(...pauses) - cluster.scheduler.now()) / 1000);
      // A suspicion of 30 s, stretched by ill health, and a few reconnects.
      for (let waited = 0; waited < 360 && wrongViews(cluster).length > 0; waited += 10) cluster.run(10);
      expect(wrongViews(cluster)).toEqual([]);
      // And so it stays, for longer than the longest suspicion.
      cluster.run(40);
      expect(wrongViews(cluster)).toEqual([]);
      expect(cluster.longestMessage).toBeLessThanOrEqual(MAX_BYTES);
    }),
    { seed: 1, numRuns: 15 },
  );
});

test("completeness: every crash is known by all within two passes, a suspicion and its spreading", () => {
  const crashes = fc.subarray([2, 3, 4, 5, 6, 7, 8, 9], { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(fc.nat(), fc.boolean(), crashes, (seed, plain, crashed) => {
      const cluster = new TestCluster(seed, plain ? PLAIN_SWIM : {});
      cluster.startAll(9);
      for (const id of crashed) cluster.host(id).crash();
      // Two passes of 8, at worst with every second probe failed; 30 s of suspicion; ten periods for the news.
      const limit = 2 * 8 * (plain ? 1 : 3) + 30 + 10;
      const views = () => crashed.map((id) => cluster.views(id).join());
      for (let waited = 0; waited < limit && views().some((view) => view !== "dead"); waited += 2) {
        cluster.run(2);
      }
      expect(views()).toEqual(crashed.map(() => "dead"));
    }),
    { seed: 1, numRuns: 15 },
  );
});

test("memory is bounded: when the list is full, the dead make room and others are refused", () => {
  const cluster = new TestCluster("full", { maxMembers: 6 });
  cluster.startAll(6);
  cluster.start(7);
  cluster.run(20);
  expect(cluster.host(1).swim.size).toBe(6);
  expect(cluster.host(1).swim.member(nodeId(7))).toBeUndefined();
  expect(cluster.host(1).swim.status()).not.toMatchObject({ refused: 0 });
  cluster.host(3).crash();
  cluster.run(90);
  expect(cluster.host(1).swim.member(nodeId(7))?.status).toBe("alive");
  expect(cluster.host(1).swim.member(nodeId(3))).toBeUndefined();
});

test("relays are bounded: a flood of requests for probes is not passed on", () => {
  const cluster = new TestCluster("flood", { maxRelays: 4 });
  cluster.startAll(3);
  const before = cluster.sent.get("ping")!;
  for (let sequence = 1; sequence <= 50; sequence++) {
    cluster.host(1).step({
      type: "message",
      message: {
        type: "ping-request",
        from: cluster.host(2).swim.member(nodeId(2))!,
        updates: [],
        sequence,
        target: nodeId(99),
        address: addressOf(99),
      },
    });
  }
  expect(cluster.sent.get("ping")! - before).toBe(4);
});
