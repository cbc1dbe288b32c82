/**
 * What becomes of the messages of members that have left. What the members of a view have of them, together, is all that there ever will
 * be: after a member has taken the view it accepts messages only from members, and says what it has in every status. So all
 * members come to the same end, whoever heard what.
 */
import type { Position, Receipt } from "./messages.ts";
import type { Sequence } from "./sequence.ts";

export interface Settlement {
  /** The last message of each. */
  readonly ends: ReadonlyMap<Sequence, number>;
  /** What lies before it, and nobody has. */
  readonly holes: ReadonlyMap<Sequence, readonly number[]>;
}

/**
 * `departed`: sequences without an end. `receiptsOf`: what the others of the view have said of one, in this view. Null while something that
 * another one has is missing here: a repair brings it. `find` finds the sequence that a position is of.
 */
export function settle(
  departed: readonly Sequence[],
  receiptsOf: (sequence: Sequence) => readonly Receipt[],
  inOrder: boolean,
  find: (position: Position) => Sequence | undefined,
): Settlement | null {
  const ends = new Map<Sequence, number>();
  const holes = new Map<Sequence, readonly number[]>();
  for (const sequence of departed) {
    const known = knownOf(sequence, receiptsOf(sequence), inOrder);
    if (known === null) return null;
    ends.set(sequence, known.end);
    holes.set(sequence, known.holes);
  }
  while (truncate(ends, find));
  return { ends, holes };
}

/** In an order, nothing behind a lost message can be delivered; without one, everything that somebody has. */
function knownOf(
  sequence: Sequence,
  receipts: readonly Receipt[],
  inOrder: boolean,
): { readonly end: number; readonly holes: readonly number[] } | null {
  const mine = sequence.receipt();
  const all = [mine, ...receipts];
  const isKnown = (number: number) => all.some((it) => covers(it, number));
  const last = Math.max(...all.map(({ have, beyond }) => beyond.at(-1) ?? have));
  const holes: number[] = [];
  let end = Math.min(...all.map(({ have }) => have));
  for (let number = end + 1; number <= last; number++) {
    if (isKnown(number)) {
      if (!sequence.has(number)) return null;
      end = number;
    } else if (inOrder) break;
    else if (number > mine.start) holes.push(number);
  }
  return { end: Math.max(end, mine.start), holes: holes.filter((number) => number < end) };
}

const covers = ({ start, have, beyond, holes }: Receipt, number: number): boolean =>
  (number > start && number <= have && !holes.includes(number)) || beyond.includes(number);

/** A message that comes after a lost one in causal order is lost with it. True if there was such a one. */
function truncate(ends: Map<Sequence, number>, find: (position: Position) => Sequence | undefined): boolean {
  for (const [sequence, end] of ends) {
    for (let number = sequence.delivered + 1; number <= end; number++) {
      const item = sequence.kept.get(number)?.item;
      if (item === undefined || item.lane === "order") continue;
      const isOrphan = item.after.some((cause) => {
        const before = find(cause);
        if (before === undefined) return false;
        const last = ends.get(before) ?? before.end;
        return last !== null && cause.number > last;
      });
      if (!isOrphan) continue;
      ends.set(sequence, number - 1);
      return true;
    }
  }
  return false;
}
