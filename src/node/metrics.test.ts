import { expect, test } from "vitest";
import { Story } from "../sim/stories.testkit.ts";
import type { KeyspaceDeclaration } from "./api.ts";

function withKeyspace(spec: KeyspaceDeclaration): Story {
  const story = new Story();
  story.admin("n1", { type: "keyspace-create", spec });
  const held = 9 + (spec.shards ?? 0);
  story.until("every node to hold it", () =>
    story.cluster.hosts.every((host) => host.node!.status().replicas.length === held),
  );
  return story;
}

const metrics = (story: Story, name: string) => story.host(name).node!.metrics();

test("what gossip brought by rumor and what by anti-entropy is counted apart", () => {
  const story = withKeyspace({ name: "likes", replication: "gossip", shards: 2 });
  for (let i = 0; i < 5; i++) story.do("n1", "incr likes:a");
  story.pass(5000);
  expect(metrics(story, "n1").counters["rumor_deltas_total"]).toBe(0);
  expect(metrics(story, "n2").counters).toMatchObject({ rumor_deltas_total: 5, exchange_bytes_total: 0 });
  expect(metrics(story, "n2").gauges).toMatchObject({
    replicas_merging: 2,
    replicas_ready: 2,
    replicas_standing_in: 0,
    rumors_hot: 0,
  });

  story.host("n3").crash();
  story.pass(1000);
  story.do("n1", "incr likes:a");
  story.pass(5000);
  story.host("n3").start();
  story.ready();
  story.pass(60_000);
  const { counters } = metrics(story, "n3");
  expect(counters["rumor_deltas_total"]).toBe(0);
  expect(counters["exchange_bytes_total"]).toBeGreaterThan(0);
  expect(counters["exchanges_done_total"]).toBeGreaterThan(0);
});

test("counters do not go back when a replica is deleted", () => {
  const story = withKeyspace({ name: "likes", replication: "gossip", shards: 1 });
  story.do("n1", "incr likes:a");
  story.pass(1000);
  const { rumor_deltas_total: before } = metrics(story, "n2").counters;
  expect(before).toBe(1);
  story.admin("n1", { type: "keyspace-drop", name: "likes" });
  story.until("it to be gone", () => metrics(story, "n2").gauges["replicas_merging"] === 0);
  expect(metrics(story, "n2").counters["rumor_deltas_total"]).toBe(before);
});

test("a quorum keyspace is measured by those who coordinate, once they have done enough", () => {
  const story = withKeyspace({
    name: "carts",
    replication: "quorum",
    shards: 2,
    quorum: { r: 2, w: 2, sloppy: false },
  });
  const legs = (name: string) => story.host(name).node!.measuredLegs("carts");
  expect(legs("n1")).toBeNull();
  for (let i = 0; i < 110; i++) {
    story.do("n1", `incr carts:${i}`);
    story.do("n1", `get carts:${i}`);
  }
  expect(legs("n2")).toBeNull();
  expect(story.host("n1").node!.measuredLegs("default")).toBeNull();
  for (const samples of Object.values(legs("n1")!)) expect(Math.min(...samples)).toBeGreaterThanOrEqual(0);
  expect(legs("n1")!.durable.length).toBe(110);

  story.host("n2").crash();
  story.host("n3").crash();
  story.pass(10_000);
  expect(story.do("n1", "incr carts:a")).toMatch(/quorum|not done|replicas/i);
  expect(metrics(story, "n1").counters["writes_without_quorum_total"]).toBe(1);
});
