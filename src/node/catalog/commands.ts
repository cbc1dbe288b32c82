/**
 * The commands of the catalog, applied by every replica of the system group in the same order. Each is a pure function of
 * the catalog: it returns the next one, or a refusal that changes nothing.
 */
import { unreachable } from "../../core/assert.ts";
import type { ErrorCode } from "../../core/errors.ts";
import { type GroupId, type NodeId, groupId, nodeId } from "../../core/ids.ts";
import type { Load } from "../../placement/spread.ts";
import type { KeyspaceDeclaration, KeyspaceLimits } from "../api.ts";
import { type ChannelCommand, changeChannels, withMembersOnly } from "./channels.ts";
import { checkLimits, keyspaceSpec, summaryOf } from "./keyspace.ts";
import { placer, rehashed, respread, substituteFor, systemVoters } from "./placement.ts";
import {
  type Catalog,
  type CatalogGroup,
  type CatalogKeyspace,
  type CatalogNode,
  DEFAULT_KEYSPACE,
  type NodeAddresses,
} from "./state.ts";
import { deleteUser, setUser, type UserDelete, type UserSet } from "./users.ts";

export type CatalogCommand =
  /** The first entry: the founding members. Proposed by the first leader. */
  | { readonly type: "cluster-found"; readonly nodes: readonly CatalogNode[] }
  | {
      readonly type: "node-join";
      readonly name: string;
      readonly instance: string;
      readonly addresses: NodeAddresses;
    }
  | { readonly type: "node-update"; readonly node: NodeId; readonly addresses: NodeAddresses }
  | { readonly type: "node-remove"; readonly name: string }
  /** Proposed by the system group's leader once a leaving node holds nothing any more. */
  | { readonly type: "node-forget"; readonly node: NodeId }
  | { readonly type: "keyspace-create"; readonly spec: KeyspaceDeclaration }
  | { readonly type: "keyspace-alter"; readonly name: string; readonly limits: Partial<KeyspaceLimits> }
  | { readonly type: "keyspace-drop"; readonly name: string }
  | { readonly type: "keyspace-spread"; readonly name: string }
  | UserSet
  | UserDelete
  | ChannelCommand
  /** Proposed by a group's leader: its configuration now has exactly these voters and no learners. */
  | { readonly type: "group-settled"; readonly group: GroupId; readonly replicas: readonly NodeId[] }
  /** Proposed by a replica of a merging shard: it has what the others have, or has handed over all that it had. */
  | {
      readonly type: "group-held";
      readonly group: GroupId;
      readonly node: NodeId;
      readonly held: boolean;
    };

export type CatalogResult =
  | { readonly ok: true; readonly detail: string; readonly node?: NodeId }
  | { readonly ok: false; readonly code: ErrorCode; readonly message: string };

export interface CatalogChange {
  readonly catalog: Catalog;
  readonly result: CatalogResult;
}

const refuse = (catalog: Catalog, code: ErrorCode, message: string): CatalogChange => ({
  catalog,
  result: { ok: false, code, message },
});

function accept(
  catalog: Catalog,
  changes: Partial<Catalog>,
  detail: string,
  extra: { node?: NodeId } = {},
): CatalogChange {
  return {
    catalog: withMembersOnly({ ...catalog, ...changes, version: catalog.version + 1 }),
    result: { ok: true, detail, ...extra },
  };
}

export function applyCatalogCommand(catalog: Catalog, command: CatalogCommand): CatalogChange {
  switch (command.type) {
    case "cluster-found":
      return foundCluster(catalog, command.nodes);
    case "node-join":
      return joinNode(catalog, command.name, command.instance, command.addresses);
    case "node-update":
      return updateNode(catalog, command.node, command.addresses);
    case "node-remove":
      return removeNode(catalog, command.name);
    case "node-forget":
      return forgetNode(catalog, command.node);
    case "keyspace-create":
      return createKeyspace(catalog, command.spec);
    case "keyspace-alter":
      return alterKeyspace(catalog, command.name, command.limits);
    case "keyspace-drop":
      return dropKeyspace(catalog, command.name);
    case "keyspace-spread":
      return spreadKeyspace(catalog, command.name);
    case "user-set":
      return changeUsers(catalog, setUser(catalog, command));
    case "user-delete":
      return changeUsers(catalog, deleteUser(catalog, command.name));
    case "channel-join":
    case "channel-leave":
      return accept(
        catalog,
        { channels: changeChannels(catalog.channels, command) },
        "the channels' members",
      );
    case "group-settled":
      return settleGroup(catalog, command.group, () => command.replicas);
    case "group-held": {
      const { group, node, held } = command;
      return settleGroup(catalog, group, (settled) => [
        ...settled.filter((other) => other !== node),
        ...(held ? [node] : []),
      ]);
    }
    default:
      return unreachable(command);
  }
}

function foundCluster(catalog: Catalog, nodes: readonly CatalogNode[]): CatalogChange {
  if (catalog.version > 0) return accept(catalog, {}, "the cluster is founded already");
  return accept(
    catalog,
    {
      nodes,
      nextNode: Math.max(0, ...nodes.map((node) => node.id)) + 1,
      systemVoters: systemVoters(nodes, []),
    },
    `founded with ${nodes.map((node) => node.name).join(", ")}`,
  );
}

