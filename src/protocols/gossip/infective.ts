/** A rumor that this site spreads, and what the present round has shown about it. */
import type { NodeId } from "../../core/ids.ts";
import type { Chance, Rumor, ToldRumor } from "./messages.ts";
import type { StopRule } from "./options.ts";

export interface Infective {
  readonly rumor: Rumor;
  /** Rounds since it began, along the path to this site and here. */
  age: number;
  /** Heard in the present round. A contact is judged on the state at the start of a round: it counts as unknown. */
  fresh: boolean;
  /** Wasted rounds in a row. */
  wasted: number;
  /** Of the present round: somebody needed it; somebody was told in vain (blind: somebody was told). */
  useful: boolean;
  vain: boolean;
  /** Who has said that it knows the rumor; null: nobody counts them. */
  readonly hearers: Set<NodeId> | null;
}

export function infective(rumor: Rumor, age: number, countHearers: boolean): Infective {
  const hearers = countHearers ? new Set<NodeId>() : null;
  return { rumor, age, fresh: true, wasted: 0, useful: false, vain: false, hearers };
}

/** Ends the round for this rumor. True: the site has lost interest. */
export function losesInterest(it: Infective, stop: StopRule, chance: Chance): boolean {
  const { useful, vain } = it;
  it.useful = false;
  it.vain = false;
  if (useful) {
    it.wasted = 0;
    return false;
  }
  if (!vain) return false;
  if (stop.by === "coin") return chance() * stop.k < 1;
  it.wasted += 1;
  return it.wasted >= stop.k;
}

export function told({ rumor, age }: Infective): ToldRumor {
  return { id: rumor.id, payload: rumor.payload, age };
}

/** What a rumor takes in a message, roughly: id and age besides the payload. */
export function weight({ rumor }: Infective): number {
  return rumor.payload.length + 2 * rumor.id.length + 8;
}
