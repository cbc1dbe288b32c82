import { expect, test } from "vitest";
import { WritePace } from "./write-pace.ts";

test("small writes are waited for as long as the disk proves quick", () => {
  const pace = new WritePace();
  expect(pace.inPlace(100, 0)).toBe(true);
  for (let i = 0; i < 100; i++) pace.note(0.1, i);
  expect(pace.inPlace(100, 100)).toBe(true);
  expect(pace.inPlace(1_000_000, 100)).toBe(false);
});

test("given a quick disk, when one write stalls, then the pool does all writes for five seconds", () => {
  const pace = new WritePace();
  for (let i = 0; i < 100; i++) pace.note(0.1, i);
  pace.note(40, 100);
  expect(pace.inPlace(100, 101)).toBe(false);
  expect(pace.inPlace(100, 5000)).toBe(false);
  expect(pace.inPlace(100, 5100)).toBe(true);
});

test("one slow write does not speak for the disk, many do: then it is only tried again now and then", () => {
  const pace = new WritePace();
  for (let i = 0; i < 100; i++) pace.note(0.1, i);
  pace.note(4, 100);
  expect(pace.inPlace(100, 101)).toBe(true);
  for (let i = 0; i < 100; i++) pace.note(3, 101 + i);
  expect(pace.inPlace(100, 201)).toBe(false);
  expect(pace.inPlace(100, 699)).toBe(false);
  expect(pace.inPlace(100, 700)).toBe(true);
  pace.note(3, 700);
  expect(pace.inPlace(100, 701)).toBe(false);
});

test("given a disk that was slow, when it has become quick, then it is waited for again", () => {
  const pace = new WritePace();
  for (let i = 0; i < 100; i++) pace.note(3, i);
  let now = 1000;
  while (!pace.inPlace(100, now) || !pace.inPlace(100, now + 1)) {
    now += 500;
    if (pace.inPlace(100, now)) pace.note(0.1, now);
    expect(now).toBeLessThan(20_000);
  }
});
