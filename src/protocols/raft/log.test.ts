import * as fc from "fast-check";
import { expect, test } from "vitest";
import { InvariantError } from "../../core/assert.ts";
import { Log, entryBytes } from "./log.ts";
import type { Entry } from "./messages.ts";

const entry = (term: number, length = 1): Entry => ({
  kind: "command",
  term,
  command: new Uint8Array(length),
});
const logOf = (terms: readonly number[], startIndex = 0, startTerm = 0): Log =>
  new Log(
    startIndex,
    startTerm,
    terms.map((term) => entry(term)),
  );

test("terms are known from the start to the end, and nowhere else", () => {
  const log = logOf([2, 2, 5], 10, 1);
  expect([9, 10, 11, 13, 14].map((index) => log.termAt(index))).toEqual([undefined, 1, 2, 5, undefined]);
  expect([log.lastIndex, log.lastTerm]).toEqual([13, 5]);
  expect([logOf([], 10, 4).lastIndex, logOf([], 10, 4).lastTerm]).toEqual([10, 4]);
});

test("terms never decrease", () => {
  expect(() => logOf([3]).append([entry(2)])).toThrow(InvariantError);
  expect(() => logOf([], 7, 3).append([entry(2)])).toThrow(InvariantError);
});

test("a slice holds as much as fits, and at least one entry", () => {
  const log = new Log(0, 0, [entry(1, 100), entry(1, 10), entry(1, 10)]);
  expect(log.slice(1, 1)).toHaveLength(1);
  expect(log.slice(2, entryBytes(entry(1, 10)) * 2)).toHaveLength(2);
  expect(log.slice(2, entryBytes(entry(1, 10)) * 2 - 1)).toHaveLength(1);
  expect(log.slice(4, 1000)).toHaveLength(0);
});

test("the bytes are those of the entries, whatever comes and goes", () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom("append", "truncate", "compact", "reset"), fc.nat(50))),
      (steps) => {
        const log = logOf([]);
        for (const [what, n] of steps) {
          if (what === "append") log.append([entry(log.lastTerm, n), entry(log.lastTerm + 1, n)]);
          else if (what === "truncate" && log.lastIndex > log.startIndex) log.truncateFrom(log.lastIndex);
          else if (what === "compact") log.compactTo(Math.min(log.lastIndex, log.startIndex + (n % 3)));
          else if (what === "reset") log.reset(log.lastIndex + n, log.lastTerm);
        }
        expect(log.bytes).toBe(log.entries.reduce((sum, one) => sum + entryBytes(one), 0));
        expect(log.lastIndex).toBe(log.startIndex + log.entries.length);
      },
    ),
  );
});

test("searching for a term finds its first and its last entry", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(6)), fc.nat(7), (unsorted, term) => {
      const terms = unsorted.map((one) => one + 1).sort((a, b) => a - b);
      const log = logOf(terms, 100, 1);
      const first = terms.findIndex((one) => one >= term);
      expect(log.firstIndexOf(term)).toBe(101 + (first < 0 ? terms.length : first));
      const last = term === 1 && !terms.includes(1) ? -1 : terms.lastIndexOf(term);
      expect(log.lastIndexOf(term)).toBe(terms.includes(term) || term === 1 ? 101 + last : undefined);
    }),
  );
});

test("a log is at least as complete by its last term, then by its length", () => {
  const log = logOf([1, 2, 2]);
  expect(log.isUpToDate(3, 2)).toBe(true);
  expect(log.isUpToDate(2, 2)).toBe(false);
  expect(log.isUpToDate(9, 1)).toBe(false);
  expect(log.isUpToDate(1, 3)).toBe(true);
});
