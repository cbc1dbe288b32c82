import { describe, expect, test } from "vitest";
import { fuzz } from "../merging/fuzz.testkit.ts";
import { Cluster, FAIR } from "../merging/cluster.testkit.ts";
import type { Weather } from "../merging/cluster.testkit.ts";
import { gossipCodec } from "./codec.ts";
import { DEFAULT_GOSSIP_OPTIONS, Gossip } from "./gossip.ts";
import type { GossipMessage, GossipOptions, GossipTimer } from "./gossip.ts";

/** Limits that are met. */
const SMALL: Partial<GossipOptions> = {
  maxMessageBytes: 60,
  maxFamilies: 2,
  maxRumorBytes: 150,
  patience: 400,
  maxPendingBytes: 8000,
  handoverPatience: 200,
};

function cluster(
  holders: readonly number[],
  options: Partial<GossipOptions> = {},
  weather: Weather = FAIR,
  seed = 7,
) {
  return new Cluster<GossipMessage, GossipTimer>(
    seed,
    { holders },
    (id, seed, recovered, summary) =>
      new Gossip({ ...DEFAULT_GOSSIP_OPTIONS, ...options, id, seed }, recovered, summary),
    gossipCodec,
    weather,
  );
}

describe("rumors", () => {
  test("a write is acknowledged at once and is with three nodes within tens of milliseconds", () => {
    const group = cluster([1, 2, 3]);
    const request = group.write(1, "add", "x");
    group.run(3);
    expect(group.outcome(request)).toEqual({ ok: true });
    expect(group.host(2).state.content).toBe("");
    group.run(57);
    for (const id of [2, 3]) expect(group.host(id).state.content).toBe(group.host(1).state.content);
    expect(group.host(3).state.elements.size).toBe(1);
  });

  test("a shard without writes sets no rumor timer", () => {
    const group = cluster([1, 2, 3]);
    group.write(1, "add", "x");
    group.run(2000);
    for (const site of group.sites.values()) expect([...site.timers.keys()]).toEqual(["exchange"]);
  });
});

describe("anti-entropy alone", () => {
  test.each(["pull", "push", "push-pull"] as const)("%s: holders become the same", (antiEntropy) => {
    const group = cluster([1, 2, 3], { rumors: null, antiEntropy });
    for (let at = 0; at < 30; at++) group.write(1 + (at % 3), at % 5 === 4 ? "remove" : "add", `e${at % 11}`);
    group.run(15_000);
    expect(group.difference()).toBe(null);
    expect(group.losses()).toEqual([]);
  });

  test("what was removed while a holder was away does not come back with it", () => {
    const group = cluster([1, 2, 3]);
    group.write(1, "add", "x");
    group.run(2000);
    expect(group.host(3).state.elements.size).toBe(1);
    group.cut(3, 1, 2);
    group.write(1, "remove", "x");
    group.write(3, "add", "y");
    group.run(3_600_000);
    group.mend();
    group.run(20_000);
    expect(group.difference()).toBe(null);
    expect([...group.host(1).state.elements.keys()]).toEqual(["y"]);
  });

  test("a new holder is ready once it has had all, and not before", () => {
    const group = cluster([1, 2]);
    for (let at = 0; at < 40; at++) group.write(1, "add", `e${at}`);
    group.run(3000);
    group.change([1, 2, 3]);
    group.cut(3, 1, 2);
    group.run(1000);
    expect(group.host(3).machine!.isReady).toBe(false);
    group.mend();
    group.run(5000);
    expect(group.host(3).machine!.isReady).toBe(true);
    expect(group.host(3).state.elements.size).toBe(40);
    group.crash(3);
    group.cut(3, 1, 2);
    group.restart(3);
    group.run(10);
    expect(group.host(3).machine!.isReady).toBe(true);
  });
});

describe("a former holder", () => {
  test("hands over what only it has, and retires", () => {
    const group = cluster([1, 2, 3]);
    group.write(1, "add", "x");
    group.run(1000);
    group.cut(1, 2, 3);
    group.write(1, "add", "lonely");
    group.write(1, "remove", "x");
    group.run(500);
    group.change([2, 3, 4]);
    group.run(10_000);
    expect(group.retirements).toBe(0);
    group.mend();
    group.run(20_000);
    expect(group.retirements).toBe(1);
    expect(group.difference()).toBe(null);
    expect(group.losses()).toEqual([]);
    expect([...group.host(4).state.elements.keys()]).toEqual(["lonely"]);
  });
});

test.each(Array.from({ length: 8 }, (_, at) => at + 1))(
  "under faults nothing acknowledged is lost, nothing removed comes back: seed %i",
  (seed) => {
    const rumors = seed % 3 === 0 ? null : DEFAULT_GOSSIP_OPTIONS.rumors;
    const antiEntropy = (["pull", "push", "push-pull"] as const)[seed % 3]!;
    const report = fuzz(
      seed,
      (weather, members) => cluster(members.holders, { ...SMALL, rumors, antiEntropy }, weather, seed),
      { standIns: false, quorum: 1, strict: false },
    );
    expect(report.problems).toEqual([]);
    expect(report.acknowledged).toBeGreaterThan(20);
  },
);
