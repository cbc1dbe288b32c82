/**
 * When requests are due in an open loop. The schedule knows nothing of answers: a cluster that stalls does not stop its users from
 * coming, and what they wait counts.
 */
import type { Millis } from "../core/machine.ts";
import type { Chance } from "./chance.ts";
import type { ArrivalKind } from "./settings.ts";

export interface Arrivals {
  /** When the next request is due. */
  readonly due: Millis;
  /** It was sent: the one after it is next. */
  advance(): void;
}

export interface ArrivalOptions {
  /** A second. */
  readonly rate: number;
  readonly start: Millis;
  readonly chance: Chance;
}

export function arrivalsOf(kind: ArrivalKind, options: ArrivalOptions): Arrivals {
  return kind === "poisson" ? new PoissonArrivals(options) : new ConstantArrivals(options);
}

/** At equal distances. */
class ConstantArrivals implements Arrivals {
  readonly #start: Millis;
  readonly #rate: number;
  #count = 0;

  constructor({ rate, start }: ArrivalOptions) {
    this.#start = start;
    this.#rate = rate;
  }

  /** Not a sum of distances, whose rounding errors would add up. */
  get due(): Millis {
    return this.#start + (this.#count * 1_000) / this.#rate;
  }

  advance(): void {
    this.#count++;
  }
}

/** As independent users come: a Poisson process, whose distances are exponentially distributed. */
class PoissonArrivals implements Arrivals {
  readonly #mean: Millis;
  readonly #chance: Chance;
  due: Millis;

  constructor({ rate, start, chance }: ArrivalOptions) {
    this.#mean = 1_000 / rate;
    this.#chance = chance;
    this.due = start;
    this.advance();
  }

  advance(): void {
    this.due -= this.#mean * Math.log(1 - this.#chance.next());
  }
}
