import { describe, expect, test } from "vitest";
import { FakeCluster, NO_FAULTS, type Faults } from "../cluster.testkit.ts";
import { writeTo, Watched } from "./calls.testkit.ts";
import type { Delivery } from "./outcome.ts";

const ROUGH: Faults = {
  ...NO_FAULTS,
  dropRequest: 0.05,
  dropReply: 0.1,
  repeatRequest: 0.05,
  repeatReply: 0.05,
  delayRequest: 0.03,
  lostConnection: 0.05,
  refuseForward: 0.3,
};

interface Run {
  readonly calls: readonly { readonly key: string; readonly call: Watched }[];
  readonly cluster: FakeCluster;
  readonly results: Readonly<Record<string, number>>;
}

/** Increments of `keys` keys under faults and failovers; every tenth caller gives up early. Ends when all is quiet. */
function run(seed: number, faults: Faults, delivery: Delivery, count: number, keys = count): Run {
  const cluster = new FakeCluster(seed);
  cluster.faults = faults;
  const driver = cluster.driver({ attemptTimeout: 200, maxInFlight: 200 });
  const { scheduler, random } = cluster;
  const calls: { key: string; call: Watched }[] = [];
  const story = random.fork("story");
  for (let i = 0; i < count; i++) {
    const key = `hits:${i % keys}`;
    scheduler.after(story.between(0, 20_000), () => {
      const deadline = scheduler.now() + (keys < count ? 60_000 : story.between(50, 5_000));
      const call = new Watched(driver, writeTo(key, 0, { repetition: delivery, deadline }));
      calls.push({ key, call });
      if (keys === count && story.chance(0.1)) {
        scheduler.after(story.between(0, 200), () => driver.abort(call.id, "the user left"));
      }
    });
  }
  for (let at = 500; at < 20_000; at += 1_500) {
    scheduler.after(at, () => cluster.failOver(story.pick(cluster.shards), story.between(10, 1_000)));
  }
  scheduler.after(9_000, () => cluster.crash(cluster.topology().nodes[0]!));
  scheduler.after(13_000, () => cluster.restart(cluster.topology().nodes[0]!));
  while (scheduler.step());
  const results: Record<string, number> = {};
  for (const { call } of calls) results[call.result] = (results[call.result] ?? 0) + 1;
  expect(cluster.violations).toEqual([]);
  expect(driver.status()).toMatchObject({ calls: 0, waiting: 0, inFlight: 0, attempts: 0, alarms: 0 });
  return { calls, cluster, results };
}

function total({ cluster, calls }: Run): number {
  const keys = new Set(calls.map(({ key }) => key));
  return [...keys].reduce((sum, key) => sum + Number(cluster.value("hits", key) ?? 0), 0);
}

describe("increments through failovers, losses and repetitions", () => {
  test("exactly-once: exactly as many as were asked for", () => {
    for (let seed = 1; seed <= 5; seed++) {
      const history = run(seed, ROUGH, "exactly-once", 2_000, 8);
      expect([seed, history.results]).toEqual([seed, { ok: 2_000 }]);
      expect(total(history)).toBe(2_000);
    }
  });

  test("at-least-once: all reported done, and more than that are", () => {
    const history = run(1, ROUGH, "at-least-once", 2_000, 8);
    expect(history.results).toEqual({ ok: 2_000 });
    expect(total(history)).toBeGreaterThan(2_050);
  });

  test("at-most-once: fewer are done, and no outcome is invented", () => {
    const history = run(1, ROUGH, "at-most-once", 2_000, 8);
    const done = total(history);
    expect(done).toBeLessThan(1_950);
    expect(done).toBeGreaterThanOrEqual(history.results["ok"]!);
    expect(done).toBeLessThanOrEqual(2_000 - (history.results["aborted"] ?? 0));
  });

  test("one seed is one history", () => {
    const [a, b] = [1, 2].map(() => run(7, ROUGH, "exactly-once", 300).cluster.scheduler.hash);
    expect(a).toBe(b);
  });
});

describe("what a caller is told is what happened", () => {
  const rough: Faults = { ...ROUGH, dropRequest: 0.15, dropReply: 0.2, evictSessions: 0.01 };
  const most: Record<Delivery, number> = {
    "at-most-once": 1,
    "exactly-once": 1,
    "at-least-once": Infinity,
  };

  test.each(Object.keys(most) as Delivery[])("%s, each call on a key of its own", (delivery) => {
    const seen = new Set<string>();
    const lies: unknown[] = [];
    for (let seed = 1; seed <= 8; seed++) {
      const { calls, cluster } = run(seed, rough, delivery, 800);
      for (const { key, call } of calls) {
        const times = Number(cluster.value("hits", key) ?? 0);
        const { outcome } = call;
        seen.add(call.result);
        if (outcome === null) throw new Error(`never settled: seed ${seed}, ${key}`);
        const least = outcome.ok ? 1 : 0;
        const limit = outcome.ok || !outcome.error.definite ? most[delivery] : 0;
        if (times < least || times > limit) lies.push({ seed, key, told: call.result, times });
      }
    }
    expect(lies).toEqual([]);
    expect([...seen].sort()).toEqual(expect.arrayContaining(["aborted", "ok", "timeout", "unknown"]));
  });
});
