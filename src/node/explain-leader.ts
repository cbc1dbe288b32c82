/** Why the leader of a shard sits where it sits, in a sentence or two. */
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { KeyspaceInfo, LeadershipInfo } from "./api.ts";

/** One shard of a keyspace, and its leader as far as it could be asked. */
export interface ExplainedLeader {
  readonly shard: number;
  readonly group: number;
  /** By name; null: nobody leads, as far as is known here. */
  readonly leader: string | null;
  readonly text: string;
  /** What the leader says of itself; null: it could not be asked. */
  readonly leadership: LeadershipInfo | null;
}

/** `leaderships`: of the keyspace's shards, those that could be asked. */
export function explainLeaders(
  { shardList }: KeyspaceInfo,
  leaderships: readonly LeadershipInfo[],
  nameOf: (node: NodeId) => string,
): readonly ExplainedLeader[] {
  return shardList.map(({ shard, group, leader: known }) => {
    const leadership = leaderships.find((candidate) => candidate.group === group) ?? null;
    const leader = leadership?.leader ?? known;
    return {
      shard,
      group,
      leader: leader === null ? null : nameOf(leader),
      text: leadership === null ? unasked(leader) : leaderText(leadership, nameOf),
      leadership,
    };
  });
}

const unasked = (leader: NodeId | null): string =>
  leader === null ? "No leader is known here." : "It could not be asked why it leads.";

function leaderText(info: LeadershipInfo, nameOf: (node: NodeId) => string): string {
  const off = info.follows ? "" : " placement.leadersFollowWrites is off.";
  const { restsForMilliseconds: rests } = info;
  const rest =
    info.follows && rests > 0 && info.reason !== "lingering"
      ? ` and follows requests elsewhere in ${duration(rests)} at the earliest`
      : "";
  return `${reasonText(info, nameOf)}${off} It has led for ${duration(info.leadsForMilliseconds)}${rest}.`;
}

function reasonText(info: LeadershipInfo, nameOf: (node: NodeId) => string): string {
  const { leader, wanted, ideal, reason, origins, costs, preferred } = info;
  const through = `${origins
    .slice(0, 3)
    .map(({ node, share }) => `${percent(share)} through ${nameOf(node)}`)
    .join(", ")} (of ${perSecond(info.rate)})`;
  switch (reason) {
    case "requests":
      return `The requests come ${through}: the leadership ${moves(info)} to ${nameOf(wanted)}.`;
    case "near":
      return origins[0]?.node === leader
        ? `The requests come ${through}: it is where most of them are.`
        : `The requests come ${through}: no other replica is clearly nearer to them.`;
    case "preferred": {
      const few = info.follows ? `There are few requests (${perSecond(info.rate)})` : "Requests have no say";
      const why = costs.length === 0 ? few : `The requests come ${through}`;
      if (wanted !== leader)
        return `${why}: the leadership ${moves(info)} to ${nameOf(wanted)}, which is preferred.`;
      return preferred === null ? `${why}, and no node is preferred.` : `${why}: the preferred node leads.`;
    }
    case "lingering":
      return `There are few requests now (${perSecond(info.rate)}), but until lately they held it here: it stays ${duration(info.restsForMilliseconds)} more, then goes to ${nameOf(ideal)}.`;
    case "busy":
      return `${nameOf(ideal)} should lead${costs.length === 0 ? "" : `, as the requests come ${through}`}, but has far more to do than the others.`;
    case "unfit":
      return `${nameOf(ideal)} should lead${costs.length === 0 ? ", as it is preferred" : `, as the requests come ${through}`}, but cannot for now: it is down, behind or does not vote.`;
  }
}

const moves = ({ movesInMilliseconds }: LeadershipInfo): string =>
  `moves in ${duration(movesInMilliseconds ?? 0)}`;

const duration = (time: Millis): string =>
  time < 1000
    ? `${Math.round(time)} ms`
    : time < 120_000
      ? `${Math.round(time / 1000)} s`
      : `${Math.round(time / 60_000)} min`;

const percent = (share: number): string => `${Math.round(share * 100)}%`;

const perSecond = (rate: number): string => `${rate < 10 ? rate.toFixed(1) : Math.round(rate)} a second`;
