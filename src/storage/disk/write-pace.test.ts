import { expect, test } from "vitest";
import { WritePace } from "./write-pace.ts";

test("nothing is waited for until the disk has shown that it is quick", () => {
  const pace = new WritePace();
  expect(pace.inPlace(100, 0)).toBe(false);
  pace.note(0.1, 1);
  expect(pace.inPlace(100, 1)).toBe(true);
  expect(pace.inPlace(1_000_000, 1)).toBe(false);
});

test("given a quick disk, when one write stalls, then the pool does all writes for ten seconds", () => {
  const pace = new WritePace();
  for (let i = 0; i < 100; i++) pace.note(0.1, i);
  pace.note(40, 100);
  expect(pace.inPlace(100, 101)).toBe(false);
  for (let i = 0; i < 100; i++) pace.note(0.1, 101 + i);
  expect(pace.inPlace(100, 5000)).toBe(false);
  expect(pace.inPlace(100, 10_100)).toBe(true);
});

test("a disk that is slow on average is left to the pool, however long ago its last stall", () => {
  const pace = new WritePace();
  for (let i = 0; i < 100; i++) pace.note(0.1, i);
  for (let i = 0; i < 100; i++) pace.note(1, 100 + i);
  expect(pace.inPlace(100, 1e6)).toBe(false);
  for (let i = 0; i < 100; i++) pace.note(0.1, 1e6 + i);
  expect(pace.inPlace(100, 2e6)).toBe(true);
});
