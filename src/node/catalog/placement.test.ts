import { describe, expect, test } from "vitest";
import { nodeId } from "../../core/ids.ts";
import { PLACEMENTS, type Placement } from "../api.ts";
import { applyCatalogCommand, type CatalogCommand } from "./commands.ts";
import { type Catalog, EMPTY_CATALOG } from "./state.ts";

const addresses = (id: number, zone?: string) => ({
  peer: { host: "127.0.0.1", port: 7000 + id },
  resp: "",
  http: "",
  ...(zone === undefined ? {} : { zone }),
});

const apply = (catalog: Catalog, command: CatalogCommand): Catalog => {
  const { result, catalog: next } = applyCatalogCommand(catalog, command);
  expect(result).toMatchObject({ ok: true });
  return next;
};

/** Nodes 1 to n, in the zones given, and a keyspace of 128 shards. */
function cluster(n: number, placement: Placement, zones: readonly string[] = []): Catalog {
  const nodes = Array.from({ length: n }, (_, i) => ({
    ...addresses(i + 1, zones[i]),
    id: nodeId(i + 1),
    name: `n${i + 1}`,
    instance: `directory-${i + 1}`,
    leaving: false,
  }));
  const founded = apply(EMPTY_CATALOG, { type: "cluster-found", nodes });
  return apply(founded, { type: "keyspace-create", spec: { name: "a", shards: 128, placement } });
}

const join = (catalog: Catalog, id: number, zone?: string): Catalog =>
  apply(catalog, {
    type: "node-join",
    name: `n${id}`,
    instance: `directory-${id}`,
    addresses: addresses(id, zone),
  });

/** How many replicas each node got from the change, and how many it gave up. */
function moves(before: Catalog, after: Catalog): Map<number, { got: number; gave: number }> {
  const found = new Map<number, { got: number; gave: number }>();
  const of = (node: number) => found.get(node) ?? { got: 0, gave: 0 };
  for (const [i, { replicas }] of after.groups.entries()) {
    const old = before.groups[i]!.replicas;
    for (const node of replicas)
      if (!old.includes(node)) found.set(node, { ...of(node), got: of(node).got + 1 });
    for (const node of old)
      if (!replicas.includes(node)) found.set(node, { ...of(node), gave: of(node).gave + 1 });
  }
  return found;
}

describe.each(["ring", "rendezvous"] as const)("%s", (placement) => {
  test.each([3, 5, 9])(
    "given %d nodes, when another joins, it takes about its share, and nobody else anything",
    (n) => {
      const before = cluster(n, placement);
      const after = join(before, n + 1);
      const moved = moves(before, after);
      const share = (128 * 3) / (n + 1);
      const joined = moved.get(n + 1)!;
      expect(joined.got).toBeGreaterThan(share * 0.6);
      expect(joined.got).toBeLessThan(share * 1.4);
      expect([...moved].filter(([node, { got }]) => node !== n + 1 && got > 0)).toEqual([]);
      for (const [i, group] of after.groups.entries()) {
        expect(new Set(group.replicas).size).toBe(3);
        const left = before.groups[i]!.replicas.filter((node) => !group.replicas.includes(node));
        expect(group.departed, "who gave a replica up has departed").toEqual(left);
      }
    },
  );

  test("when a node leaves, only its shards move, and it keeps none", () => {
    const before = cluster(6, placement);
    const after = apply(before, { type: "node-remove", name: "n2" });
    const moved = moves(before, after);
    expect([...moved].filter(([node, { gave }]) => node !== 2 && gave > 0)).toEqual([]);
    expect(after.groups.every(({ replicas }) => replicas.length === 3 && !replicas.includes(nodeId(2)))).toBe(
      true,
    );
    const back = join(after, 7);
    expect(back.groups.every(({ replicas }) => !replicas.includes(nodeId(2)))).toBe(true);
  });

  test("a shard that lost a replica for want of nodes gets it back from who joins", () => {
    const two = apply(cluster(3, placement), { type: "node-remove", name: "n3" });
    expect(two.groups.every(({ replicas }) => replicas.length === 2)).toBe(true);
    expect(join(two, 4).groups.every(({ replicas }) => replicas.includes(nodeId(4)))).toBe(true);
  });
});

test("spread leaves everything where it is when a node joins", () => {
  const before = cluster(3, "spread");
  expect(moves(before, join(before, 4)).size).toBe(0);
});

test("a node that is started in another zone, or in none, is there from then on", () => {
  const node = nodeId(1);
  const zoneAfter = (catalog: Catalog, zone?: string) => {
    const next = apply(catalog, { type: "node-update", node, addresses: addresses(1, zone) });
    return next.nodes[0]!.zone;
  };
  const catalog = cluster(3, "spread", ["east"]);
  expect([zoneAfter(catalog, "west"), zoneAfter(catalog)]).toEqual(["west", undefined]);
});

describe.each(PLACEMENTS)("%s, over zones", (placement) => {
  const ZONES = ["east", "east", "east", "west", "west", "north"];
  const zonesOf = (catalog: Catalog) =>
    catalog.groups.map(({ replicas }) =>
      replicas.map((id) => catalog.nodes.find((node) => node.id === id)!.zone),
    );

  test("puts replicas into different ones", () => {
    const zones = zonesOf(cluster(6, placement, ZONES));
    expect(zones.filter((each) => new Set(each).size < 3)).toEqual([]);
  });

  test("keeps to that when a node leaves, as far as there are any", () => {
    const catalog = apply(cluster(6, placement, [...ZONES.slice(0, 5), "west"]), {
      type: "node-remove",
      name: "n4",
    });
    expect(zonesOf(catalog).filter((each) => new Set(each).size < 2)).toEqual([]);
  });
});
