/**
 * Which nodes of a preference list hold the replicas, when it matters where the nodes are: in different zones, so that the loss of a
 * zone costs one replica; or some of them near the zone that writes, so that a quorum need not leave it.
 */
import type { NodeId } from "../core/ids.ts";

export interface Located {
  readonly node: NodeId;
  readonly zone: string;
}

export type ZonePolicy =
  | { readonly kind: "spread" }
  /** `local` replicas in this zone, as far as it has nodes, the others spread over the other zones. */
  | { readonly kind: "near"; readonly zone: string; readonly local: number };

/**
 * `count` different nodes, fewer if there are fewer. Within what the policy asks for, the list decides. With `spread` no zone holds two
 * replicas more than another that has nodes left.
 */
export function chooseReplicas(
  preference: readonly Located[],
  count: number,
  policy: ZonePolicy,
): readonly NodeId[] {
  if (policy.kind === "spread") return spread(preference, count);
  const inside = preference.filter(({ zone }) => zone === policy.zone);
  const outside = preference.filter(({ zone }) => zone !== policy.zone);
  const local = inside.slice(0, Math.min(policy.local, count)).map(({ node }) => node);
  const remote = spread(outside, count - local.length);
  // Too few elsewhere: better near than not at all.
  const rest = inside.slice(local.length, count - remote.length).map(({ node }) => node);
  return [...local, ...remote, ...rest];
}

/** Round by round, each zone gives its first node that is left, in the order of the list. */
function spread(preference: readonly Located[], count: number): readonly NodeId[] {
  const chosen: NodeId[] = [];
  let left = preference;
  while (chosen.length < count && left.length > 0) {
    const zones = new Set<string>();
    const passed: Located[] = [];
    for (const located of left) {
      if (chosen.length < count && !zones.has(located.zone)) {
        zones.add(located.zone);
        chosen.push(located.node);
      } else {
        passed.push(located);
      }
    }
    left = passed;
  }
  return chosen;
}
