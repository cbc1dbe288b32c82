/**
 * Random elements of a collection, for SPOP, SRANDMEMBER, HRANDFIELD and RANDOMKEY.
 *
 * Up to SMALL elements: exactly uniform. Above that only a window is loaded, of neighbours in byte order from a random
 * place on, and the choice is uniform within it. A place is random bytes, so elements after a wide gap are favoured: where
 * all share a prefix ("user:1", "user:2", …) the window is nearly always the first elements. That is the price of never
 * loading a collection of millions for one member.
 */
import type { LoadedRange, RangeRequest } from "../core/records.ts";

/** Up to this many elements all of them are loaded. */
export const SMALL = 1000;

type Entry = LoadedRange["entries"][number];
type Random = () => number;

/** What to load of a space with `size` elements so that `wanted` distinct ones can be chosen. */
export function sampleRanges(
  space: string,
  size: number,
  wanted: number,
  random: Random,
): readonly RangeRequest[] {
  if (size <= SMALL || wanted >= size) return [{ space, from: "", limit: size }];
  const limit = Math.max(SMALL, wanted);
  const place = String.fromCharCode(...Array.from({ length: 4 }, () => Math.floor(random() * 256)));
  // The second one goes on from the start when the first one meets the end.
  return [
    { space, from: place, limit },
    { space, from: "", limit },
  ];
}

/** What `sampleRanges` loaded, as one list of distinct entries. */
export function sampleOf(loaded: readonly LoadedRange[]): readonly Entry[] {
  const [window, start] = loaded;
  if (window === undefined) return [];
  if (start === undefined || window.more) return window.entries;
  const first = window.entries[0]?.id;
  return [...window.entries, ...start.entries.filter(({ id }) => first === undefined || id < first)];
}

/** Undefined only from nothing. */
export function chooseOne<T>(from: readonly T[], random: Random): T | undefined {
  return from[Math.floor(random() * from.length)];
}

/** `count` different ones in random order (Fisher and Yates), or all of them in their own order. */
export function chooseDistinct<T>(from: readonly T[], count: number, random: Random): readonly T[] {
  if (count >= from.length) return from;
  const shuffled = [...from];
  for (let i = 0; i < count; i++) {
    const j = i + Math.floor(random() * (shuffled.length - i));
    [shuffled[i], shuffled[j]] = [shuffled[j]!, shuffled[i]!];
  }
  return shuffled.slice(0, count);
}

/** `count` independent choices. */
export function chooseRepeatedly<T>(from: readonly T[], count: number, random: Random): readonly T[] {
  return from.length === 0 ? [] : Array.from({ length: count }, () => chooseOne(from, random)!);
}
