/**
 * Zipf's law: of n items, the k-th most popular is drawn with a probability proportional to 1 / k^exponent. By rejection-inversion
 * (Hörmann and Derflinger, "Rejection-inversion to generate variates from monotone discrete distributions", 1996), which is exact,
 * needs no table and a little more than one draw on average.
 */
import type { Chance } from "./chance.ts";

export class Zipf {
  readonly #items: number;
  readonly #exponent: number;
  readonly #chance: Chance;
  /** The area under the hat from the first item to the last. */
  readonly #from: number;
  readonly #to: number;
  /** Up to so far from an item, a draw is accepted without a further look. */
  readonly #squeeze: number;

  /** `exponent` is more than 0 and not 1. */
  constructor(items: number, exponent: number, chance: Chance) {
    this.#items = items;
    this.#exponent = exponent;
    this.#chance = chance;
    this.#from = this.#area(1.5) - 1;
    this.#to = this.#area(items + 0.5);
    this.#squeeze = 2 - this.#inverse(this.#area(2.5) - this.#weight(2));
  }

  /** A rank from 0, the most popular. */
  next(): number {
    for (;;) {
      const drawn = this.#to + this.#chance.next() * (this.#from - this.#to);
      const x = this.#inverse(drawn);
      const item = Math.min(this.#items, Math.max(1, Math.round(x)));
      if (item - x <= this.#squeeze || drawn >= this.#area(item + 0.5) - this.#weight(item)) return item - 1;
    }
  }

  #weight(x: number): number {
    return x ** -this.#exponent;
  }

  /** The integral of the weight, up to a constant. */
  #area(x: number): number {
    return (x ** (1 - this.#exponent) - 1) / (1 - this.#exponent);
  }

  #inverse(area: number): number {
    return (1 + area * (1 - this.#exponent)) ** (1 / (1 - this.#exponent));
  }
}
