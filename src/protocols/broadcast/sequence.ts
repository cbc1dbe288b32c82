/** The messages of one lane of one member, as one member sees them. */
import type { Millis } from "../../core/machine.ts";
import type { Item, Lane, Member, Receipt } from "./messages.ts";

export interface Kept {
  readonly item: Item;
  /** When it came. */
  readonly at: Millis;
}

export const sameMember = (a: Member, b: Member): boolean => a.node === b.node && a.since === b.since;

export const sequenceKey = (origin: Member, lane: Lane): string => `${origin.node}.${origin.since}.${lane}`;

export class Sequence {
  readonly origin: Member;
  readonly lane: Lane;
  /** This member takes part from behind this number on; null while it does not know from where. */
  start: number | null = null;
  /** Received, or given up, up to here without a gap, */
  have = 0;
  /** and these behind the gap. */
  readonly beyond = new Set<number>();
  /** Delivered or passed over up to here; for the order lane: followed. */
  delivered = 0;
  /** Every member has delivered them up to here, as far as is known here. */
  stable = 0;
  /** What is not delivered yet, and in reliable broadcast also what is not stable yet. */
  readonly kept = new Map<number, Kept>();
  /** Its origin is not in the present view. */
  departed = false;
  /** Its last message, once the members agree on it after it departed. */
  end: number | null = null;
  /** Without an order: before the end, and nobody has them. */
  readonly holes = new Set<number>();
  /** How many places of the next order message have been followed. */
  followed = 0;

  constructor(origin: Member, lane: Lane, start: number | null) {
    this.origin = origin;
    this.lane = lane;
    if (start !== null) this.begin(start);
  }

  /** Everything up to `number` was before this member took part. Never goes back. */
  begin(number: number): void {
    this.start = Math.max(this.start ?? 0, number);
    this.delivered = Math.max(this.delivered, number);
    this.stable = Math.max(this.stable, number);
    this.giveUp(number);
    for (const one of this.kept.keys()) if (one <= number) this.kept.delete(one);
  }

  has(number: number): boolean {
    return number <= this.have || this.beyond.has(number);
  }

  take(item: Item, at: Millis): void {
    this.kept.set(item.number, { item, at });
    this.beyond.add(item.number);
    this.#close();
  }

  /** What is not here up to `number` is not waited for any more. */
  giveUp(number: number): void {
    this.have = Math.max(this.have, number);
    this.#close();
  }

  /** Nobody will ever know more of it than what is up to `end` and here. */
  seal(end: number): void {
    this.end = end;
    this.have = end;
    this.beyond.clear();
    for (const number of this.kept.keys()) if (number > end) this.kept.delete(number);
  }

  /** The highest number that was seen. */
  get last(): number {
    return Math.max(this.have, ...this.beyond);
  }

  /** The first message that came and is not delivered. */
  firstHeld(): Kept | null {
    let first: Kept | null = null;
    for (const kept of this.kept.values()) {
      if (kept.item.number <= this.delivered) continue;
      if (first === null || kept.item.number < first.item.number) first = kept;
    }
    return first;
  }

  receipt(): Receipt {
    const { origin, lane, start, delivered, have } = this;
    const beyond = [...this.beyond].sort((a, b) => a - b);
    return { origin, lane, start: start ?? 0, delivered, have, beyond, holes: [...this.holes] };
  }

  #close(): void {
    for (const number of this.beyond) if (number <= this.have) this.beyond.delete(number);
    while (this.beyond.delete(this.have + 1)) this.have += 1;
  }
}
