/**
 * Probabilistically bounded staleness (Bailis et al. 2012): how likely a read of R of N replicas sees a write that W of them
 * acknowledged t milliseconds before, and how long both take. By drawing (section 5, Monte Carlo), from the WARS model:
 *
 * ```
 *   coordinator   replica          coordinator   replica
 *      | -- W ------> |                | -- R ------> |     the write is done when W acknowledgements are there,
 *      | <------ A -- |                | <------ S -- |     the read when R responses are; t lies in between
 * ```
 *
 * A response is fresh if the write had reached its replica before the read did. Read repair, hints and anti-entropy only make
 * things better, failures of replicas worse: neither is in the model.
 */
import type { Millis } from "../../core/machine.ts";

/** Draw the time of one leg to or from one replica. */
export interface Legs {
  readonly write: () => Millis;
  readonly acknowledgement: () => Millis;
  readonly read: () => Millis;
  readonly response: () => Millis;
  /** Where coordinators are replicas themselves; left out: there are none of the N among them, as in the paper. */
  readonly coordinator?: Coordinator;
}

/** A write is on the disk of its coordinator before it is sent to the others. The coordinator of a read asks itself in no time. */
export interface Coordinator {
  readonly durable: () => Millis;
  /** Uniform in [0, 1): which of the replicas the reader has asked. The writer is one of them, always the same. */
  readonly reader: () => number;
}

export interface QuorumSizes {
  readonly n: number;
  readonly r: number;
  readonly w: number;
}

export class StalenessEstimate {
  readonly #reads: Float64Array;
  readonly #writes: Float64Array;
  /** Of each trial: how long after the write a read must start to see it. */
  readonly #waits: Float64Array;

  /** From trials; their order does not matter. */
  constructor(reads: Float64Array, writes: Float64Array, waits: Float64Array) {
    this.#reads = reads.sort();
    this.#writes = writes.sort();
    this.#waits = waits.sort();
  }

  /** Milliseconds that this share of the reads does not exceed. */
  readLatency(share: number): Millis {
    return quantile(this.#reads, share);
  }

  writeLatency(share: number): Millis {
    return quantile(this.#writes, share);
  }

  /** The probability that a read sees a write that was acknowledged `after` milliseconds before the read starts. */
  consistent(after: Millis): number {
    let [low, high] = [0, this.#waits.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#waits[middle]! <= after) low = middle + 1;
      else high = middle;
    }
    return low / this.#waits.length;
  }

  /** Milliseconds after the acknowledgement from which on this share of the reads sees the write; 0: at once. */
  consistentFrom(share: number): Millis {
    return Math.max(0, quantile(this.#waits, share));
  }
}

/** Throws `RangeError` unless 1 ≤ r, w ≤ n and there is a trial. */
export function estimateStaleness(legs: Legs, sizes: QuorumSizes, trials: number): StalenessEstimate {
  const { n, r, w } = sizes;
  if (![n, r, w, trials].every((count) => Number.isInteger(count) && count >= 1) || r > n || w > n)
    throw new RangeError(`n=${n} r=${r} w=${w}, ${trials} trials`);
  const reads = new Float64Array(trials);
  const writes = new Float64Array(trials);
  const waits = new Float64Array(trials);
  for (let trial = 0; trial < trials; trial++) {
    const first = legs.coordinator?.durable() ?? 0;
    const reader = legs.coordinator === undefined ? -1 : Math.floor(legs.coordinator.reader() * n);
    const isWriter = (replica: number): boolean => legs.coordinator !== undefined && replica === 0;
    const arrivals = Array.from({ length: n }, (_, i) => first + (isWriter(i) ? 0 : legs.write()));
    const done = arrivals
      .map((arrival, i) => arrival + (isWriter(i) ? 0 : legs.acknowledgement()))
      .sort(ascending)[w - 1]!;
    const responses = arrivals
      .map((arrival, i) => {
        const request = i === reader ? 0 : legs.read();
        const response = i === reader ? 0 : legs.response();
        // Its own answer is there before any other, however fast that is.
        return { after: i === reader ? -1 : request + response, wait: arrival - done - request };
      })
      .sort((a, b) => a.after - b.after)
      .slice(0, r);
    writes[trial] = done;
    reads[trial] = Math.max(0, responses.at(-1)!.after);
    waits[trial] = Math.min(...responses.map(({ wait }) => wait));
  }
  return new StalenessEstimate(reads, writes, waits);
}

/** Draws from what was measured, each value as likely as the others. `random`: uniform in [0, 1). */
export function drawFrom(samples: readonly Millis[], random: () => number): () => Millis {
  if (samples.length === 0) throw new RangeError("no samples to draw from");
  return () => samples[Math.floor(random() * samples.length)]!;
}

function ascending(a: number, b: number): number {
  return a - b;
}

function quantile(sorted: Float64Array, share: number): number {
  const rank = Math.ceil(share * sorted.length - 1e-9);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1]!;
}
