import type * as v8 from "node:v8";
import { setFlagsFromString } from "node:v8";
import { afterEach, expect, test, vi } from "vitest";
import { growthPercent, keepGarbageRoom } from "./garbage-room.ts";

const MIB = 1024 * 1024;

vi.mock("node:v8", async (original) => ({
  ...(await original<typeof v8>()),
  setFlagsFromString: vi.fn(),
}));

afterEach(() => {
  vi.useRealTimers();
  vi.mocked(setFlagsFromString).mockClear();
});

test("the room is a fixed number of bytes, within what V8 itself would grant", () => {
  expect(growthPercent(64 * MIB)).toBe(200);
  expect(growthPercent(128 * MIB)).toBe(100);
  expect(growthPercent(8 * MIB)).toBe(400);
  expect(growthPercent(4096 * MIB)).toBe(75);
  expect(growthPercent(0)).toBe(400);
});

test("it is set at once, and again as the heap changes, until it is stopped", () => {
  vi.useFakeTimers();
  const room = keepGarbageRoom([]);
  expect(setFlagsFromString).toHaveBeenCalledTimes(1);
  expect(vi.mocked(setFlagsFromString).mock.calls[0]![0]).toMatch(/^--heap-growing-percent=\d+$/);
  vi.advanceTimersByTime(10_000);
  expect(setFlagsFromString).toHaveBeenCalledTimes(2);
  room.stop();
  vi.advanceTimersByTime(100_000);
  expect(setFlagsFromString).toHaveBeenCalledTimes(2);
});

test.each(["--heap-growing-percent=50", "--heap_growing_percent=50", "--inspect --heap-growing-percent=50"])(
  "whoever started Node with %s has decided",
  (given) => {
    vi.useFakeTimers();
    keepGarbageRoom([given]).stop();
    vi.advanceTimersByTime(100_000);
    expect(setFlagsFromString).not.toHaveBeenCalled();
  },
);
