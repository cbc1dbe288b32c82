/** The state of a whole cluster, put together from what each node says about itself. */
import type { NodeId } from "../core/ids.ts";
import {
  isMerging,
  type MergingStatus,
  type NodeInfo,
  type NodeStatus,
  type ReplicaStatus,
} from "../node/api.ts";
import { fetchStatus, reachNode, type Reached, urlOfHost, whyUnreachable } from "./http-client.ts";

export interface NodeView {
  readonly info: NodeInfo;
  /** What the node itself says; null when it does not answer. */
  readonly status: NodeStatus | null;
  readonly problem: string | null;
}

export interface ReplicaView {
  readonly node: string;
  readonly role: string;
  /** Entries behind the leader; null when the leader does not say. */
  readonly lag: number | null;
  readonly failed: string | null;
  /** How long ago it last completed anti-entropy with another holder; null: never in this process, or it does not merge. */
  readonly exchanged: number | null;
}

export interface ShardView {
  readonly group: number;
  readonly keyspace: string;
  readonly shard: number;
  /** Its replicas merge: they have no leader, and need none. */
  readonly merging: boolean;
  /** The leader by the newest term that any node reports; null while there is none. */
  readonly leader: string | null;
  readonly term: number | null;
  readonly commitIndex: number | null;
  /**
   * Of replicas that merge: those that answered have the same Merkle root. They were not asked at the same moment: writes in
   * between make them differ. Null where there is nothing to compare.
   */
  readonly equal: boolean | null;
  readonly replicas: readonly ReplicaView[];
}

export interface ClusterView {
  readonly cluster: string | null;
  readonly version: string;
  readonly askedUrl: string;
  readonly nodes: readonly NodeView[];
  /** The system group first, then the shards in the catalog's order. */
  readonly shards: readonly ShardView[];
}

/** Asks one node for the list of nodes, then all the others at once. Throws when no node answers. */
export async function clusterView(urls: readonly string[]): Promise<ClusterView> {
  const reached = await reachNode(urls);
  const nodes = await Promise.all(
    reached.status.nodes.map(async (info): Promise<NodeView> => {
      if (info.id === reached.status.id) return { info, status: reached.status, problem: null };
      try {
        return { info, status: await fetchStatus(urlOfHost(info.http)), problem: null };
      } catch (error) {
        return { info, status: null, problem: whyUnreachable(error) };
      }
    }),
  );
  // A node that has not joined yet knows no nodes, not even itself.
  if (nodes.length === 0) nodes.push(unjoined(reached.status, reached.url));
  return assembleView(reached, nodes);
}

/** `reached`: the node whose catalog is believed. */
export function assembleView(reached: Reached, nodes: readonly NodeView[]): ClusterView {
  const { status, url } = reached;
  return {
    cluster: status.cluster,
    version: status.version,
    askedUrl: url,
    nodes,
    shards: shardViews(status, nodes),
  };
}

function unjoined(status: NodeStatus, url: string): NodeView {
  const info = {
    id: (status.id ?? 0) as NodeId,
    name: status.name,
    resp: "",
    http: new URL(url).host,
    peer: "",
    up: true,
    membership: null,
  };
  return { info, status, problem: null };
}

function shardViews(seen: NodeStatus, nodes: readonly NodeView[]): ShardView[] {
  const names = new Map(nodes.map(({ info }) => [info.id as number, info.name]));
  const nameOf = (id: number | null) => (id === null ? null : (names.get(id) ?? `#${id}`));
  const reports = new Map<number, { readonly node: number; readonly replica: ReplicaStatus }[]>();
  for (const { info, status } of nodes) {
    for (const replica of status?.replicas ?? []) {
      const list = reports.get(replica.group) ?? [];
      list.push({ node: info.id, replica });
      reports.set(replica.group, list);
    }
  }

  const view = (
    { group, keyspace, shard }: Pick<ShardView, "group" | "keyspace" | "shard">,
    members: readonly number[],
    merging = false,
  ): ShardView => {
    const known = reports.get(group) ?? [];
    const newest = known.reduce<ReplicaStatus | null>(
      (best, { replica }) => (best === null || replica.term > best.term ? replica : best),
      null,
    );
    const leading = known.find(
      ({ node, replica }) => replica.leader === node && replica.term === newest?.term,
    );
    const leader =
      leading?.node ?? known.find(({ replica }) => replica.term === newest?.term)?.replica.leader ?? null;
    const everyone = [...new Set([...members, ...known.map(({ node }) => node)])].sort((a, b) => a - b);
    return {
      group,
      keyspace,
      shard,
      merging,
      leader: nameOf(leader),
      equal: merging ? sameRoots(known.map(({ replica }) => replica)) : null,
      term: merging ? null : (newest?.term ?? null),
      commitIndex:
        merging || known.length === 0 ? null : Math.max(...known.map(({ replica }) => replica.commitIndex)),
      replicas: everyone.map((node) => {
        const own = known.find((report) => report.node === node)?.replica;
        return {
          node: nameOf(node)!,
          role: own?.role ?? "unreachable",
          lag: node === leading?.node ? 0 : (leading?.replica.lag[String(node)] ?? null),
          failed: own?.failed ?? null,
          exchanged: own?.merging === undefined ? null : latest(own.merging),
        };
      }),
    };
  };

  const system = reports.get(0)?.[0]?.replica;
  const systemMembers = system === undefined ? [] : [...system.voters, ...system.learners];
  return [
    ...(system === undefined ? [] : [view({ group: 0, keyspace: "(system)", shard: 0 }, systemMembers)]),
    ...seen.keyspaces.flatMap((keyspace) =>
      keyspace.shardList.map((shard) => view(shard, shard.replicas, isMerging(keyspace.replication))),
    ),
  ];
}

function sameRoots(replicas: readonly ReplicaStatus[]): boolean | null {
  const holders = replicas.filter(({ merging, role }) => merging !== undefined && role !== "stand-in");
  if (holders.length < 2) return null;
  return new Set(holders.map(({ merging }) => merging!.root)).size === 1;
}

const latest = ({ exchanges }: MergingStatus): number | null =>
  exchanges.length === 0 ? null : Math.min(...exchanges.map(({ milliseconds }) => milliseconds));

/** How many shards a node leads, and whether it leads the system group. */
export function leadership(
  view: ClusterView,
  node: string,
): { readonly shards: number; readonly system: boolean } {
  const led = view.shards.filter((shard) => shard.leader === node);
  const system = led.some((shard) => shard.group === 0);
  return { shards: led.length - (system ? 1 : 0), system };
}
