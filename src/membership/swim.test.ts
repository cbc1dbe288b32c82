import { expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { addressOf, TestCluster } from "./cluster.testkit.ts";
import { PLAIN_SWIM } from "./options.ts";

test("one address is enough to join, and soon all know all", () => {
  const cluster = new TestCluster("join");
  cluster.startAll(8);
  for (let id = 1; id <= 8; id++) expect(cluster.views(id)).toEqual(["alive"]);
  expect(cluster.host(8).events.filter(({ event }) => event.kind === "joined")).toHaveLength(1);
  expect(cluster.host(8).swim.size).toBe(8);
});

test.each(["plain", "lifeguard"])("a crash is detected and told to all: %s", (kind) => {
  const cluster = new TestCluster("crash", kind === "plain" ? PLAIN_SWIM : {});
  cluster.startAll(8);
  cluster.host(5).crash();
  cluster.run(8 + 8 * 5);
  expect(cluster.views(5)).toEqual(["dead"]);
  for (const id of [1, 2, 3, 4, 6, 7, 8]) expect(cluster.views(id)).toEqual(["alive"]);
});

test("a slow member is suspected, refutes it under a higher incarnation, and is never declared dead", () => {
  const cluster = new TestCluster("slow");
  cluster.startAll(8);
  cluster.host(3).pausedUntil = cluster.scheduler.now() + 4000;
  cluster.run(30);
  expect(cluster.views(3)).toEqual(["alive"]);
  expect(cluster.host(3).swim.incarnation).toBeGreaterThan(0);
  const held = [...cluster.hosts.values()].flatMap(({ events }) => events.map(({ event }) => event));
  const statuses = held.flatMap((event) => (event.kind === "changed" ? [event.member.status] : []));
  expect(statuses).toContain("suspect");
  expect(statuses).not.toContain("dead");
});

test("two members whose link is cut reach each other through helpers", () => {
  const cluster = new TestCluster("helpers");
  cluster.startAll(6);
  cluster.faults.cut = (from, to) => Math.min(from, to) === 2 && Math.max(from, to) === 3;
  const before = cluster.host(2).events.length;
  cluster.run(60);
  expect(cluster.host(2).events).toHaveLength(before);
  expect(cluster.sent.get("ping-request")).toBeGreaterThan(0);
});

test("the two sides of a partition hold each other dead, and find each other again when it heals", () => {
  const cluster = new TestCluster("partition");
  cluster.startAll(7);
  cluster.faults.cut = (from, to) => from <= 3 !== to <= 3;
  cluster.run(100);
  for (const id of [1, 2, 3]) expect(cluster.host(7).swim.member(nodeId(id))?.status).toBe("dead");
  for (const id of [4, 5, 6, 7]) expect(cluster.host(1).swim.member(nodeId(id))?.status).toBe("dead");
  expect(cluster.host(1).swim.size).toBe(3);

  // Somebody joins meanwhile whom the other side has never heard of.
  cluster.start(8, { seeds: [addressOf(7)] });
  cluster.run(10);
  cluster.faults.cut = () => false;
  cluster.run(60);
  for (let id = 1; id <= 8; id++) expect(cluster.views(id)).toEqual(["alive"]);
});

test("a member that leaves is not suspected, and comes back under a higher incarnation", () => {
  const cluster = new TestCluster("leave");
  cluster.startAll(8);
  cluster.host(4).step({ type: "leave" });
  cluster.run(1);
  cluster.host(4).crash();
  cluster.run(60);
  expect(cluster.views(4)).toEqual(["left"]);
  for (const host of cluster.hosts.values()) {
    const said = host.events.flatMap(({ event }) => (event.kind === "changed" ? [event.member] : []));
    expect(said.filter(({ id, status }) => id === 4 && status === "suspect")).toEqual([]);
  }

  cluster.start(4);
  cluster.run(30);
  expect(cluster.views(4)).toEqual(["alive"]);
  expect(cluster.host(4).swim.incarnation).toBe(1);
});

test("a member that crashed and forgot its incarnation is taken back", () => {
  const cluster = new TestCluster("rejoin");
  cluster.startAll(6);
  cluster.host(2).crash();
  cluster.run(60);
  expect(cluster.views(2)).toEqual(["dead"]);
  cluster.start(2);
  cluster.run(30);
  expect(cluster.views(2)).toEqual(["alive"]);
});

test("the dead are forgotten after a time, and no late obituary brings them back", () => {
  const cluster = new TestCluster("forget", { forgetAfter: 60_000 });
  cluster.startAll(5);
  cluster.host(2).crash();
  cluster.run(60);
  expect(cluster.views(2)).toEqual(["dead"]);
  cluster.run(120);
  expect(cluster.views(2)).toEqual(["unknown"]);
});

test("anybody may ask any member for the list, and gets it in pages that are bounded", () => {
  const cluster = new TestCluster("list", { maxMessageBytes: 1024 });
  cluster.startAll(60);
  const ids: number[] = [];
  let after = 0;
  do {
    const effects = cluster.host(7).swim.step(cluster.scheduler.now(), {
      type: "message",
      message: {
        type: "list-request",
        from: null,
        updates: [],
        after,
        digest: null,
        replyTo: addressOf(999),
      },
    });
    const sent = effects.find((effect) => effect.type === "send");
    if (sent?.message.type !== "list") throw new Error("no list");
    expect(sent.to).toEqual(addressOf(999));
    ids.push(...sent.message.records.map(({ id }) => id));
    after = sent.message.next;
  } while (after !== 0);
  expect(ids).toEqual(Array.from({ length: 60 }, (_, at) => at + 1));
  expect(cluster.longestMessage).toBeLessThanOrEqual(1024);
  expect(cluster.host(7).swim.member(nodeId(999))).toBeUndefined();
});

test("messages lost, repeated and reordered: nobody is declared dead, and a crash still is", () => {
  const cluster = new TestCluster("faulty");
  cluster.startAll(10);
  Object.assign(cluster.faults, { loss: 0.1, repeat: 0.2, minDelay: 1, maxDelay: 120 });
  cluster.run(120);
  const dead = () =>
    [...cluster.hosts.values()].flatMap(({ events }) =>
      events.flatMap(({ event }) =>
        event.kind === "changed" && event.member.status === "dead" ? [event.member.id] : [],
      ),
    );
  expect(dead()).toEqual([]);
  cluster.host(10).crash();
  cluster.run(90);
  expect(cluster.views(10)).toEqual(["dead"]);
  expect(new Set(dead())).toEqual(new Set([10]));
});
