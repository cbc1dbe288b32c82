/** Where the replicas of new shards go: evenly over the nodes, every choice deterministic. */
import type { NodeId } from "../core/ids.ts";

/** How many replicas, and how many preferred leaderships, a node has already. */
export interface Load {
  readonly node: NodeId;
  replicas: number;
  leaders: number;
}

export interface Placement {
  /** The first is the preferred leader. */
  readonly replicas: readonly NodeId[];
}

/** Chooses the `count` least loaded nodes, ties by id, and counts them; the one with the fewest leaderships comes first. */
export function placeShard(loads: Load[], count: number): Placement {
  const chosen = [...loads]
    .sort((a, b) => a.replicas - b.replicas || a.leaders - b.leaders || a.node - b.node)
    .slice(0, count)
    .sort((a, b) => a.leaders - b.leaders || a.node - b.node);
  for (const load of chosen) load.replicas++;
  if (chosen[0] !== undefined) chosen[0].leaders++;
  return { replicas: chosen.map((load) => load.node) };
}

/** The least loaded node that does not hold the shard yet, to take the place of one that leaves; null if there is none. */
export function substitute(loads: readonly Load[], holders: readonly NodeId[]): NodeId | null {
  const free = loads.filter((load) => !holders.includes(load.node));
  free.sort((a, b) => a.replicas - b.replicas || a.node - b.node);
  return free[0]?.node ?? null;
}
