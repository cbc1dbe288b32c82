/** Counts of latencies in microseconds, within 1.1% of each: 64 buckets for every doubling. */
const PER_DOUBLING = 64;
const BUCKETS = 40 * PER_DOUBLING;

export class Histogram {
  #counts = new Uint32Array(BUCKETS);
  #total = 0;
  #max = 0;

  record(microseconds) {
    const bucket = microseconds <= 1 ? 0 : Math.floor(Math.log2(microseconds) * PER_DOUBLING);
    this.#counts[Math.min(bucket, BUCKETS - 1)]++;
    this.#total++;
    if (microseconds > this.#max) this.#max = microseconds;
  }

  /** What `add` of another histogram takes, also from another process. */
  export() {
    return { counts: Array.from(this.#counts), max: this.#max };
  }

  add({ counts, max }) {
    for (const [i, count] of counts.entries()) {
      this.#counts[i] += count;
      this.#total += count;
    }
    this.#max = Math.max(this.#max, max);
  }

  percentile(share) {
    let left = Math.ceil(this.#total * share);
    for (let i = 0; i < BUCKETS; i++) {
      left -= this.#counts[i];
      if (left <= 0 && this.#counts[i] > 0) return Math.min(2 ** ((i + 0.5) / PER_DOUBLING), this.#max);
    }
    return this.#max;
  }

  summary() {
    const at = (share) => this.percentile(share);
    return { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: this.#max };
  }
}
