import { describe, expect, test } from "vitest";
import { groupId, nodeId } from "../../core/ids.ts";
import { type KeyspaceDeclaration, type KeyspaceSpec } from "../api.ts";
import { applyCatalogCommand, createKeyspace } from "./commands.ts";
import { keyspaceSpec, summaryOf } from "./keyspace.ts";
import { EMPTY_CATALOG, decodeCatalog } from "./state.ts";

const declare = (declared: Omit<KeyspaceDeclaration, "name">, nodes = 5) =>
  keyspaceSpec({ name: "likes", ...declared }, nodes);

const refusal = (declared: Omit<KeyspaceDeclaration, "name">, nodes?: number) => {
  const spec = declare(declared, nodes);
  return "code" in spec ? spec : null;
};

describe("what is not declared", () => {
  test("of a quorum is three replicas, majorities of them, stand-ins, and the latest write", () => {
    expect(declare({ replication: "quorum" })).toMatchObject({
      replication: "quorum",
      replicas: 3,
      quorum: { r: 2, w: 2, sloppy: true },
      conflicts: "latest",
    });
    expect(declare({ replication: "quorum", replicas: 5 })).toMatchObject({ quorum: { r: 3, w: 3 } });
    expect(declare({ replication: "quorum", replicas: 4, quorum: { r: 1 } })).toMatchObject({
      quorum: { r: 1, w: 3, sloppy: true },
    });
  });

  test("of a small cluster is what it can hold", () => {
    expect(declare({ replication: "quorum" }, 1)).toMatchObject({ replicas: 1, quorum: { r: 1, w: 1 } });
    expect(declare({ replication: "gossip" }, 2)).toMatchObject({ replicas: 2 });
  });

  test("of gossip and raft is no quorum; of raft, no conflicts", () => {
    expect(declare({ replication: "gossip" })).toMatchObject({ quorum: null, conflicts: "latest" });
    expect(declare({})).toMatchObject({ replication: "raft", quorum: null, conflicts: null });
  });

  test("may be said with the nulls of a keyspace that is there", () => {
    const there = declare({ replication: "gossip", conflicts: "siblings" }) as KeyspaceSpec;
    expect(declare(there)).toEqual(there);
  });
});

describe("what contradicts itself is refused, and the refusal says what to do", () => {
  test.each<[Omit<KeyspaceDeclaration, "name">, RegExp]>([
    [{ quorum: { w: 1 } }, /w cannot be chosen with raft.*choose replication quorum/],
    [{ replication: "gossip", quorum: { r: 2, w: 2 } }, /r, w cannot be chosen with gossip/],
    [{ replication: "gossip", quorum: { sloppy: false } }, /sloppy cannot be chosen with gossip/],
    [{ conflicts: "siblings" }, /conflicts cannot be chosen with raft.*choose replication gossip or quorum/],
    [{ replication: "quorum", quorum: { r: 4 } }, /r = 4 .* choose r up to 3, or 4 replicas/],
    [{ replication: "quorum", replicas: 2, quorum: { w: 3 } }, /w = 3 .* choose w up to 2/],
    [{ replication: "quorum", replicas: 6 }, /6 nodes, and the cluster has 5/],
    [{ replication: "hope" as "raft" }, /choose one of raft, gossip, quorum/],
  ])("%o", (declared, message) => {
    expect(refusal(declared)).toEqual({
      code: "contradiction",
      message: expect.stringMatching(message) as string,
    });
  });

  test.each<Omit<KeyspaceDeclaration, "name">>([
    { replication: "quorum", quorum: { r: 0 } },
    { replication: "quorum", quorum: { w: 1.5 } },
    { replication: "quorum", quorum: { sloppy: "no" as unknown as boolean } },
    { replication: "gossip", conflicts: "first" as "latest" },
  ])("%o is malformed", (declared) => {
    expect(refusal(declared)?.code).toBe("bad-request");
  });
});

describe("a merging keyspace", () => {
  const nodes = [1, 2, 3].map((id) => ({
    id: nodeId(id),
    name: `n${id}`,
    instance: `directory-${id}`,
    leaving: false,
    peer: { host: "127.0.0.1", port: 7000 + id },
    resp: "",
    http: "",
  }));
  const { catalog } = applyCatalogCommand(EMPTY_CATALOG, { type: "cluster-found", nodes });

  test("has its choices in the catalog, and in the answer to who created it", () => {
    const spec = { name: "likes", replication: "quorum", quorum: { w: 3, sloppy: false } } as const;
    const created = createKeyspace(catalog, spec);
    expect(created.result).toEqual({
      ok: true,
      detail: "keyspace likes: quorum (r 2, w 3, strict), 3 replicas, 8 shards",
    });
    expect(created.catalog.keyspaces[0]).toMatchObject({
      name: "likes",
      quorum: { r: 2, w: 3, sloppy: false },
      conflicts: "latest",
      groups: [1, 2, 3, 4, 5, 6, 7, 8],
    });
    expect(created.catalog.groups[0]).toMatchObject({ id: groupId(1), founders: [1, 2, 3] });
  });

  test("is described in short", () => {
    expect(summaryOf(declare({ replication: "gossip", conflicts: "siblings" }) as KeyspaceSpec)).toBe(
      "gossip (siblings), 3 replicas, 8 shards",
    );
  });
});

test("a keyspace of an earlier catalog is replicated by raft", () => {
  const limits = { maxKeyBytes: 1, maxValueBytes: 1 };
  const earlier = { name: "default", replication: "raft", replicas: 3, shards: 1, limits, groups: [1] };
  const bytes = new TextEncoder().encode(JSON.stringify({ version: 3, keyspaces: [earlier] }));
  expect(decodeCatalog(bytes).keyspaces).toEqual([
    { ...earlier, quorum: null, conflicts: null, placement: "spread" },
  ]);
});
