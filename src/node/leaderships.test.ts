/** Leaderships find the node through which the requests come: stories of whole clusters, in virtual time. */
import { describe, expect, test } from "vitest";
import type { GroupId } from "../core/ids.ts";
import type { LeadershipInfo } from "./api.ts";
import { type ExplainedLeader, explainLeaders } from "./explain-leader.ts";
import { Story } from "../sim/stories.testkit.ts";
import { partitions } from "../transport/network-faults.ts";
import { commandCall } from "../sim/workloads/workload.ts";

const SHARDS = 8;

/** Two keys of each shard of the keyspace `default`. */
function keysOf(story: Story): string[] {
  const node = story.host("n1").node!;
  const found = new Map<GroupId, string[]>();
  for (let i = 0; found.size < SHARDS || [...found.values()].some((keys) => keys.length < 2); i++) {
    const key = `${i * 37}`;
    const group = node.groupOfKey(new TextEncoder().encode(key))!;
    const keys = found.get(group) ?? [];
    if (keys.length < 2) found.set(group, [...keys, key]);
  }
  return [...found.values()].flat();
}

/** How many shards of the keyspace `default` each node leads. */
function leading(story: Story): number[] {
  return story.cluster.hosts.map(
    (host) =>
      host.node?.status().replicas.filter(({ role, group }) => role === "leader" && group > 0).length ?? 0,
  );
}

/** Looks now and then: what it asks takes long, compared with what happens in between. */
function settled(story: Story, leaders: string, limit: number): string {
  for (let passed = 0; passed < limit && leading(story).join() !== leaders; passed += 200) story.pass(200);
  return leading(story).join();
}

/** What this node can tell of the leaders of the keyspace `default`. */
function explained(story: Story, host: string): readonly ExplainedLeader[] {
  const node = story.host(host).node!;
  const keyspace = node.keyspaces()[0]!;
  let found: readonly LeadershipInfo[] | null = null;
  const groups = keyspace.shardList.map(({ group }) => group);
  node.leaderships(groups, (leaderships) => (found = leaderships));
  story.until("the leaders' answers", () => found !== null, 2000);
  return explainLeaders(keyspace, found!, (id) => `n${id}`);
}

const isSpread = (story: Story) => [...leading(story)].sort().join() === "2,3,3";

/** Closed loops of increments on all shards through one node, until stopped. Counts what was acknowledged. */
function load(story: Story, host: string, command: "incr" | "get" = "incr") {
  const counted = { acknowledged: new Map<string, number>(), refused: [] as string[], stopped: false };
  const node = story.host(host).node!;
  for (const key of keysOf(story)) {
    const again = (): void => {
      if (counted.stopped) return;
      node.execute(commandCall(command, key), {}, (reply) => {
        if (reply instanceof Error || (typeof reply !== "number" && command === "incr"))
          counted.refused.push(JSON.stringify(reply));
        else counted.acknowledged.set(key, (counted.acknowledged.get(key) ?? 0) + 1);
        story.cluster.scheduler.after(command === "get" ? 25 : 150, again);
      });
    };
    again();
  }
  return counted;
}

describe("requests through one node", () => {
  test("given leaders spread over three nodes, when all writes come through n2, then n2 leads every shard, and nothing is refused", () => {
    const story = new Story();
    story.pass(10_000);
    const before = leading(story).join();
    expect(isSpread(story)).toBe(true);
    const writes = load(story, "n2");
    expect(settled(story, "0,8,0", 10_000)).toBe("0,8,0");
    story.pass(1000);
    const why = explained(story, "n3");
    expect(why.map(({ leader }) => leader)).toEqual(Array.from({ length: SHARDS }, () => "n2"));
    expect(why[0]!.text).toMatch(
      /^The requests come 100% through n2 \(of [\d.]+ a second\): it is where most/,
    );
    expect(why[0]!.leadership).toMatchObject({ leader: 2, wanted: 2, reason: "near", follows: true });
    writes.stopped = true;
    story.pass(1000);
    expect(writes.refused).toEqual([]);
    for (const key of keysOf(story))
      expect(story.do("n1", `get ${key}`)).toBe(String(writes.acknowledged.get(key)));
    const moves = story.cluster.hosts.map((host) => host.node!.metrics().counters);
    expect(moves.map((counters) => counters["leader_moves_requests_total"]).sort()).toEqual([0, 2, 3]);

    // They linger for half a minute, in case the writes come back; then they go where they are preferred.
    story.pass(20_000);
    expect(leading(story)).toEqual([0, 8, 0]);
    expect(explained(story, "n2").map(({ text }) => text)).toContainEqual(
      expect.stringMatching(/until lately they held it here: it stays \d+ s more, then goes to n[13]\./),
    );
    expect(settled(story, before, 20_000)).toBe(before);
  });

  test("linearizable reads draw leaders as well", () => {
    const story = new Story();
    story.pass(10_000);
    load(story, "n3", "get");
    expect(settled(story, "0,0,8", 10_000)).toBe("0,0,8");
  });

  test("a node that cannot keep up gets no more leaderships, until it can", () => {
    const story = new Story();
    story.pass(10_000);
    const before = leading(story).join();
    story.host("n2").loopLag = 300;
    load(story, "n2");
    story.pass(15_000);
    expect(leading(story).join()).toBe(before);
    expect(explained(story, "n1")[0]!.text).toMatch(
      /^n2 should lead, as the requests come 100% through n2 .*but has far more to do/,
    );
    story.host("n2").loopLag = 0;
    expect(settled(story, "0,8,0", 10_000)).toBe("0,8,0");
  });

  test("switched off, nothing moves", () => {
    const story = new Story({ placement: { leadersFollowWrites: false } });
    story.pass(10_000);
    const before = leading(story);
    load(story, "n2");
    story.pass(25_000);
    expect(leading(story)).toEqual(before);
    expect(explained(story, "n1")[0]!.text).toContain("placement.leadersFollowWrites is off");
  });

  test("a leader that cannot be asked is named, and nothing is said for it", () => {
    const story = new Story();
    story.pass(10_000);
    story.cluster.network.block(partitions.isolate(["n1", "n2", "n3"], "n3"));
    const lost = explained(story, "n1").filter(({ leadership }) => leadership === null);
    expect(lost.map(({ leader, text }) => `${leader}: ${text}`)).toEqual([
      "n3: It could not be asked why it leads.",
      "n3: It could not be asked why it leads.",
    ]);
  });

  test("through all nodes alike, leaders stay spread, and return to where they are preferred after a failure", () => {
    const story = new Story();
    story.pass(10_000);
    const before = leading(story);
    for (const host of ["n1", "n2", "n3"]) load(story, host);
    story.pass(20_000);
    expect(leading(story)).toEqual(before);
  });
});