/**
 * A node without an identity asks for one. The same instance gets the same answer again (the first may have been lost). A
 * known name with another instance has lost its data: it gets a new id and takes the old one's place everywhere.
 */
function joinNode(catalog: Catalog, name: string, instance: string, addresses: NodeAddresses): CatalogChange {
  const same = catalog.nodes.find((node) => node.instance === instance);
  if (same !== undefined) {
    return accept(catalog, {}, `${name} is node ${same.id} already`, { node: same.id });
  }
  const id = nodeId(catalog.nextNode);
  const joined: CatalogNode = { ...addresses, id, name, instance, leaving: false };
  const old = catalog.nodes.find((node) => node.name === name);
  if (old === undefined) {
    const nodes = [...catalog.nodes, joined];
    return accept(
      catalog,
      {
        nextNode: id + 1,
        nodes,
        groups: rehashed({ ...catalog, nodes }, catalog.groups),
        systemVoters: systemVoters(nodes, catalog.systemVoters),
      },
      `${name} joins as node ${id}`,
      { node: id },
    );
  }
  const swap = (nodes: readonly NodeId[]): NodeId[] => nodes.map((node) => (node === old.id ? id : node));
  return accept(
    catalog,
    {
      nextNode: id + 1,
      nodes: [...catalog.nodes.filter((node) => node.id !== old.id), joined],
      groups: catalog.groups.map((group) =>
        group.replicas.includes(old.id)
          ? { ...group, replicas: swap(group.replicas), departed: [...group.departed, old.id] }
          : group,
      ),
      systemVoters: swap(catalog.systemVoters),
    },
    `${name} comes back without its data as node ${id}, in the place of node ${old.id}`,
    { node: id },
  );
}

function updateNode(catalog: Catalog, id: NodeId, addresses: NodeAddresses): CatalogChange {
  if (!catalog.nodes.some((node) => node.id === id)) {
    return refuse(catalog, "bad-request", `Node ${id} is not a member of this cluster.`);
  }
  const nodes = catalog.nodes.map((node) => {
    if (node.id !== id) return node;
    const { zone: _zone, cluster: _cluster, ...rest } = node;
    return { ...rest, ...addresses };
  });
  return accept(catalog, { nodes }, `the addresses of node ${id} are updated`, { node: id });
}

function removeNode(catalog: Catalog, name: string): CatalogChange {
  const leaving = catalog.nodes.find((node) => node.name === name);
  if (leaving === undefined) {
    return refuse(catalog, "bad-request", `There is no node named "${name}" (kvorum node list).`);
  }
  if (leaving.leaving) return accept(catalog, {}, `${name} is leaving already`);
  const staying = catalog.nodes.filter((node) => node.id !== leaving.id && !node.leaving);
  if (staying.length === 0) {
    return refuse(catalog, "contradiction", `"${name}" is the last node: removing it would delete the data.`);
  }
  const loads = currentLoads(catalog).filter((load) => staying.some((node) => node.id === load.node));
  const nodes = catalog.nodes.map((node) => (node.id === leaving.id ? { ...node, leaving: true } : node));
  const groups = rehashed({ ...catalog, nodes }, catalog.groups).map((group) => {
    if (!group.replicas.includes(leaving.id)) return group;
    const next = substituteFor(staying, loads, group.replicas, leaving.id);
    const load = loads.find((candidate) => candidate.node === next);
    if (load !== undefined) load.replicas++;
    const replicas =
      next === null
        ? group.replicas.filter((node) => node !== leaving.id)
        : group.replicas.map((node) => (node === leaving.id ? next : node));
    return { ...group, replicas, departed: [...group.departed, leaving.id] };
  });
  return accept(
    catalog,
    {
      groups,
      nodes,
      systemVoters: systemVoters(staying, catalog.systemVoters),
    },
    `${name} is leaving: its replicas move to other nodes`,
  );
}

function forgetNode(catalog: Catalog, id: NodeId): CatalogChange {
  const node = catalog.nodes.find((candidate) => candidate.id === id);
  if (node === undefined) return accept(catalog, {}, `node ${id} is forgotten already`);
  if (!node.leaving || holdsAnything(catalog, id)) {
    return refuse(catalog, "contradiction", `Node ${id} still holds replicas.`);
  }
  return accept(
    catalog,
    { nodes: catalog.nodes.filter((candidate) => candidate.id !== id) },
    `${node.name} has left`,
  );
}

/** True while some shard has a replica of this node, or may still have one. */
export function holdsAnything(catalog: Catalog, id: NodeId): boolean {
  return catalog.groups.some((group) => group.replicas.includes(id) || group.settled.includes(id));
}

