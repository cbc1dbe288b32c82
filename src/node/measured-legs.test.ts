import { expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import type { RoundTrip } from "../core/merging.ts";
import { legsOf } from "./measured-legs.ts";

const trips = (peer: number, milliseconds: number, count = 100): readonly RoundTrip[] =>
  Array.from({ length: count }, () => ({ peer: nodeId(peer), milliseconds }));
const durable = Array.from({ length: 100 }, () => 3);

test("a read's round trip is halved, and the fastest one to a peer is what its acknowledgements take", () => {
  const reads = [...trips(2, 4), ...trips(2, 2, 1), ...trips(3, 8)];
  const legs = legsOf([{ durable, writes: [...trips(2, 10), ...trips(3, 10)], reads }], 2)!;
  expect(new Set(legs.read)).toEqual(new Set([2, 1, 4]));
  expect(legs.response).toEqual(legs.read);
  expect(new Set(legs.acknowledgement)).toEqual(new Set([1, 4]));
  expect(new Set(legs.write)).toEqual(new Set([9, 6]));
  expect(legs.durable).toEqual(durable);
});

test("no way takes less than no time", () => {
  const legs = legsOf([{ durable, writes: trips(2, 1), reads: trips(2, 6) }], 2)!;
  expect(new Set(legs.write)).toEqual(new Set([0]));
  expect(new Set(legs.acknowledgement)).toEqual(new Set([1]));
});

test("reads that ask nobody else need no samples, and then a write's round trip is all its way there", () => {
  const times = { durable, writes: trips(2, 5), reads: [] };
  expect(legsOf([times], 2)).toBeNull();
  expect(new Set(legsOf([times], 1)!.write)).toEqual(new Set([5]));
});

test("a few samples are none; those of several shards count together", () => {
  const half = { durable: durable.slice(50), writes: trips(2, 5, 50), reads: trips(2, 1, 50) };
  expect(legsOf([half], 2)).toBeNull();
  expect(legsOf([half, half], 2)).not.toBeNull();
});
