/** Stories of news that was missed, and how lists that differ are found to differ and made equal again. */
import { expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { addressOf, TestCluster } from "./cluster.testkit.ts";
import type { SwimMessage } from "./messages.ts";

/** Often enough that a test need not be long. */
const SYNC = 5000;

/** What `of` sends in answer to a message from nowhere. */
function answers(cluster: TestCluster, of: number, message: SwimMessage): readonly SwimMessage[] {
  return cluster
    .host(of)
    .swim.step(cluster.scheduler.now(), { type: "message", message })
    .flatMap((effect) => (effect.type === "send" ? [effect.message] : []));
}

/** Whether member 6, deaf while member 7 joined, knows of it some time after it hears the others again. */
function knowsWhatItMissed(syncInterval: number): boolean {
  // Suspicions last, so that nobody is held dead meanwhile: who comes back from the dead is given the list at once.
  const cluster = new TestCluster("missed", { syncInterval, suspicionFactor: 60 });
  cluster.startAll(6);
  cluster.faults.cut = (_, to) => to === 6;
  cluster.start(7);
  cluster.run(20);
  for (let id = 1; id <= 5; id++) expect(cluster.host(id).swim.member(nodeId(7))?.status).toBe("alive");
  expect(cluster.host(6).swim.member(nodeId(7))).toBeUndefined();
  // By now it has been told as often as anything is. Nor does 7 itself talk to 6.
  cluster.faults.cut = (from, to) => Math.min(from, to) === 6 && Math.max(from, to) === 7;
  cluster.run((2 * SYNC) / 1000);
  return cluster.host(6).swim.member(nodeId(7))?.status === "alive";
}

test("news that was told while somebody was deaf reaches it when lists are compared, and not before", () => {
  expect(knowsWhatItMissed(SYNC)).toBe(true);
  expect(knowsWhatItMissed(3600_000)).toBe(false);
});

test("equal lists cost an empty page, different ones are sent whole", () => {
  const cluster = new TestCluster("digest", { syncInterval: SYNC });
  cluster.startAll(5);
  const request = (digest: number | null): SwimMessage => ({
    type: "list-request",
    from: null,
    updates: [],
    after: 0,
    digest,
    replyTo: addressOf(9),
  });
  let digest: number | null = null;
  cluster.faults.cut = (from, to) => from === 3 || to === 3;
  // What member 3 says of its own list when it compares.
  cluster.listen = (from, message) => {
    if (from === 3 && message.type === "list-request") digest = message.digest;
  };
  cluster.run(SYNC / 1000 + 1);
  expect(digest).not.toBe(null);
  const [equal] = answers(cluster, 1, request(digest));
  expect(equal).toMatchObject({ type: "list", records: [], next: 0 });
  const [whole] = answers(cluster, 1, request((digest! + 1) >>> 0));
  expect(whole?.type === "list" && whole.records.map(({ id }) => Number(id))).toEqual([1, 2, 3, 4, 5]);
});

test("a restarted member that has forgotten its incarnation is reminded, though nobody has suspected it", () => {
  const cluster = new TestCluster("forgotten", { syncInterval: SYNC });
  cluster.startAll(5);
  cluster.host(4).crash();
  // Back under a higher incarnation, as its last one is still held.
  cluster.start(4, { incarnation: 7 });
  cluster.run(10);
  expect(cluster.host(1).swim.member(nodeId(4))?.incarnation).toBe(7);
  cluster.host(4).crash();
  // It asks nobody for the list: as a node that has its catalog.
  cluster.start(4, { seeds: [] });
  cluster.run((2 * SYNC) / 1000);
  expect(cluster.host(4).swim.incarnation).toBe(8);
  expect(cluster.views(4)).toEqual(["alive"]);
  cluster.run(5);
  for (const id of [1, 2, 3, 5]) expect(cluster.host(id).swim.member(nodeId(4))?.incarnation).toBe(8);
});

test("calm members stop talking of news: every comparison ends with an empty page", () => {
  const cluster = new TestCluster("calm", { syncInterval: SYNC });
  cluster.startAll(8);
  cluster.run(60);
  let records = 0;
  let updates = 0;
  let comparisons = 0;
  cluster.listen = (_, message) => {
    updates += message.updates.length;
    if (message.type !== "list") return;
    comparisons++;
    records += message.records.length;
  };
  cluster.run(30);
  expect({ records, updates }).toEqual({ records: 0, updates: 0 });
  expect(comparisons).toBeGreaterThanOrEqual(8 * 5);
});
