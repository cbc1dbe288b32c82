/** What a message in the hold-back queue waits for, for people. */
import type { Millis } from "../../core/machine.ts";
import type { Item, Member, Position } from "./messages.ts";
import type { Order } from "./options.ts";
import type { Sequence } from "./sequence.ts";

export type WaitingFor =
  /** An earlier message of the same publisher that is missing or waits itself. */
  | { readonly type: "predecessor"; readonly position: Position }
  /** A message that its publisher had delivered before it. */
  | { readonly type: "cause"; readonly position: Position }
  /** Its number in the total order. */
  | { readonly type: "sequencer"; readonly sequencer: Member }
  /** It has its number, but this one, with an earlier number, is not delivered. */
  | { readonly type: "turn"; readonly position: Position }
  /** The sequencer gives no number before the members agree on what those who have left had sent. */
  | { readonly type: "settlement" };

export interface HeldBack {
  readonly origin: Member;
  readonly number: number;
  /** For how long. */
  readonly milliseconds: Millis;
  readonly waitsFor: readonly WaitingFor[];
}

export interface Surroundings {
  readonly order: Order;
  find(position: Position): Sequence | undefined;
  readonly sequencer: Member | null;
  readonly reign: Sequence | undefined;
  readonly isSettled: boolean;
}

export function waitingFor(item: Item, sequence: Sequence, around: Surroundings): readonly WaitingFor[] {
  if (item.lane === "order") return [];
  const waits: WaitingFor[] = [];
  if (item.number > sequence.delivered + 1)
    waits.push({ type: "predecessor", position: { ...item.origin, number: item.number - 1 } });
  for (const cause of item.after) {
    const before = around.find(cause);
    if (before !== undefined && (before.start === null || before.delivered < cause.number))
      waits.push({ type: "cause", position: cause });
  }
  if (around.order !== "total") return waits;
  const next = nextPlace(around.reign);
  if (isPlaced(item, around.reign)) {
    if (next !== null && !isPlaceOf(next, item)) waits.push({ type: "turn", position: next });
  } else if (!around.isSettled) waits.push({ type: "settlement" });
  else if (around.sequencer !== null) waits.push({ type: "sequencer", sequencer: around.sequencer });
  return waits;
}

/** In words: "n2's #5 waits for n2's #4". */
export function describe({ origin, number, waitsFor }: HeldBack): string {
  return `n${origin.node}'s #${number} waits for ${waitsFor.map(inWords).join(" and ") || "nothing"}`;
}

function inWords(waits: WaitingFor): string {
  switch (waits.type) {
    case "predecessor":
      return `n${waits.position.node}'s #${waits.position.number}`;
    case "cause":
      return `n${waits.position.node}'s #${waits.position.number} by causality`;
    case "sequencer":
      return `a number from the sequencer n${waits.sequencer.node}`;
    case "turn":
      return `its turn after n${waits.position.node}'s #${waits.position.number}`;
    case "settlement":
      return "the settlement of the view";
  }
}

const isPlaceOf = (place: Position, { origin, number }: Item): boolean =>
  place.node === origin.node && place.since === origin.since && place.number === number;

function isPlaced(item: Item, reign: Sequence | undefined): boolean {
  if (reign === undefined) return false;
  for (const { item: order } of reign.kept.values())
    if (
      order.lane === "order" &&
      order.number > reign.delivered &&
      order.places.some((place) => isPlaceOf(place, item))
    )
      return true;
  return false;
}

function nextPlace(reign: Sequence | undefined): Position | null {
  const next = reign?.kept.get(reign.delivered + 1)?.item;
  if (reign === undefined || next === undefined || next.lane !== "order") return null;
  return next.places[reign.followed] ?? null;
}
