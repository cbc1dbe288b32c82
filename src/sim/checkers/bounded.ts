/** Bounded memory: gauges sampled during a run (queue lengths, bytes held) never exceed their limits. */
import { ACCEPTED, refused, undecided, type Refused, type Verdict } from "./verdict.ts";

export interface Sample {
  /** Milliseconds. */
  readonly time: number;
  readonly node: number | string;
  readonly gauge: string;
  readonly value: number;
}

export class BoundedChecker {
  readonly #limits: ReadonlyMap<string, number>;
  readonly #unseen: Set<string>;
  #refusal: Refused | null = null;

  /** The greatest value each gauge may have. */
  constructor(limits: Readonly<Record<string, number>>) {
    this.#limits = new Map(Object.entries(limits));
    this.#unseen = new Set(this.#limits.keys());
  }

  /** Gauges without a limit are passed over. Returns the refusal if this sample causes one. */
  observe(sample: Sample): Refused | null {
    const limit = this.#limits.get(sample.gauge);
    if (limit === undefined) return null;
    this.#unseen.delete(sample.gauge);
    // Not `>`: what is not a number is over the limit too.
    if (sample.value <= limit || this.#refusal !== null) return null;
    this.#refusal = refused(`${sample.gauge} exceeds its limit of ${limit}`, [
      `node ${sample.node} had ${sample.value} at ${sample.time} ms`,
    ]);
    return this.#refusal;
  }

  /** `unknown` when a limit was never compared with anything. */
  verdict(): Verdict {
    if (this.#refusal !== null) return this.#refusal;
    if (this.#unseen.size > 0) return undecided(`never sampled: ${[...this.#unseen].join(", ")}`);
    return ACCEPTED;
  }
}
