import { expect, test } from "vitest";
import { RestartDelay } from "./restart-delay.ts";

test("a process that keeps dying is started later and later, up to half a minute", () => {
  const delay = new RestartDelay();
  expect([0, 0, 0, 0].map((served) => delay.after(served))).toEqual([250, 500, 1000, 2000]);
  for (let i = 0; i < 10; i++) delay.after(59_999);
  expect(delay.after(0)).toBe(30_000);
});

test("a process that served for a minute is started again at once, as if it had never died", () => {
  const delay = new RestartDelay();
  delay.after(0);
  delay.after(0);
  expect(delay.after(60_000)).toBe(250);
  expect(delay.after(0)).toBe(500);
});
