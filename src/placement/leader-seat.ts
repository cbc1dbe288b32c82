/**
 * When a shard's leadership moves to where it should be (leader-choice.ts): only after that has been so for a while, and not soon after it
 * has moved because of requests before. Each node keeps a seat for every shard that it has led.
 *
 *   leads --look--> the choice is another node --(sustained)--> due --moved--> leads no more, remembers that it gave away
 *                   the choice changes: it begins anew
 *
 * Whoever has got a leadership keeps it for a cool-down. A node that gives the same leadership away again waits twice as long as the last
 * time, so that load which wanders between two front ends moves it ever more seldom.
 */
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import { DecayingRates } from "./decaying-rates.ts";
import {
  CHOICE_RULES,
  type ChoiceRules,
  type LeaderChoice,
  type LeaderReason,
  type LeaderView,
  chooseLeader,
} from "./leader-choice.ts";

export interface SeatRules extends ChoiceRules {
  /** After this time a request counts half. */
  readonly halfLife: Millis;
  /** So long have requests to be clearly nearer to another node before it gets the leadership. */
  readonly sustained: Millis;
  /** So long has the preferred node to be fit before it gets the leadership. */
  readonly preferredAfter: Millis;
  /** So long a leadership that requests hold here stays after they have become too few. */
  readonly lingering: Millis;
  /** A new leader does not give way because of requests for so long; twice as long with each time that it does, up to `longestCoolDown`. */
  readonly coolDown: Millis;
  readonly longestCoolDown: Millis;
  /** Gave the leadership away longer ago than that: the cool-down begins anew. More than twice `longestCoolDown`. */
  readonly forgotten: Millis;
  /** A hand-over that did not happen is tried again after so long. */
  readonly retryAfter: Millis;
}

export const SEAT_RULES: SeatRules = {
  ...CHOICE_RULES,
  halfLife: 5000,
  sustained: 3000,
  preferredAfter: 2000,
  lingering: 30_000,
  coolDown: 10_000,
  longestCoolDown: 300_000,
  forgotten: 900_000,
  retryAfter: 5000,
};

/** `lingering`: it stays for now, as requests held it here until lately. */
export type SeatReason = LeaderReason | "lingering";

export interface SeatDecision extends Omit<LeaderChoice, "reason"> {
  readonly reason: SeatReason;
  /** The choice is the same since then. */
  readonly since: Millis;
  /** This node leads since then. */
  readonly ledSince: Millis;
  /** Before then the leadership does not move because of requests; one that lingers does not move at all. */
  readonly restsUntil: Millis;
  /** When the leadership moves if nothing changes; null: it stays. */
  readonly movesAt: Millis | null;
  /** Requests a second that come in through each node. */
  readonly rates: ReadonlyMap<NodeId, number>;
}

type Look = Omit<LeaderView, "rates">;

export class LeaderSeat {
  readonly #rules: SeatRules;
  #reign: Reign | null = null;
  /** When this node last gave the leadership away because of requests, and which cool-down it had kept. */
  #gave: { readonly at: Millis; readonly coolDown: Millis } | null = null;

  constructor(rules: SeatRules = SEAT_RULES) {
    this.#rules = rules;
  }

  /** While this node leads, every so often. `counts`: requests through each node since the last look. */
  look(now: Millis, counts: ReadonlyMap<NodeId, number>, view: Look): SeatDecision {
    const reign = (this.#reign ??= new Reign(now, view.self, this.#rules.halfLife));
    reign.rates.add(now, counts);
    const rates = reign.rates.rates();
    const choice = this.#linger(now, reign, chooseLeader({ ...view, rates }, this.#rules));
    if (!isSame(choice, reign.choice)) reign.since = now;
    reign.choice = choice;
    const restsUntil =
      choice.reason === "lingering"
        ? reign.heldAt! + this.#rules.lingering
        : reign.ledSince + this.#coolDown(now);
    return {
      ...choice,
      since: reign.since,
      ledSince: reign.ledSince,
      restsUntil,
      movesAt: choice.node === view.self ? null : this.#movesAt(reign, choice, restsUntil),
      rates,
    };
  }

  /** A hand-over is asked for. */
  tried(now: Millis): void {
    if (this.#reign !== null) this.#reign.triedAt = now;
  }

  /** It has happened, and requests had a say in it. */
  gaveAway(now: Millis): void {
    this.#gave = { at: now, coolDown: this.#coolDown(now) };
  }

  /** This node does not lead. */
  vacate(): void {
    this.#reign = null;
  }

  #linger(now: Millis, reign: Reign, choice: LeaderChoice): Chosen {
    const isHeld = choice.reason === "near" && choice.costs.size > 0;
    if (isHeld) reign.heldAt = now;
    const until = (reign.heldAt ?? -Infinity) + this.#rules.lingering;
    const isIdle = choice.reason === "preferred" && choice.costs.size === 0;
    if (!isIdle || choice.node === reign.self || now >= until) return choice;
    return { ...choice, node: reign.self, reason: "lingering" };
  }

  #movesAt(reign: Reign, { costs }: Chosen, restsUntil: Millis): Millis {
    const { sustained, preferredAfter, retryAfter } = this.#rules;
    const again = reign.triedAt === null ? -Infinity : reign.triedAt + retryAfter;
    // While load wanders from one node to the other there is a moment in which both are as good.
    return costs.size > 0
      ? Math.max(reign.since + sustained, restsUntil, again)
      : Math.max(reign.since + preferredAfter, again);
  }

  #coolDown(now: Millis): Millis {
    const { coolDown, longestCoolDown, forgotten } = this.#rules;
    if (this.#gave === null || now - this.#gave.at > forgotten) return coolDown;
    return Math.min(longestCoolDown, 2 * this.#gave.coolDown);
  }
}

type Chosen = Omit<LeaderChoice, "reason"> & { readonly reason: SeatReason };

/** A node under load may be behind for a moment, and gets the leadership all the same; the preferred one must be fit without a break. */
const isSame = (one: Chosen, other: Chosen): boolean =>
  one.ideal === other.ideal && (one.node === other.node || one.costs.size > 0);

/** One uninterrupted leadership of this node. */
class Reign {
  readonly self: NodeId;
  readonly ledSince: Millis;
  readonly rates: DecayingRates;
  choice: Chosen;
  since: Millis;
  /** When requests last held the leadership here. */
  heldAt: Millis | null = null;
  triedAt: Millis | null = null;

  constructor(now: Millis, self: NodeId, halfLife: Millis) {
    this.self = self;
    this.ledSince = now;
    this.since = now;
    this.rates = new DecayingRates(now, halfLife);
    this.choice = { node: self, reason: "near", ideal: self, costs: new Map() };
  }
}
