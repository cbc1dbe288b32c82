/** Does every shard have all the replicas it should have, each of them caught up? */
import type { NodeStatus, ReplicaStatus } from "../node/api.ts";

/** Under load followers are always a few entries behind. */
const MOST_BEHIND = 2000;

/** What is missing, in words; null: nothing. `statuses`: of all nodes, which are all ready. */
export function redundancyMissing(statuses: readonly NodeStatus[]): string | null {
  const present = new Set(statuses.map(({ id }) => id));
  const leaders = new Map<number, ReplicaStatus>();
  for (const replica of statuses.flatMap(({ replicas }) => replicas)) {
    if (replica.role !== "leader") continue;
    const known = leaders.get(replica.group);
    if (known === undefined || known.term < replica.term) leaders.set(replica.group, replica);
  }
  const system = leaders.get(0);
  if (system === undefined) return "the system group has no leader";
  const problem = faultOf(system, 1, present);
  if (problem !== null) return `the system group ${problem}`;
  // Whoever was away may not know the newest catalog; the leader of the system group does.
  const catalog = statuses.find(({ id }) => id === system.leader) ?? statuses[0]!;
  for (const { name, replicas, shardList } of catalog.keyspaces) {
    for (const { group, shard } of shardList) {
      const leader = leaders.get(group);
      const problem =
        leader === undefined
          ? "has no leader"
          : faultOf(leader, Math.min(replicas, statuses.length), present);
      if (problem !== null) return `shard ${shard} of ${name} ${problem}`;
    }
  }
  return catalog.keyspaces.length === 0 ? "there is no keyspace" : null;
}

function faultOf(leader: ReplicaStatus, wanted: number, present: ReadonlySet<number | null>): string | null {
  const { voters, learners, lag } = leader;
  const living = voters.filter((id) => present.has(id));
  if (living.length < voters.length) return "has a voter that is gone";
  if (living.length < wanted) return `has ${living.length} of ${wanted} voters`;
  if (learners.length > 0) return "has a replica that still learns";
  const behind = Math.max(0, ...Object.values(lag));
  return behind > MOST_BEHIND ? `has a replica that is ${behind} entries behind` : null;
}
