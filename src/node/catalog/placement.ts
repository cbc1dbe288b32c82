/** Which nodes hold which shard: pure functions of the nodes and of what they hold already. */
import { ByteWriter } from "../../core/bytes.ts";
import type { GroupId, NodeId } from "../../core/ids.ts";
import { rendezvousOrder } from "../../placement/rendezvous.ts";
import { rebalance } from "../../placement/rebalance.ts";
import { type Ring, buildRing, keyPosition, ringOrder } from "../../placement/ring.ts";
import { type Load, placeShard, substitute } from "../../placement/spread.ts";
import { chooseVoters } from "../../placement/voters.ts";
import { chooseReplicas } from "../../placement/zones.ts";
import type { Placement } from "../api.ts";
import { type Catalog, type CatalogGroup, type CatalogNode, MAX_SYSTEM_VOTERS } from "./state.ts";

/** Points of each node on the ring: their shares differ by about a tenth (docs/experiments/rings.md). */
const POINTS = 128;

type Located = Pick<CatalogNode, "id" | "zone">;

/** Places the shards of a new keyspace, one after another. */
export function placer(
  placement: Placement,
  nodes: readonly Located[],
  loads: Load[],
  count: number,
): (group: GroupId) => readonly NodeId[] {
  if (placement === "spread") return () => spread(nodes, loads, count);
  const order = preferences(placement, nodes);
  return (group) => chosen(nodes, order(group), count);
}

/** The least loaded nodes, of different zones where there are several; counts them. */
function spread(nodes: readonly Located[], loads: Load[], count: number): readonly NodeId[] {
  const order = [...loads]
    .sort((a, b) => a.replicas - b.replicas || a.leaders - b.leaders || a.node - b.node)
    .map(({ node }) => node);
  const holders = chosen(nodes, order, count);
  return placeShard(
    loads.filter(({ node }) => holders.includes(node)),
    count,
  ).replicas;
}

/** Who takes the place of a node that leaves: the least loaded, of a zone that has no replica yet if there is such a node. */
export function substituteFor(
  nodes: readonly Located[],
  loads: readonly Load[],
  holders: readonly NodeId[],
  leaving: NodeId,
): NodeId | null {
  const zones = zonesOf(nodes);
  const taken = new Set(holders.filter((node) => node !== leaving).map((node) => zones.get(node)));
  const elsewhere = loads.filter(({ node }) => !taken.has(zones.get(node)));
  return substitute(elsewhere, holders) ?? substitute(loads, holders);
}

/** Who votes in the system group: of different zones, so that it survives the loss of any; those who vote already, if it makes no difference. */
export function systemVoters(nodes: readonly Located[], present: readonly NodeId[]): readonly NodeId[] {
  const voting = present.flatMap((id) => nodes.filter((node) => node.id === id));
  const others = nodes.filter(({ id }) => !present.includes(id));
  // Nodes that do not say where they stand, stand alone here: as far as anybody knows, each can be lost without the others.
  const located = [...voting, ...others].map(({ id, zone = "" }) => ({
    node: id,
    zone: zone === "" ? `node ${id}` : zone,
  }));
  return chooseVoters(located, MAX_SYSTEM_VOTERS);
}

/**
 * The groups after a change of the nodes: those of hashed keyspaces are where the hashes say, as far as nodes are not leaving. About 1/n
 * of the replicas move to the nth node, none between two others.
 */
export function rehashed(
  { keyspaces, nodes }: Pick<Catalog, "keyspaces" | "nodes">,
  groups: readonly CatalogGroup[],
): readonly CatalogGroup[] {
  const staying = nodes.filter(({ leaving }) => !leaving);
  const wanted = new Map<GroupId, readonly NodeId[]>();
  for (const { placement, replicas, groups: ids } of keyspaces) {
    if (placement === "spread") continue;
    const order = preferences(placement, staying);
    for (const id of ids) wanted.set(id, chosen(staying, order(id), replicas));
  }
  return groups.map((group) => {
    const replicas = wanted.get(group.id);
    if (replicas === undefined || isSame(replicas, group.replicas)) return group;
    return movedTo(group, replicas);
  });
}

/** The groups after the shards of one keyspace have been spread anew over the nodes that stay. */
export function respread(
  { nodes, groups }: Pick<Catalog, "nodes" | "groups">,
  keyspace: string,
): readonly CatalogGroup[] {
  const staying = nodes.filter(({ leaving }) => !leaving);
  const zones = zonesOf(staying);
  const own = groups.filter((group) => group.keyspace === keyspace);
  const others = groups.filter((group) => group.keyspace !== keyspace);
  const elsewhere = new Map(
    staying.map(({ id }) => [id, others.filter(({ replicas }) => replicas.includes(id)).length]),
  );
  const located = staying.map(({ id }) => ({ node: id, zone: zones.get(id)! }));
  const spread = rebalance(
    own.map(({ replicas }) => replicas),
    located,
    elsewhere,
  );
  const wanted = new Map(own.map(({ id }, at) => [id, spread[at]!]));
  return groups.map((group) => {
    const replicas = wanted.get(group.id);
    if (replicas === undefined || replicas.join() === group.replicas.join()) return group;
    return movedTo(group, replicas);
  });
}

function movedTo(group: CatalogGroup, replicas: readonly NodeId[]): CatalogGroup {
  const gone = group.replicas.filter((node) => !replicas.includes(node) && !group.departed.includes(node));
  return { ...group, replicas, departed: [...group.departed, ...gone] };
}

function isSame(wanted: readonly NodeId[], present: readonly NodeId[]): boolean {
  return wanted.length === present.length && wanted.every((node) => present.includes(node));
}

/** Every node, the most preferred first, for each group. */
function preferences(
  placement: Exclude<Placement, "spread">,
  nodes: readonly Located[],
): (group: GroupId) => readonly NodeId[] {
  const members = nodes.map(({ id }) => ({ node: id, weight: 1 }));
  if (placement === "rendezvous") return (group) => rendezvousOrder(members, keyOf(group));
  const ring: Ring = buildRing(members, POINTS);
  return (group) => [...ringOrder(ring, keyPosition(keyOf(group)))];
}

function keyOf(group: GroupId): Uint8Array {
  const writer = new ByteWriter();
  writer.u32(group);
  return writer.finish();
}

function chosen(nodes: readonly Located[], order: readonly NodeId[], count: number): readonly NodeId[] {
  const zones = zonesOf(nodes);
  const located = order.map((node) => ({ node, zone: zones.get(node) ?? "" }));
  return chooseReplicas(located, count, { kind: "spread" });
}

/** Nodes that do not say where they stand, stand together. */
const zonesOf = (nodes: readonly Located[]): ReadonlyMap<NodeId, string> =>
  new Map(nodes.map(({ id, zone = "" }) => [id, zone]));
