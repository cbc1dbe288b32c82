import { expect, test } from "vitest";
import { requestId } from "../../core/ids.ts";
import { PendingEntries } from "./pending.ts";

const run = (pending: PendingEntries, index: number, term: number): [number | null, number[]] => {
  const lost: number[] = [];
  return [pending.committed(index, term, (id) => lost.push(id)), lost];
};

test("an entry committed with its own term answers its request", () => {
  const pending = new PendingEntries();
  pending.add(2, 5, requestId(50));
  pending.add(2, 7, requestId(70));
  expect(run(pending, 5, 2)).toEqual([50, []]);
  expect(run(pending, 6, 2)).toEqual([null, []]);
  expect(run(pending, 7, 2)).toEqual([70, []]);
  expect(pending.size).toBe(0);
});

test("an entry of a later term ends everything of earlier terms, at its index and beyond", () => {
  const pending = new PendingEntries();
  pending.add(2, 5, requestId(50));
  pending.add(2, 6, requestId(60));
  pending.add(4, 6, requestId(61));
  expect(run(pending, 5, 4)).toEqual([null, [50, 60]]);
  expect(run(pending, 6, 4)).toEqual([61, []]);
});

test("an entry of an earlier term ends only what was at its index", () => {
  const pending = new PendingEntries();
  pending.add(4, 5, requestId(50));
  pending.add(4, 6, requestId(60));
  expect(run(pending, 5, 3)).toEqual([null, [50]]);
  expect(run(pending, 6, 4)).toEqual([60, []]);
});

test("what a snapshot covers is unknown, what lies beyond stays", () => {
  const pending = new PendingEntries();
  pending.add(2, 5, requestId(50));
  pending.add(2, 9, requestId(90));
  const unknown: number[] = [];
  pending.covered(7, (id) => unknown.push(id));
  expect(unknown).toEqual([50]);
  expect(run(pending, 8, 2)).toEqual([null, []]);
  expect(run(pending, 9, 2)).toEqual([90, []]);
});

test("thousands of requests in order are answered in order", () => {
  const pending = new PendingEntries();
  for (let i = 1; i <= 5000; i++) pending.add(1, i, requestId(i));
  const answered = Array.from({ length: 5000 }, (_, at) => pending.committed(at + 1, 1, () => undefined));
  expect(answered).toEqual(Array.from({ length: 5000 }, (_, at) => at + 1));
  expect(pending.size).toBe(0);
});
