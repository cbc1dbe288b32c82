import type { NodeId } from "../core/ids.ts";
import type { Random } from "../core/world.ts";

/**
 * Randomised round-robin (SWIM, section 4.3): everybody is probed once in each pass, in an order that is drawn anew for each,
 * so that a crash is noticed within two passes at the latest. A new member gets a random place in the pass under way.
 */
export class Rounds {
  readonly #random: Pick<Random, "next">;
  readonly #order: NodeId[] = [];
  #at = 0;

  constructor(random: Pick<Random, "next">) {
    this.#random = random;
  }

  get size(): number {
    return this.#order.length;
  }

  add(id: NodeId): void {
    const place = this.#below(this.#order.length + 1);
    this.#order.splice(place, 0, id);
    if (place < this.#at) this.#at++;
  }

  remove(id: NodeId): void {
    const place = this.#order.indexOf(id);
    if (place === -1) return;
    this.#order.splice(place, 1);
    if (place < this.#at) this.#at--;
  }

  /** Null: there is nobody. */
  next(): NodeId | null {
    if (this.#at >= this.#order.length) {
      this.#shuffle(this.#order);
      this.#at = 0;
    }
    return this.#order[this.#at++] ?? null;
  }

  /** Up to `count` of them at random, without `except`. */
  some(count: number, except: NodeId | null): readonly NodeId[] {
    const others = this.#order.filter((id) => id !== except);
    for (let i = 0; i < Math.min(count, others.length - 1); i++) {
      const other = i + this.#below(others.length - i);
      [others[i], others[other]] = [others[other]!, others[i]!];
    }
    return others.slice(0, count);
  }

  #shuffle(items: NodeId[]): void {
    for (let i = items.length - 1; i > 0; i--) {
      const other = this.#below(i + 1);
      [items[i], items[other]] = [items[other]!, items[i]!];
    }
  }

  #below(limit: number): number {
    return Math.floor(this.#random.next() * limit);
  }
}
