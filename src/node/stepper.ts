/**
 * Steps one protocol machine of any kind: one input at a time, its effects run before the next (rule H1), those that wait for a
 * write held until that is durable (H3). A broken invariant or an unreadable disk ends this machine, and only this one.
 */
import { InvariantError } from "../core/assert.ts";
import { CodecError } from "../core/bytes.ts";
import type { WriteId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import { type Clock, DiskError } from "../core/world.ts";

interface AnyEffect {
  readonly after?: WriteId;
}

export interface StepperHost<Effect> {
  readonly clock: Clock;
  /** Carries out what is not held any more. */
  run(effect: Effect): void;
  /** The machine has taken a step. */
  stepped(): void;
  failed(error: Error): void;
}

export class Stepper<Input, Effect extends object> {
  readonly #machine: { step(now: Millis, input: Input): readonly Effect[] };
  readonly #host: StepperHost<Effect>;
  readonly #inputs: Input[] = [];
  #held: { readonly after: WriteId; readonly effect: Effect }[] = [];
  #persistedUpTo = 0 as WriteId;
  #stepping = false;
  #stopped = false;

  constructor(machine: { step(now: Millis, input: Input): readonly Effect[] }, host: StepperHost<Effect>) {
    this.#machine = machine;
    this.#host = host;
  }

  /** What a callback asks of the machine while the effects of a step are being run waits until they are. */
  step(input: Input): void {
    if (this.#stopped) return;
    if (this.#stepping) {
      this.#inputs.push(input);
      return;
    }
    this.#stepping = true;
    this.guard(() => {
      this.#stepOnce(input);
      for (let next = this.#inputs.shift(); next !== undefined; next = this.#inputs.shift())
        this.#stepOnce(next);
    });
    this.#stepping = false;
  }

  /** Everything up to this write is durable: runs what was held for it. */
  release(upTo: WriteId): void {
    if (this.#stopped) return;
    this.#persistedUpTo = upTo;
    let released = 0;
    while (released < this.#held.length && this.#held[released]!.after <= upTo) {
      this.#host.run(this.#held[released]!.effect);
      released++;
    }
    if (released > 0) this.#held = this.#held.slice(released);
  }

  /** Runs work that may meet a broken invariant or an unreadable disk. */
  guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (!(error instanceof InvariantError || error instanceof DiskError || error instanceof CodecError))
        throw error;
      this.#host.failed(error);
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#held = [];
    this.#inputs.length = 0;
  }

  #stepOnce(input: Input): void {
    if (this.#stopped) return;
    const effects = this.#machine.step(this.#host.clock.now(), input);
    this.#host.stepped();
    for (const effect of effects) {
      const { after } = effect as AnyEffect;
      if (after !== undefined && after > this.#persistedUpTo) this.#held.push({ after, effect });
      else this.#host.run(effect);
    }
  }
}
