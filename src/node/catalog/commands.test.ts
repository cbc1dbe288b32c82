import { describe, expect, test } from "vitest";
import { groupId, nodeId } from "../../core/ids.ts";
import { type CatalogCommand, type CatalogResult, applyCatalogCommand, holdsAnything } from "./commands.ts";
import { type Catalog, type CatalogNode, EMPTY_CATALOG, decodeCatalog, encodeCatalog } from "./state.ts";

const addresses = (port: number) => ({
  peer: { host: "127.0.0.1", port },
  resp: `127.0.0.1:${port + 1}`,
  http: `127.0.0.1:${port + 2}`,
});

const founder = (id: number): CatalogNode => ({
  ...addresses(7000 + 10 * id),
  id: nodeId(id),
  name: `n${id}`,
  instance: `directory-${id}`,
  leaving: false,
});

/** Applies commands one after the other, and keeps the last result. */
class Story {
  catalog: Catalog = EMPTY_CATALOG;
  result: CatalogResult = { ok: true, detail: "" };

  do(command: CatalogCommand): this {
    const before = JSON.stringify(this.catalog);
    const change = applyCatalogCommand(this.catalog, command);
    expect(JSON.stringify(this.catalog), "the catalog is not changed in place").toBe(before);
    if (!change.result.ok) expect(change.catalog, "a refusal changes nothing").toBe(this.catalog);
    this.catalog = change.catalog;
    this.result = change.result;
    return this;
  }

  refusal(): string {
    return this.result.ok ? "" : this.result.code;
  }
}

const cluster = (nodes: number): Story =>
  new Story().do({ type: "cluster-found", nodes: Array.from({ length: nodes }, (_, i) => founder(i + 1)) });