export function createKeyspace(catalog: Catalog, wanted: KeyspaceDeclaration): CatalogChange {
  if (catalog.keyspaces.some((keyspace) => keyspace.name === wanted.name)) {
    return refuse(catalog, "exists", `The keyspace "${wanted.name}" exists already.`);
  }
  const nodes = catalog.nodes.filter((node) => !node.leaving);
  const spec = keyspaceSpec(wanted, nodes.length);
  if ("code" in spec) return refuse(catalog, spec.code, spec.message);
  const { name, replicas, shards, placement } = spec;

  const loads = currentLoads(catalog).filter((load) => nodes.some((node) => node.id === load.node));
  const place = placer(placement, nodes, loads, replicas);
  const groups: CatalogGroup[] = [];
  for (let shard = 0; shard < shards; shard++) {
    const id = groupId(catalog.nextGroup + shard);
    const placed = place(id);
    groups.push({
      id,
      keyspace: name,
      shard,
      founders: placed,
      departed: [],
      replicas: placed,
      settled: placed,
    });
  }
  const keyspace: CatalogKeyspace = { ...spec, groups: groups.map((group) => group.id) };
  return accept(
    catalog,
    {
      nextGroup: catalog.nextGroup + shards,
      groups: [...catalog.groups, ...groups],
      keyspaces: [...catalog.keyspaces, keyspace],
    },
    `keyspace ${name}: ${summaryOf(spec)}${replicas > zoneCount(nodes) ? SHARED_FATE : ""}`,
  );
}

const SHARED_FATE =
  "; there are fewer zones than replicas, so some replicas of a shard are lost together with a zone";

/** No bound where nobody says where the nodes stand. */
function zoneCount(nodes: readonly CatalogNode[]): number {
  const named = nodes.some(({ zone }) => zone !== undefined);
  return named ? new Set(nodes.map(({ zone }) => zone)).size : Number.POSITIVE_INFINITY;
}

function alterKeyspace(catalog: Catalog, name: string, changes: Partial<KeyspaceLimits>): CatalogChange {
  const keyspace = catalog.keyspaces.find((candidate) => candidate.name === name);
  if (keyspace === undefined) return refuse(catalog, "unknown-keyspace", `There is no keyspace "${name}".`);
  const limits = { ...keyspace.limits, ...changes };
  const problem = checkLimits(limits);
  if (problem !== null) return refuse(catalog, "bad-request", problem);
  const keyspaces = catalog.keyspaces.map((other) => (other.name === name ? { ...other, limits } : other));
  return accept(catalog, { keyspaces }, `the limits of ${name} are changed`);
}

function dropKeyspace(catalog: Catalog, name: string): CatalogChange {
  if (name === DEFAULT_KEYSPACE) {
    return refuse(
      catalog,
      "contradiction",
      `"${DEFAULT_KEYSPACE}" cannot be dropped: keys without a keyspace live there. FLUSHALL empties it.`,
    );
  }
  if (!catalog.keyspaces.some((keyspace) => keyspace.name === name)) {
    return refuse(catalog, "unknown-keyspace", `There is no keyspace "${name}".`);
  }
  return accept(
    catalog,
    {
      keyspaces: catalog.keyspaces.filter((keyspace) => keyspace.name !== name),
      groups: catalog.groups.filter((group) => group.keyspace !== name),
    },
    `keyspace ${name} is dropped, with its data`,
  );
}

function spreadKeyspace(catalog: Catalog, name: string): CatalogChange {
  const keyspace = catalog.keyspaces.find((candidate) => candidate.name === name);
  if (keyspace === undefined) return refuse(catalog, "unknown-keyspace", `There is no keyspace "${name}".`);
  if (keyspace.placement !== "spread") {
    return refuse(
      catalog,
      "contradiction",
      `The shards of "${name}" are placed by ${keyspace.placement}: they follow the nodes by themselves.`,
    );
  }
  const groups = respread(catalog, name);
  const changed = groups.filter((group, at) => group !== catalog.groups[at]).length;
  if (changed === 0) return accept(catalog, {}, `keyspace ${name} is spread over the nodes already`);
  return accept(catalog, { groups }, `keyspace ${name}: ${changed} of ${keyspace.shards} shards move`);
}

function changeUsers(catalog: Catalog, change: ReturnType<typeof setUser>): CatalogChange {
  if ("code" in change) return refuse(catalog, change.code, change.message);
  return accept(catalog, { users: change.users }, change.detail);
}

function settleGroup(
  catalog: Catalog,
  id: GroupId,
  settle: (before: readonly NodeId[]) => readonly NodeId[],
): CatalogChange {
  const group = catalog.groups.find((candidate) => candidate.id === id);
  if (group === undefined) return refuse(catalog, "bad-request", `There is no group ${id}.`);
  const settled = settle(group.settled);
  const groups = catalog.groups.map((other) => (other.id === id ? { ...other, settled } : other));
  return accept(catalog, { groups }, `group ${id} has its replicas on ${settled.join(", ")}`);
}

function currentLoads(catalog: Catalog): Load[] {
  return catalog.nodes.map((node) => ({
    node: node.id,
    replicas: catalog.groups.filter((group) => group.replicas.includes(node.id)).length,
    leaders: catalog.groups.filter((group) => group.replicas[0] === node.id).length,
  }));
}
