/** Stories of watching, in virtual time. */
import { expect, test } from "vitest";
import { Story } from "../sim/stories.testkit.ts";
import { groupOf, watch, Watching } from "../sim/watching.testkit.ts";

/** Of five nodes, one with a replica of the key's shard that does not lead it, and one without. */
function places(story: Story, key: string): { readonly follower: string; readonly outsider: string } {
  const group = groupOf(story, "n1", key);
  const holds = (name: string): boolean =>
    story
      .host(name)
      .node!.status()
      .replicas.some((replica) => replica.group === group);
  const leader = story.leaderOf(key).name;
  const others = story.cluster.hosts.map(({ name }) => name).filter((name) => name !== leader);
  return {
    follower: others.find(holds)!,
    outsider: others.find((name) => !holds(name))!,
  };
}

test("leader, follower and a node without a replica tell the same changes with the same revisions", () => {
  const story = new Story({ nodes: 5 });
  const { follower, outsider } = places(story, "a");
  const watchings = [story.leaderOf("a").name, follower, outsider].map((host) => watch(story, host, "a"));
  story.do("n1", "set a 1");
  story.do("n2", "append a 2");
  story.do("n3", "sadd {a}s m");
  story.do("n4", "del a");
  const all = ["set a=1", "set a=12", "set {a}s", "delete a"];
  for (const watching of watchings) story.until("all changes", () => watching.changes.length === all.length);
  expect(watchings[0]!.changes).toEqual(all);
  expect(watchings[1]!.told).toEqual(watchings[0]!.told);
  expect(watchings[2]!.told).toEqual(watchings[0]!.told);
});

test("a watch goes on through the loss of the leader, and somewhere else from its last revision", () => {
  const story = new Story();
  const leader = story.leaderOf("a").name;
  const [other, third] = ["n1", "n2", "n3"].filter((name) => name !== leader) as [string, string];
  const watching = watch(story, other, "a");
  const dying = watch(story, leader, "a");
  story.do(leader, "set a 1");
  story.until("the first change", () => dying.told.length === 1);
  story.host(leader).crash();
  story.until("another leader", () => story.findLeader("a") !== undefined);
  story.do(other, "set a 2");
  story.do(other, "set a 3");
  const resumed = watch(story, third, "a", { from: dying.upTo });
  story.until("the rest", () => watching.told.length === 3 && resumed.told.length === 2);
  expect([...dying.told, ...resumed.told]).toEqual(watching.told);
  expect(watching.changes).toEqual(["set a=1", "set a=2", "set a=3"]);
});

test("a node that restarted has forgotten what is in its store, and asks the leader for it", () => {
  const story = new Story({ limits: { compactAtBytes: 500, compactForcedAtBytes: 1000 } });
  const before = watch(story, "n1", "a").upTo;
  const filler = "x".repeat(100);
  for (let i = 0; i < 40; i++) story.do("n1", `set a ${filler}${i}`);
  const follower = ["n1", "n2", "n3"].find((name) => name !== story.leaderOf("a").name)!;
  story.pass(5000);
  story.host(follower).crash("process");
  story.host(follower).start();
  story.ready();
  const resumed = watch(story, follower, "a", { from: before });
  story.until("all changes", () => resumed.told.length === 40);
  story.do("n1", "set a last");
  story.until("the last change", () => resumed.told.length === 41);
  expect(resumed.changes).toEqual([
    ...Array.from({ length: 40 }, (_, i) => `set a=${filler}${i}`),
    "set a=last",
  ]);
});

test("who is too far behind is told definitely, and where to go on", () => {
  const story = new Story({ limits: { watchHistoryChanges: 5 } });
  const watching = watch(story, "n1", "a");
  watching.handle.pause();
  for (let i = 1; i <= 20; i++) story.do("n1", `set a ${i}`);
  story.pass(1000);
  expect(watching.told).toEqual([]);
  watching.handle.resume();
  story.until("the end", () => watching.ended !== null);
  expect(watching.ended!.error).toBe("compacted");
  const resumed = watch(story, "n2", "a", { from: watching.ended!.resumeFrom! });
  story.until("what is remembered", () => resumed.told.length === 5);
  expect(resumed.changes).toEqual(["set a=16", "set a=17", "set a=18", "set a=19", "set a=20"]);
});

test("a paused watch misses nothing that is still remembered, and hears nothing meanwhile", () => {
  const story = new Story();
  const watching = watch(story, "n1", "a");
  watching.handle.pause();
  story.do("n1", "set a 1");
  story.do("n1", "set a 2");
  story.pass(200);
  expect(watching.told).toEqual([]);
  watching.handle.resume();
  story.until("both", () => watching.told.length === 2);
  watching.handle.close();
  story.do("n1", "set a 3");
  story.pass(200);
  expect(watching.told).toHaveLength(2);
});

test("a prefix is told what lies under it; progress goes on beside it", () => {
  const story = new Story();
  const watching = watch(story, "n1", "{a}", { prefix: new TextEncoder().encode("{a}x") });
  story.do("n1", "set {a}x1 1");
  story.do("n1", "set {a}y1 1");
  const { upTo } = watching;
  story.do("n1", "set {a}y2 1");
  story.until("progress", () => watching.upTo > upTo);
  expect(watching.changes).toEqual(["set {a}x1=1"]);
});

test("a dropped keyspace ends its watches, and one of the same name has shards of its own", () => {
  const story = new Story();
  const spec = { name: "b", shards: 1 };
  story.admin("n1", { type: "keyspace-create", spec });
  const known = () =>
    story.cluster.hosts.every(({ node }) => node!.keyspaces().some(({ name }) => name === "b"));
  story.until("the keyspace", known);
  const watching = watch(story, "n1", "b:k");
  story.admin("n1", { type: "keyspace-drop", name: "b" });
  story.until("the end", () => watching.ended !== null);
  expect(watching.ended!.error).toBe("unknown-keyspace");
  const old = watching.group;
  story.admin("n1", { type: "keyspace-create", spec });
  story.until("the keyspace", known);
  expect(groupOf(story, "n1", "b:k")).not.toBe(old);
});

test("more watches than a node takes are refused, and closing one makes room", () => {
  const story = new Story({ limits: { maxWatches: 2 } });
  const first = watch(story, "n1", "a");
  watch(story, "n1", "a");
  expect(watch(story, "n1", "a").ended?.error).toBe("overloaded");
  first.handle.close();
  expect(watch(story, "n1", "a").ended).toBe(null);
  expect(story.host("n1").node!.metrics().gauges["watches"]).toBe(2);
});

test("a closing node ends its watches; a starting one refuses them", () => {
  const story = new Story();
  const watching = watch(story, "n1", "a");
  story.host("n1").node!.close(() => story.host("n1").crash("process"));
  story.until("the end", () => watching.ended !== null);
  expect(watching.ended).toEqual({ error: "closing", resumeFrom: watching.upTo });
  story.host("n2").crash();
  story.host("n3").crash();
  story.until("n1 to be gone", () => !story.host("n1").isUp);
  story.host("n1").start();
  story.until("a node", () => story.host("n1").node !== null);
  const refused = new Watching(story, "n1", watching.group);
  story.until("the refusal", () => refused.ended !== null);
  expect(refused.ended!.error).toBe("no-leader");
});
