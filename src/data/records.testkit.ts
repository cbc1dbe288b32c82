/** Checks the invariants of RECORDS.md on a shard in memory. */
import { expect } from "vitest";
import { ByteReader } from "../core/bytes.ts";
import type { Shard } from "./data.testkit.ts";
import { SESSION_WINDOW } from "./delivery.ts";
import {
  copyOf,
  elementCount,
  elementSpace,
  expireAt,
  expiryId,
  expirySpaceOf,
  isCollection,
  keySpaceOf,
  u64,
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

  // R6: sessions and idempotency keys are counted, indexed by their expiry, and sessions keep no reply beyond their window.
  const space = (name: string): [string, Uint8Array][] => [...(records.spaces.get(name) ?? [])];
  const sessions = space("s").map(([token, value]) => {
    const reader = new ByteReader(value);
    return { token, expires: reader.varint(), acknowledged: reader.varint() };
  });
  const bySessionExpiry = space("i").map(([id]) => id);
  expect(bySessionExpiry.sort()).toEqual(sessions.map((one) => expiryId(one.expires, one.token)).sort());
  const keys = space("d").map(([key, value]) =>
    expiryId(Number(new DataView(copyOf(value).buffer).getBigUint64(0)), key),
  );
  expect(
    space("j")
      .map(([id]) => id)
      .sort(),
  ).toEqual(keys.sort());
  expect([state.sessions, state.idempotencyKeys]).toEqual([sessions.length, keys.length]);
  for (const { token, acknowledged } of sessions) {
    for (const [sequence] of space(`r${token}`)) {
      expect(sequence >= u64(acknowledged) && sequence < u64(acknowledged + SESSION_WINDOW)).toBe(true);
    }
  }

  // R5 (and R3, because two owners would make the numbers differ): nothing else is there.
  const garbage = state.garbage.map(({ epoch }) => keySpaceOf(epoch));
  const garbageHeaders = garbage.flatMap((space) => [...(records.spaces.get(space)?.values() ?? [])]);
  const owners = [...collections.map(([, header]) => header), ...garbageHeaders.filter(isCollection)];
  const elementSpaces = owners.map(elementSpace).filter((space) => !records.dropped.has(space));
  const replySpaces = sessions.map(({ token }) => `r${token}`);
  const known = [
    "s",
    "i",
    "d",
    "j",
    ...replySpaces,
    state.keySpace,
    expirySpaceOf(state.epoch),
    ...garbage,
    ...elementSpaces,
  ];
  expect(new Set(known).size).toBe(known.length);
  for (const space of records.spaces.keys()) expect(known).toContain(space);
}