describe("keyspaces", () => {
  test("a new keyspace spreads its shards and their preferred leaders evenly", () => {
    const { catalog } = cluster(3).do({ type: "keyspace-create", spec: { name: "default" } });
    expect(catalog.keyspaces[0]).toMatchObject({
      name: "default",
      replicas: 3,
      shards: 8,
      replication: "raft",
    });
    const leaders = [1, 2, 3].map((id) => catalog.groups.filter((group) => group.replicas[0] === id).length);
    expect(leaders.sort()).toEqual([2, 3, 3]);
  });

  test("three replicas in one zone are possible, and it is said that they share its fate", () => {
    const founders = (zones: string) => [...zones].map((zone, at) => ({ ...founder(at + 1), zone }));
    const create = (zones: string) => {
      const story = new Story().do({ type: "cluster-found", nodes: founders(zones) });
      return story.do({ type: "keyspace-create", spec: { name: "a", replicas: 3 } });
    };
    const together = create("aaa");
    for (const group of together.catalog.groups) expect([...group.replicas].sort()).toEqual([1, 2, 3]);
    expect(together.result).toMatchObject({ ok: true, detail: expect.stringContaining("fewer zones") });
    expect(create("aab").result).toMatchObject({ detail: expect.stringContaining("fewer zones") });
    expect(create("abc").result).not.toMatchObject({ detail: expect.stringContaining("fewer zones") });
    const nowhere = cluster(3).do({ type: "keyspace-create", spec: { name: "a", replicas: 3 } });
    expect(nowhere.result).not.toMatchObject({ detail: expect.stringContaining("fewer zones") });
  });

  test("group ids are never used again after a drop", () => {
    const story = cluster(3).do({ type: "keyspace-create", spec: { name: "a", shards: 4 } });
    const before = story.catalog.groups.map((group) => group.id);
    story
      .do({ type: "keyspace-drop", name: "a" })
      .do({ type: "keyspace-create", spec: { name: "a", shards: 4 } });
    expect(story.catalog.groups.some((group) => before.includes(group.id))).toBe(false);
  });

  test.each([
    [{ name: "Upper" }, "bad-request"],
    [{ name: "with:colon" }, "bad-request"],
    [{ name: "default" }, "exists"],
    [{ name: "a", replicas: 4 }, "contradiction"],
    [{ name: "a", replicas: 0 }, "bad-request"],
    [{ name: "a", shards: 0 }, "bad-request"],
    [{ name: "a", shards: 1025 }, "bad-request"],
    [{ name: "a", replication: "hope" as "raft" }, "contradiction"],
    [{ name: "a", conflicts: "latest" as const }, "contradiction"],
    [{ name: "a", quorum: { r: 1 } }, "contradiction"],
    [{ name: "a", limits: { maxKeyBytes: 1, maxValueBytes: 2 ** 40 } }, "bad-request"],
  ])("refuses %o", (spec, code) => {
    const story = cluster(3).do({ type: "keyspace-create", spec: { name: "default" } });
    expect(story.do({ type: "keyspace-create", spec }).refusal()).toBe(code);
  });

  test("the default keyspace cannot be dropped, and an unknown one neither", () => {
    const story = cluster(3).do({ type: "keyspace-create", spec: { name: "default" } });
    expect(story.do({ type: "keyspace-drop", name: "default" }).refusal()).toBe("contradiction");
    expect(story.do({ type: "keyspace-drop", name: "nothing" }).refusal()).toBe("unknown-keyspace");
  });

  test("given a node that joined, when a keyspace is spread anew, then it gets its part, and the leaders are even", () => {
    const story = cluster(3).do({ type: "keyspace-create", spec: { name: "default" } });
    story.do({ type: "node-join", name: "n4", instance: "directory-4", addresses: addresses(8000) });
    story.do({ type: "keyspace-spread", name: "default" });
    expect(story.result).toMatchObject({ ok: true, detail: "keyspace default: 6 of 8 shards move" });
    const { groups } = story.catalog;
    for (const id of [1, 2, 3, 4]) {
      expect(groups.filter(({ replicas }) => replicas.includes(nodeId(id)))).toHaveLength(6);
      expect(groups.filter(({ replicas }) => replicas[0] === id)).toHaveLength(2);
    }
    for (const { replicas, founders, departed } of groups) {
      expect(departed, "who gave a replica away is remembered").toEqual(
        founders.filter((node) => !replicas.includes(node)),
      );
    }
    expect(story.do({ type: "keyspace-spread", name: "default" }).result).toMatchObject({
      ok: true,
      detail: "keyspace default is spread over the nodes already",
    });
    expect(story.do({ type: "keyspace-spread", name: "nothing" }).refusal()).toBe("unknown-keyspace");
    story.do({ type: "keyspace-create", spec: { name: "ring", placement: "ring" } });
    expect(story.do({ type: "keyspace-spread", name: "ring" }).refusal()).toBe("contradiction");
  });

  test("limits are altered one by one, and checked", () => {
    const story = cluster(1).do({ type: "keyspace-create", spec: { name: "a" } });
    story.do({ type: "keyspace-alter", name: "a", limits: { maxValueBytes: 1000 } });
    expect(story.catalog.keyspaces[0]!.limits).toEqual({ maxKeyBytes: 65_536, maxValueBytes: 1000 });
    expect(story.do({ type: "keyspace-alter", name: "a", limits: { maxKeyBytes: 0 } }).refusal()).toBe(
      "bad-request",
    );
  });
});

