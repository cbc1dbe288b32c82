/**
 * Range placement: contiguous ranges of keys that are split when they grow too large or too busy and merged when they and their
 * neighbour have become small (Bigtable, Chang et al. 2006, section 5; CockroachDB, Taft et al. 2020, section 2). Decisions
 * only: who carries them out moves the data. Keys are binary strings, compared in byte order.
 */

export interface RangeLoad {
  /** The first key. The first range starts at "", and each where the one before it ends. */
  readonly from: string;
  readonly bytes: number;
  /** Requests a second, smoothed by whoever counts them. */
  readonly load: number;
  /** The key that halves the bytes, and the one that halves the load, as far as they are known. */
  readonly middle: { readonly bytes: string | null; readonly load: string | null };
}

export interface RangeLimits {
  readonly maxBytes: number;
  readonly maxLoad: number;
  /** Neighbours merge when together they have at most this share of both limits: below 1, or a split would be undone. */
  readonly mergeShare: number;
}

export type RangeAction =
  | {
      readonly type: "split";
      readonly from: string;
      readonly at: string;
      readonly reason: "size" | "load";
    }
  /** The range at `from` takes in the one that starts at `next`. */
  | { readonly type: "merge"; readonly from: string; readonly next: string }
  /** Over a limit, and no key within it to split at: one key is too large or too busy. */
  | { readonly type: "stuck"; readonly from: string; readonly reason: "size" | "load" };

/** Which range a key is in. `ranges` are in order, and the first starts at "". */
export function rangeOf(ranges: readonly { readonly from: string }[], key: string): number {
  let low = 0;
  let high = ranges.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >>> 1;
    if (ranges[middle]!.from <= key) low = middle;
    else high = middle - 1;
  }
  return low;
}

/**
 * What should happen now, in the order of the keys; no range is in two actions. Carried out, none of them causes its opposite
 * as long as sizes and loads stay: a split leaves more than a merge would take, and a merge less than a limit.
 */
export function decideRanges(ranges: readonly RangeLoad[], limits: RangeLimits): readonly RangeAction[] {
  if (!(limits.mergeShare > 0 && limits.mergeShare < 1))
    throw new RangeError(`a merge share of ${limits.mergeShare}`);
  const actions: RangeAction[] = [];
  for (let at = 0; at < ranges.length; at++) {
    const range = ranges[at]!;
    const next = ranges[at + 1];
    const excess = splitOf(range, next?.from ?? null, limits);
    if (excess !== null) {
      actions.push(excess);
    } else if (next !== undefined && isSmall(range, next, limits)) {
      actions.push({ type: "merge", from: range.from, next: next.from });
      at++;
    }
  }
  return actions;
}

function splitOf(range: RangeLoad, end: string | null, limits: RangeLimits): RangeAction | null {
  const { from, bytes, load, middle } = range;
  const reason = bytes > limits.maxBytes ? "size" : load > limits.maxLoad ? "load" : null;
  if (reason === null) return null;
  const at = reason === "size" ? middle.bytes : middle.load;
  const isInside = at !== null && at > from && (end === null || at < end);
  return isInside ? { type: "split", from, at, reason } : { type: "stuck", from, reason };
}

function isSmall(a: RangeLoad, b: RangeLoad, { maxBytes, maxLoad, mergeShare }: RangeLimits): boolean {
  return a.bytes + b.bytes <= maxBytes * mergeShare && a.load + b.load <= maxLoad * mergeShare;
}
