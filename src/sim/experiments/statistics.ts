/** Of a list of numbers, not empty. */
export interface Sample {
  readonly sorted: readonly number[];
  readonly mean: number;
}

export function sample(values: readonly number[]): Sample {
  if (values.length === 0) throw new RangeError("a sample of nothing");
  const sum = values.reduce((total, value) => total + value, 0);
  return { sorted: [...values].sort((a, b) => a - b), mean: sum / values.length };
}

/** The smallest value that at least this share of the sample does not exceed. */
export function quantile({ sorted }: Sample, share: number): number {
  const rank = Math.ceil(share * sorted.length - 1e-9);
  return sorted[Math.min(sorted.length, Math.max(1, rank)) - 1]!;
}

/** The share of the sample that does not exceed `limit`. */
export function shareUpTo({ sorted }: Sample, limit: number): number {
  const first = sorted.findIndex((value) => value > limit);
  return (first === -1 ? sorted.length : first) / sorted.length;
}
