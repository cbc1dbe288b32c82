/** What a node tells about itself and its cluster. */
import { type GroupId, type NodeId, SYSTEM_GROUP } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { KeyspaceInfo, MemberState, NodeInfo, NodeStatus, ReplicaStatus } from "./api.ts";
import type { Catalog, CatalogGroup, CatalogNode } from "./catalog/state.ts";
import type { Identity } from "./formation.ts";
import type { MergingReplica } from "./merging-replica.ts";
import type { OrderedReplica } from "./ordered-replica.ts";
import type { Replica } from "./replica.ts";

export function describeKeyspaces(
  catalog: Catalog,
  leaderOf: (group: GroupId) => NodeId | null,
): readonly KeyspaceInfo[] {
  return catalog.keyspaces.map(({ groups, ...spec }) => ({
    ...spec,
    shardList: groups.map((id, shard) => ({
      group: id,
      keyspace: spec.name,
      shard,
      replicas: catalog.groups.find((group) => group.id === id)?.replicas ?? [],
      leader: leaderOf(id),
    })),
  }));
}

interface MemberParts {
  readonly members: readonly CatalogNode[];
  isUp(node: NodeId): boolean;
  membershipOf(node: NodeId): MemberState | null;
}

export const describeNodes = ({ members, isUp, membershipOf }: MemberParts): readonly NodeInfo[] =>
  members.map(({ id, name, resp, http, peer, cluster }) => ({
    id,
    name,
    resp,
    http,
    peer: `${peer.host}:${peer.port}`,
    ...(cluster === undefined ? {} : { cluster }),
    up: isUp(id),
    membership: membershipOf(id),
  }));

interface StatusParts
  extends
    MemberParts,
    Pick<
      NodeStatus,
      "version" | "waiting" | "ready" | "uptimeMilliseconds" | "keyspaces" | "storage" | "loopLagMilliseconds"
    > {
  /** By the node's clock. */
  readonly now: Millis;
  readonly identity: Identity;
  readonly groups: readonly CatalogGroup[];
  readonly replicas: readonly Replica[];
}

export function describeStatus(parts: StatusParts): NodeStatus {
  const { identity } = parts;
  return {
    version: parts.version,
    cluster: identity.cluster,
    id: identity.node,
    name: identity.name,
    waiting: parts.waiting,
    ready: parts.ready,
    uptimeMilliseconds: parts.uptimeMilliseconds,
    nodes: describeNodes(parts),
    keyspaces: parts.keyspaces,
    replicas: parts.replicas
      .map((replica) => describeReplica(replica, parts.groups, parts.now, identity.node))
      .sort((a, b) => a.group - b.group),
    storage: parts.storage,
    loopLagMilliseconds: parts.loopLagMilliseconds,
  };
}

function describeReplica(
  replica: Replica,
  groups: readonly CatalogGroup[],
  now: Millis,
  self: NodeId | null,
): ReplicaStatus {
  const { group } = replica;
  const shard = groups.find((candidate) => candidate.id === group);
  const which = {
    group,
    keyspace: group === SYSTEM_GROUP ? "(system)" : (shard?.keyspace ?? "(unknown)"),
    shard: shard?.shard ?? 0,
    failed: replica.failure?.message ?? null,
  };
  return replica.kind === "ordered"
    ? { ...which, ...describeOrdered(replica) }
    : { ...which, ...describeMerging(replica, now, self) };
}

type Which = "group" | "keyspace" | "shard" | "failed";

function describeMerging(
  replica: MergingReplica,
  now: Millis,
  self: NodeId | null,
): Omit<ReplicaStatus, Which> {
  const { machine, members } = replica;
  const { high, low } = replica.state.summary.tree.root;
  const isHolder = members.holders.some((holder) => holder === self);
  return {
    role:
      replica.failure !== null
        ? "failed"
        : !isHolder
          ? "stand-in"
          : replica.isReady
            ? "holder"
            : "catching up",
    term: 0,
    leader: null,
    lastIndex: machine.lastIndex,
    commitIndex: machine.lastIndex,
    appliedIndex: replica.appliedIndex,
    voters: members.holders,
    learners: [],
    lag: {},
    detail: machine.status(),
    merging: {
      root: hexadecimal(high) + hexadecimal(low),
      exchanges: [...machine.exchanges].map(([node, { at }]) => ({
        node,
        milliseconds: Math.round(now - at),
      })),
    },
  };
}

const hexadecimal = (word: number): string => (word >>> 0).toString(16).padStart(8, "0");

function describeOrdered(replica: OrderedReplica): Omit<ReplicaStatus, Which> {
  const { machine } = replica;
  const { voters, learners } = machine.configuration;
  return {
    role: replica.failure === null ? machine.role : "failed",
    term: machine.term,
    leader: replica.leader,
    lastIndex: machine.lastIndex,
    commitIndex: machine.commitIndex,
    appliedIndex: replica.appliedIndex,
    voters,
    learners,
    lag: replica.isLeader
      ? Object.fromEntries([...machine.peersLag()].map(([node, lag]) => [String(node), lag]))
      : {},
    detail: null,
  };
}
