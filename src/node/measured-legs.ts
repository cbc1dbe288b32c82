/**
 * From what a coordinator has measured to the legs that the staleness of a quorum is estimated from (protocols/quorum/staleness.ts).
 *
 * A coordinator sees round trips and not their halves. So it is assumed, and no more than that:
 *  - a read's question and its answer take the same time: R = S = half of its round trip;
 *  - an acknowledgement takes half of the fastest read's round trip to that peer, as it waits for nothing but the network, and the
 *    rest of a write's round trip is its way there, with the sync: W = round trip - A, and never less than 0. Without such a read
 *    A = 0. A replica then counts as later than it is, and reads as staler, rather than the other way round;
 *  - the coordinator itself has the write after its own sync, and asks itself in no time.
 */
import type { Millis } from "../core/machine.ts";
import type { OperationTimes, RoundTrip } from "../core/merging.ts";
import type { MeasuredLegs } from "./explain.ts";

/** Fewer samples than this say nothing about one operation in a hundred. */
const ENOUGH = 100;

/** `r`: reads that ask nobody else need not have been measured. Null: there are not enough samples yet. */
export function legsOf(times: readonly OperationTimes[], r: number): MeasuredLegs | null {
  const durable = times.flatMap((each) => each.durable);
  const writes = times.flatMap((each) => each.writes);
  const reads = times.flatMap((each) => each.reads);
  if (durable.length < ENOUGH || writes.length < ENOUGH) return null;
  if (reads.length < ENOUGH && r > 1) return null;
  const fastest = fastestOf(reads);
  const acknowledgements = writes.map(({ peer, milliseconds }) =>
    Math.min(milliseconds, (fastest.get(peer) ?? 0) / 2),
  );
  const halves = reads.map(({ milliseconds }) => milliseconds / 2);
  // Nobody else is asked where r = 1: whatever these legs are, they do not count.
  const asked = halves.length === 0 ? [0] : halves;
  return {
    write: writes.map(({ milliseconds }, i) => milliseconds - acknowledgements[i]!),
    acknowledgement: acknowledgements,
    read: asked,
    response: asked,
    durable,
  };
}

function fastestOf(trips: readonly RoundTrip[]): ReadonlyMap<number, Millis> {
  const fastest = new Map<number, Millis>();
  for (const { peer, milliseconds } of trips)
    fastest.set(peer, Math.min(milliseconds, fastest.get(peer) ?? milliseconds));
  return fastest;
}
