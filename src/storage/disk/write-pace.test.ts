import { expect, test } from "vitest";
import { WritePace } from "./write-pace.ts";

test("small writes are waited for as long as the disk proves quick", () => {
  const pace = new WritePace();
  expect(pace.inPlace(100, 0)).toBe(true);
  for (let i = 0; i < 100; i++) pace.note(0.1, i);
  expect(pace.inPlace(100, 100)).toBe(true);
  expect(pace.inPlace(1_000_000, 100)).toBe(false);
});

test("given a quick disk, when one write stalls, then the pool does all writes for two seconds", () => {
  const pace = new WritePace();
  for (let i = 0; i < 100; i++) pace.note(0.1, i);
  pace.note(80, 100);
  expect(pace.inPlace(100, 101)).toBe(false);
  expect(pace.inPlace(100, 2099)).toBe(false);
  expect(pace.inPlace(100, 2100)).toBe(true);
});

test("given processors that are short, when most writes wait for one but some are quick, then the disk counts as quick", () => {
  const pace = new WritePace();
  for (let i = 0; i < 300; i++) pace.note(i % 3 === 0 ? 0.2 : 4, i);
  expect(pace.inPlace(100, 300)).toBe(true);
});

test("a disk that is never quick is left to the pool, and only tried again now and then", () => {
  const pace = new WritePace();
  for (let i = 0; i < 100; i++) pace.note(2, i);
  expect(pace.inPlace(100, 100)).toBe(false);
  expect(pace.inPlace(100, 598)).toBe(false);
  expect(pace.inPlace(100, 599)).toBe(true);
  pace.note(2, 599);
  expect(pace.inPlace(100, 600)).toBe(false);
});

test("given a disk that was slow, when it has become quick, then it is waited for again", () => {
  const pace = new WritePace();
  for (let i = 0; i < 100; i++) pace.note(2, i);
  let now = 1000;
  while (!pace.inPlace(100, now) || !pace.inPlace(100, now + 1)) {
    now += 500;
    if (pace.inPlace(100, now)) pace.note(0.1, now);
    expect(now).toBeLessThan(20_000);
  }
});
