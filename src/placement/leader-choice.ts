/**
 * Where a shard should be led: cost-based placement, of leaders. A request that comes in through node o costs the distance from o to the
 * leader; the leader belongs where these costs add up to least. Where requests are too few to matter, or come from everywhere alike, the
 * preferred node leads, which keeps the leaders spread.
 */
import type { NodeId } from "../core/ids.ts";

export interface LeaderCandidate {
  readonly node: NodeId;
  /** It is up, votes and is caught up. */
  readonly fit: boolean;
  /** It has far more to do than others: it should not get any more. */
  readonly busy: boolean;
}

/** From where requests come in to where they are decided; 0 for a node to itself, otherwise more. */
export type Distance = (from: NodeId, to: NodeId) => number;

export interface LeaderView {
  readonly self: NodeId;
  /** By the catalog; null: nobody is. */
  readonly preferred: NodeId | null;
  /** The other members that vote. */
  readonly others: readonly LeaderCandidate[];
  /** Requests a second that come in through each node. */
  readonly rates: ReadonlyMap<NodeId, number>;
  readonly distance: Distance;
}

/**
 * Why a leader should be where it should be.
 *  - `requests`: leading there costs at most half of what it does here
 *  - `near`: it stays, as it is nearest to the requests, or nobody is clearly nearer
 *  - `preferred`: requests are too few to matter, or come from everywhere alike
 *  - `busy`, `unfit`: it stays, as who should lead has too much to do already, or cannot lead now
 */
export type LeaderReason = "requests" | "near" | "preferred" | "busy" | "unfit";

export interface LeaderChoice {
  readonly node: NodeId;
  readonly reason: LeaderReason;
  /** Who would lead if it were not busy or unfit; otherwise the same as `node`. */
  readonly ideal: NodeId;
  /** The mean distance of a request if that node led. Empty: there are too few requests. */
  readonly costs: ReadonlyMap<NodeId, number>;
}

export interface ChoiceRules {
  /** Requests a second, of all nodes: with fewer, they do not matter. */
  readonly minimalRate: number;
  /**
   * Another node leads for the sake of the requests if that costs at most this part of what it costs here: with two nodes, if it brings
   * twice as many of them. Well below 1, so that noise does not move anything, and what has moved does not move back.
   */
  readonly clearlyLess: number;
  /** The preferred node leads if that costs at most so many times as much as here, or where it would lead otherwise. */
  readonly aboutTheSame: number;
}

export const CHOICE_RULES: ChoiceRules = { minimalRate: 5, clearlyLess: 0.5, aboutTheSame: 1.25 };

/** Depends on nothing but its arguments; whoever leads decides for its own shard. */
export function chooseLeader(view: LeaderView, rules: ChoiceRules = CHOICE_RULES): LeaderChoice {
  const { self, preferred, others } = view;
  const costs = costsOf(view, rules);
  const here = costs.get(self) ?? 0;
  const wished = others.find(({ node }) => node === preferred);
  const nearest = nearestOf(view, costs);
  const least = nearest === null ? here : costs.get(nearest.node)!;
  if (nearest !== null && least <= here * rules.clearlyLess) {
    // Otherwise it would move once more, from the nearest to the preferred one.
    const isAsGood = wished?.fit === true && !wished.busy;
    const wins = isAsGood && costs.get(wished.node)! <= least * rules.aboutTheSame;
    return settle(self, wins ? wished : nearest, "requests", costs);
  }
  if (preferred === self && costs.size === 0) return { node: self, reason: "preferred", ideal: self, costs };
  if (wished !== undefined) {
    const cost = costs.get(wished.node) ?? 0;
    const wouldStay = costs.size === 0 || least > cost * rules.clearlyLess;
    if (cost <= here * rules.aboutTheSame && wouldStay) return settle(self, wished, "preferred", costs);
  }
  // A preferred node that does not vote, or none: there is nothing to decide.
  const reason = costs.size > 0 ? "near" : preferred === null ? "preferred" : "unfit";
  return { node: self, reason, ideal: reason === "unfit" ? preferred! : self, costs };
}

function settle(
  self: NodeId,
  { node, fit, busy }: LeaderCandidate,
  reason: "requests" | "preferred",
  costs: LeaderChoice["costs"],
): LeaderChoice {
  if (!fit) return { node: self, reason: "unfit", ideal: node, costs };
  if (busy) return { node: self, reason: "busy", ideal: node, costs };
  return { node, reason, ideal: node, costs };
}

/** The mean distance of a request, for each node that may lead. */
function costsOf({ self, others, rates, distance }: LeaderView, { minimalRate }: ChoiceRules) {
  const costs = new Map<NodeId, number>();
  let rate = 0;
  for (const each of rates.values()) rate += each;
  if (rate < minimalRate) return costs;
  for (const node of [self, ...others.map((other) => other.node)]) {
    let cost = 0;
    for (const [origin, each] of rates) cost += each * distance(origin, node);
    costs.set(node, cost / rate);
  }
  return costs;
}

/** Of the others, the one with the least costs, ties by id; null: here it costs no more, or nothing is known of costs. */
function nearestOf({ self, others }: LeaderView, costs: LeaderChoice["costs"]): LeaderCandidate | null {
  let nearest: LeaderCandidate | null = null;
  let least = costs.get(self) ?? 0;
  for (const other of [...others].sort((a, b) => a.node - b.node)) {
    const cost = costs.get(other.node);
    if (cost === undefined || cost >= least) continue;
    nearest = other;
    least = cost;
  }
  return nearest;
}
