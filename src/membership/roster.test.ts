/** Stories of members that are told who belongs, as nodes are by their catalog. */
import { expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { addressOf, TestCluster } from "./cluster.testkit.ts";
import type { SwimOptions } from "./options.ts";

const rosterOf = (...ids: number[]) => new Map(ids.map((id) => [nodeId(id), addressOf(id)]));

function told(cluster: TestCluster, roster: readonly number[], options: Partial<SwimOptions> = {}): void {
  for (const id of roster) {
    if (!cluster.hosts.has(id)) cluster.start(id, { seeds: [], ...options });
    cluster.host(id).step({ type: "roster", roster: rosterOf(...roster) });
  }
}

test("whoever is on the roster is taken to be alive, and found dead when it is not", () => {
  const cluster = new TestCluster("roster");
  told(cluster, [1, 2, 3, 4, 5]);
  for (let id = 1; id <= 5; id++) expect(cluster.views(id)).toEqual(["alive"]);
  cluster.host(5).crash();
  cluster.run(40);
  expect(cluster.views(5)).toEqual(["dead"]);
});

test("whoever is not on it is not heard of, whatever it says", () => {
  const cluster = new TestCluster("stranger");
  told(cluster, [1, 2, 3]);
  cluster.start(4, { seeds: [addressOf(1)] });
  cluster.run(20);
  expect(cluster.views(4)).toEqual(["unknown"]);
  expect(cluster.host(1).swim.size).toBe(3);
  told(cluster, [1, 2, 3, 4]);
  expect(cluster.views(4)).toEqual(["alive"]);
});

test("whoever is taken off it is forgotten at once, and those who hear of it later do not bring it back", () => {
  const cluster = new TestCluster("removed");
  told(cluster, [1, 2, 3, 4, 5]);
  cluster.host(4).crash();
  for (let seconds = 0; seconds < 10 && !cluster.views(4).includes("suspect"); seconds++) cluster.run(1);
  expect(cluster.views(4)).toContain("suspect");
  for (const id of [1, 2]) cluster.host(id).step({ type: "roster", roster: rosterOf(1, 2, 3, 5) });
  cluster.run(60);
  expect(cluster.host(1).swim.member(nodeId(4))).toBeUndefined();
  expect(cluster.host(2).swim.member(nodeId(4))).toBeUndefined();
  // These have not been told yet.
  expect(cluster.host(3).swim.member(nodeId(4))?.status).toBe("dead");
  expect(cluster.host(1).events.at(-1)?.event).not.toMatchObject({ kind: "changed", member: { id: 4 } });
});

test("whoever is on it is remembered, however long it is dead", () => {
  const cluster = new TestCluster("remembered", { forgetAfter: 20_000 });
  told(cluster, [1, 2, 3, 4]);
  cluster.host(2).crash();
  cluster.run(120);
  expect(cluster.views(2)).toEqual(["dead"]);
  cluster.start(2, { seeds: [] });
  told(cluster, [1, 2, 3, 4]);
  cluster.run(20);
  expect(cluster.views(2)).toEqual(["alive"]);
});
