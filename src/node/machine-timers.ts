import type { Millis } from "../core/machine.ts";
import type { Clock, Random, TimerHandle } from "../core/world.ts";
import type { Pulse } from "./pulse.ts";

/** What is left of a delay may be a rounding error that no clock ever passes: a timer takes at least this long. */
const SHORTEST_TIMER_MS = 1;

/** The timers of one machine, by name: setting one replaces it, the host draws its delay (rule H6 of core/machine.ts). */
export class MachineTimers<Name extends string> {
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #pulses: ReadonlyMap<string, Pulse>;
  readonly #fired: (name: Name) => void;
  readonly #timers = new Map<Name, TimerHandle>();

  /** Timers whose name is in `pulses` fire with those of the other machines. */
  constructor(clock: Clock, random: Random, pulses: ReadonlyMap<string, Pulse>, fired: (name: Name) => void) {
    this.#clock = clock;
    this.#random = random;
    this.#pulses = pulses;
    this.#fired = fired;
  }

  set(name: Name, min: Millis, max: Millis): void {
    this.#timers.get(name)?.cancel();
    const delay = Math.max(SHORTEST_TIMER_MS, min + (max - min) * this.#random.next());
    const fire = (): void => {
      this.#timers.delete(name);
      this.#fired(name);
    };
    const pulse = this.#pulses.get(name);
    this.#timers.set(name, pulse?.join(delay, fire) ?? this.#clock.setTimer(delay, fire));
  }

  cancel(name: Name): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }

  cancelAll(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