describe("nodes", () => {
  const join = (name: string, instance: string): CatalogCommand => ({
    type: "node-join",
    name,
    instance,
    addresses: addresses(8000),
  });

  test("a lost answer to a join is asked for again and gets the same id", () => {
    const story = cluster(3).do(join("n4", "directory-4"));
    const first = story.result.ok ? story.result.node : null;
    story.do(join("n4", "directory-4"));
    expect(story.result).toMatchObject({ ok: true, node: first });
    expect(story.catalog.nodes).toHaveLength(4);
  });

  test("given a node that lost its directory, when it joins again, then a new id takes its place everywhere", () => {
    const story = cluster(3)
      .do({ type: "keyspace-create", spec: { name: "default" } })
      .do(join("n3", "new-directory"));
    expect(story.result).toMatchObject({ ok: true, node: 4 });
    const { catalog } = story;
    expect(catalog.nodes.map((node) => node.id)).toEqual([1, 2, 4]);
    expect(catalog.systemVoters).toEqual([1, 2, 4]);
    for (const group of catalog.groups) {
      expect(group.replicas).not.toContain(3);
      expect(group.replicas).toContain(4);
      expect(group.founders, "founders are history, and stay").toContain(3);
      expect(group.departed).toEqual([3]);
    }
  });

  test("given four nodes, when one is removed, then the free one takes its shards and it is forgotten only when empty", () => {
    const story = cluster(3)
      .do({ type: "keyspace-create", spec: { name: "default" } })
      .do(join("n4", "directory-4"));
    story.do({ type: "node-remove", name: "n1" });
    for (const group of story.catalog.groups) expect([...group.replicas].sort()).toEqual([2, 3, 4]);
    expect(story.catalog.systemVoters).not.toContain(1);
    expect(story.do({ type: "node-forget", node: nodeId(1) }).refusal()).toBe("contradiction");
    for (const group of story.catalog.groups) {
      story.do({ type: "group-settled", group: group.id, replicas: group.replicas });
    }
    expect(holdsAnything(story.catalog, nodeId(1))).toBe(false);
    story.do({ type: "node-forget", node: nodeId(1) });
    expect(story.catalog.nodes.map((node) => node.name)).toEqual(["n2", "n3", "n4"]);
  });

  test("without a free node the shards simply have fewer replicas; the last node stays", () => {
    const story = cluster(2).do({ type: "keyspace-create", spec: { name: "default" } });
    story.do({ type: "node-remove", name: "n1" });
    for (const group of story.catalog.groups) expect(group.replicas).toEqual([2]);
    expect(story.do({ type: "node-remove", name: "n2" }).refusal()).toBe("contradiction");
    expect(story.do({ type: "node-remove", name: "n9" }).refusal()).toBe("bad-request");
  });

  test("given a cluster of three machines, when each gets a second node, then the system group survives any machine at every step", () => {
    const on = (machine: string, port: number) => ({ ...addresses(port), zone: machine });
    const founders = ["a", "b", "c"].map((zone, at) => ({ ...founder(at + 1), zone }));
    const story = new Story().do({ type: "cluster-found", nodes: founders });
    const voters = () =>
      story.catalog.systemVoters
        .map((id) => story.catalog.nodes.find((node) => node.id === id)!.zone)
        .sort()
        .join("");
    expect(voters()).toBe("abc");
    story.do({ type: "node-join", name: "a2", instance: "a2", addresses: on("a", 8000) });
    expect(voters(), "a second on one machine would make it hold half").toBe("abc");
    story.do({ type: "node-join", name: "b2", instance: "b2", addresses: on("b", 8010) });
    expect(voters()).toBe("aabbc");
    story.do({ type: "node-remove", name: "n3" });
    story.do({ type: "node-join", name: "c2", instance: "c2", addresses: on("c", 8020) });
    expect(voters()).toContain("c");
  });

  test("given a cluster that began on one machine, when two others join, then each has one vote", () => {
    const founders = [1, 2, 3].map((id) => ({ ...founder(id), zone: "a" }));
    const story = new Story().do({ type: "cluster-found", nodes: founders });
    expect(story.catalog.systemVoters).toEqual([1, 2, 3]);
    for (const zone of ["b", "c"])
      story.do({
        type: "node-join",
        name: zone,
        instance: zone,
        addresses: { ...addresses(8000), zone },
      });
    expect(story.catalog.systemVoters).toEqual([1, 4, 5]);
  });

  test("a cluster is founded once", () => {
    const story = cluster(3).do({ type: "cluster-found", nodes: [founder(9)] });
    expect(story.catalog.nodes).toHaveLength(3);
  });
});

test("the catalog survives its encoding", () => {
  const { catalog } = cluster(3).do({ type: "keyspace-create", spec: { name: "default" } });
  expect(decodeCatalog(encodeCatalog(catalog))).toEqual(catalog);
  expect(catalog.groups[0]!.id).toBe(groupId(1));
});

describe("addresses", () => {
  test("a node that is started with other ports takes back those that it has no more", () => {
    const story = cluster(1);
    const node = nodeId(1);
    const withPort = { ...addresses(7010), cluster: "127.0.0.1:7013", zone: "east" };
    story.do({ type: "node-update", node, addresses: withPort });
    expect(story.catalog.nodes[0]).toMatchObject({ cluster: "127.0.0.1:7013", zone: "east" });
    story.do({ type: "node-update", node, addresses: addresses(7010) });
    expect(story.catalog.nodes[0]).toEqual(founder(1));
  });
});
