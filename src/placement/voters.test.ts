import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { chooseVoters } from "./voters.ts";

const list = (zones: string) => [...zones].map((zone, at) => ({ node: nodeId(at + 1), zone }));
const votersOf = (zones: string) => chooseVoters(list(zones), 5);

describe("who votes", () => {
  test("nodes that stand alone: the first five", () => {
    expect(votersOf("abc")).toEqual([1, 2, 3]);
    expect(votersOf("abcd")).toEqual([1, 2, 3, 4]);
    expect(votersOf("abcdefg")).toEqual([1, 2, 3, 4, 5]);
  });

  test("three machines with two nodes each: five, of which no machine has half", () => {
    expect(votersOf("abcabc")).toEqual([1, 2, 3, 4, 5]);
    expect(votersOf("aabbcc")).toEqual([1, 3, 5, 2, 4]);
  });

  test("a fourth that stands with one of three would cost the majority with it, and does not vote", () => {
    expect(votersOf("abca")).toEqual([1, 2, 3]);
    expect(votersOf("aaaaabc")).toEqual([1, 6, 7]);
  });

  test("fewer than three zones: nothing survives the loss of the larger one, so the first five", () => {
    expect(votersOf("aaaaaa")).toEqual([1, 2, 3, 4, 5]);
    expect(votersOf("ab")).toEqual([1, 2]);
    expect(votersOf("a")).toEqual([1]);
    expect(votersOf("")).toEqual([]);
  });

  test("with three zones or more, any one of them may be lost", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "b", "c", "d", "e", "f"), { maxLength: 14 }), (zones) => {
        fc.pre(new Set(zones).size >= 3);
        const voters = votersOf(zones.join(""));
        expect(voters.length).toBeGreaterThanOrEqual(3);
        expect(voters.length).toBeLessThanOrEqual(5);
        expect(new Set(voters).size).toBe(voters.length);
        for (const lost of new Set(zones)) {
          const left = voters.filter((node) => zones[node - 1] !== lost);
          expect(left.length * 2).toBeGreaterThan(voters.length);
        }
      }),
    );
  });
});
