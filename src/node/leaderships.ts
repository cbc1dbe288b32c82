/**
 * The leaderships of this node: for each shard that it leads, whether it should go on, and to whom it is handed over otherwise. Which node
 * that is, and when, is decided in src/placement; here is what that needs to know, and the hand-over.
 */
import type { GroupId, NodeId } from "../core/ids.ts";
import type { Clock, Logger } from "../core/world.ts";
import type { Distance, LeaderCandidate } from "../placement/leader-choice.ts";
import { LeaderSeat, type SeatDecision, type SeatRules } from "../placement/leader-seat.ts";
import type { LeadershipInfo } from "./api.ts";
import { isCaughtUp } from "./heir.ts";
import type { OrderedReplica } from "./ordered-replica.ts";

export interface LeadershipsHost {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly self: NodeId;
  /** False: only preferences count, wherever requests come from. */
  readonly follow: boolean;
  readonly rules: SeatRules;
  isUp(node: NodeId): boolean;
  /** The node has far more to do than this one. */
  isBusy(node: NodeId): boolean;
  readonly distance: Distance;
  /** There is a replica of the group here. */
  holds(group: GroupId): boolean;
}

/** Why leaderships were handed over: to follow requests, to the preferred node, because the disk was full. */
export type MoveReason = "requests" | "preferred" | "disk-full";

interface Seat {
  readonly seat: LeaderSeat;
  preferred: NodeId | null;
  decision: SeatDecision | null;
}

const NOTHING: ReadonlyMap<NodeId, number> = new Map();

export class Leaderships {
  readonly #host: LeadershipsHost;
  readonly #seats = new Map<GroupId, Seat>();
  /** One hand-over of a shard in use in each round: each takes the time of an election, in which its shard answers nobody. */
  #mayFollow = true;
  readonly moves: Record<MoveReason, number> = { requests: 0, preferred: 0, "disk-full": 0 };

  constructor(host: LeadershipsHost) {
    this.#host = host;
  }

  /** A new round of looking at all replicas begins. */
  begin(): void {
    this.#mayFollow = true;
    for (const group of this.#seats.keys()) if (!this.#host.holds(group)) this.#seats.delete(group);
  }

  /** This node does not lead the group, or has reasons of its own to give it away. */
  vacate(replica: OrderedReplica): void {
    replica.demand.clear();
    const held = this.#seats.get(replica.group);
    if (held === undefined || held.decision === null) return;
    held.decision = null;
    held.seat.vacate();
  }

  /** Once in each round, while this node leads the group and can serve. `mayMove`: nothing else changes in the group just now. */
  tend(replica: OrderedReplica, preferred: NodeId | null, mayMove: boolean): void {
    const { clock, follow, rules, self, distance } = this.#host;
    const now = clock.now();
    const held = this.#seatOf(replica.group, rules);
    const counts = replica.demand.take();
    held.preferred = preferred;
    held.decision = held.seat.look(now, follow ? counts : NOTHING, {
      self,
      preferred,
      distance,
      others: this.#candidates(replica),
    });
    const { node, reason, movesAt, costs } = held.decision;
    if (movesAt === null || now < movesAt || !mayMove) return;
    if (costs.size > 0) {
      if (!this.#mayFollow) return;
      this.#mayFollow = false;
    }
    held.seat.tried(now);
    this.#handOver(replica, held, node, reason === "requests" ? "requests" : "preferred");
  }

  /** The leader cannot go on. */
  giveAway(replica: OrderedReplica, heir: NodeId): void {
    this.#host.logger.info(
      { group: replica.group, to: heir },
      "the disk is full: handing the leadership over",
    );
    this.#transfer(replica, heir, "disk-full", () => undefined);
  }

  /** Null: this node does not lead the group, or has only just begun to. */
  describe(group: GroupId): LeadershipInfo | null {
    const held = this.#seats.get(group);
    return held === undefined || held.decision === null
      ? null
      : describe(group, held.preferred, held.decision, this.#host);
  }

  #seatOf(group: GroupId, rules: SeatRules): Seat {
    let held = this.#seats.get(group);
    if (held === undefined) {
      held = { seat: new LeaderSeat(rules), preferred: null, decision: null };
      this.#seats.set(group, held);
    }
    return held;
  }

  #candidates(replica: OrderedReplica): LeaderCandidate[] {
    const { self } = this.#host;
    return replica.configuration.voters
      .filter((node) => node !== self)
      .map((node) => ({
        node,
        fit: this.#host.isUp(node) && isCaughtUp(replica, node),
        busy: this.#host.isBusy(node),
      }));
  }

  #handOver(replica: OrderedReplica, held: Seat, to: NodeId, reason: "requests" | "preferred"): void {
    const { group } = replica;
    if (reason === "requests") {
      const { rates } = held.decision!;
      const all = [...rates.values()].reduce((sum, rate) => sum + rate, 0);
      const percent = Math.round((100 * (rates.get(to) ?? 0)) / all);
      this.#host.logger.info(
        { group, to, percent, rate: Math.round(all) },
        "most requests come through another node: the leadership follows them",
      );
    } else {
      this.#host.logger.info({ group, to }, "the leadership goes to the preferred node");
    }
    const hadASay = held.decision!.costs.size > 0;
    this.#transfer(replica, to, reason, () => {
      if (hadASay) held.seat.gaveAway(this.#host.clock.now());
    });
  }

  #transfer(replica: OrderedReplica, to: NodeId, reason: MoveReason, moved: () => void): void {
    replica.administer({ type: "transfer", to }, (outcome) => {
      if (outcome.ok) {
        this.moves[reason]++;
        moved();
        return;
      }
      this.#host.logger.debug(
        { group: replica.group, error: outcome.error },
        "the hand-over did not happen; it is tried again",
      );
    });
  }
}

/** Times from now on: the clocks of other nodes say something else. */
function describe(
  group: GroupId,
  preferred: NodeId | null,
  decision: SeatDecision,
  { clock, self, follow }: LeadershipsHost,
): LeadershipInfo {
  const now = clock.now();
  const { node, reason, ideal, since, ledSince, restsUntil, movesAt, rates, costs } = decision;
  const rate = [...rates.values()].reduce((sum, each) => sum + each, 0);
  return {
    group,
    leader: self,
    follows: follow,
    preferred,
    wanted: node,
    reason,
    ideal,
    rate: rounded(rate),
    origins: [...rates]
      .map(([origin, each]) => ({ node: origin, rate: rounded(each), share: rate === 0 ? 0 : each / rate }))
      .filter((origin) => origin.rate > 0)
      .sort((a, b) => b.rate - a.rate || a.node - b.node),
    costs: [...costs].map(([candidate, cost]) => ({ node: candidate, cost: rounded(cost) })),
    leadsForMilliseconds: Math.round(now - ledSince),
    decidedForMilliseconds: Math.round(now - since),
    restsForMilliseconds: Math.max(0, Math.round(restsUntil - now)),
    movesInMilliseconds: movesAt === null ? null : Math.max(0, Math.round(movesAt - now)),
  };
}

const rounded = (value: number): number => Math.round(value * 100) / 100;
