/** Checks the invariants of RECORDS.md on a shard in memory. */
import { expect } from "vitest";
import type { Shard } from "./data.testkit.ts";
import {
  elementCount,
  elementSpace,
  expireAt,
  expiryId,
  expirySpaceOf,
  isCollection,
  keySpaceOf,
} from "./header.ts";
import { decodeShardState } from "./shard-state.ts";

export function checkRecords({ records, machine }: Shard): void {
  const state = decodeShardState(machine.encodeMeta());
  const headers = [...(records.spaces.get(state.keySpace) ?? [])];
  const collections = headers.filter(([, header]) => isCollection(header));

  // R1: the expiry index holds exactly the keys that expire.
  const expiring = headers.filter(([, header]) => expireAt(header) !== 0);
  const index = [...(records.spaces.get(state.expirySpace)?.keys() ?? [])];
  expect(index.sort()).toEqual(expiring.map(([key, header]) => expiryId(expireAt(header), key)).sort());

  // R2: collections count their elements and are never empty.
  for (const [key, header] of collections) {
    expect([key, elementCount(header)]).toEqual([key, records.spaces.get(elementSpace(header))?.size]);
  }

  // R4: the meta counts the keys.
  expect([state.keys, state.collections]).toEqual([headers.length, collections.length]);

  // R5 (and R3, because two owners would make the numbers differ): nothing else is there.
  const garbage = state.garbage.map(({ epoch }) => keySpaceOf(epoch));
  const garbageHeaders = garbage.flatMap((space) => [...(records.spaces.get(space)?.values() ?? [])]);
  const owners = [...collections.map(([, header]) => header), ...garbageHeaders.filter(isCollection)];
  const elementSpaces = owners.map(elementSpace).filter((space) => !records.dropped.has(space));
  const known = [state.keySpace, expirySpaceOf(state.epoch), ...garbage, ...elementSpaces];
  expect(new Set(known).size).toBe(known.length);
  for (const space of records.spaces.keys()) expect(known).toContain(space);
}
