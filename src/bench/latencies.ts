/** Latencies in an HDR histogram: three significant figures from a nanosecond to an hour, in constant memory. */
import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { Millis } from "../core/machine.ts";

const NS_PER_MS = 1e6;
const LONGEST_NS = 3.6e12;

export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({ lowest: 1, highest: LONGEST_NS, figures: 3 });

  record(latency: Millis): void {
    this.#histogram.record(Math.min(LONGEST_NS, Math.max(1, Math.round(latency * NS_PER_MS))));
  }

  addAll(other: Latencies): void {
    this.#histogram.add(other.#histogram);
  }

  reset(): void {
    this.#histogram.reset();
  }

  get count(): number {
    return this.#histogram.count;
  }

  get min(): Millis {
    return this.#histogram.min / NS_PER_MS;
  }

  get max(): Millis {
    return this.#histogram.max / NS_PER_MS;
  }

  get mean(): Millis {
    return Math.round(this.#histogram.mean) / NS_PER_MS;
  }

  /** What `percent` of them do not exceed; more than 0, at most 100. */
  at(percent: number): Millis {
    return this.#histogram.percentile(percent) / NS_PER_MS;
  }
}
