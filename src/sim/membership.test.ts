/** Membership from peer to peer, as nodes host it. */
import { describe, expect, test } from "vitest";
import { type MembershipTrial, TRIALS, tryMembership } from "./membership-trials.ts";

const NAMES = Object.keys(TRIALS) as MembershipTrial[];

describe.each(NAMES)("%s", (name) => {
  test.each([1, 2, 3, 4])("seed %i", (seed) => expect(tryMembership(name, seed)).toEqual([]));
});
