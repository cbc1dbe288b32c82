import { describe, expect, test } from "vitest";
import { Window } from "./window.ts";

const MEGABYTE = 1 << 20;

/** Commands that are answered by hand. */
function launches(window: Window, count: number): { readonly started: number[] } {
  const started: number[] = [];
  for (let i = 0; i < count; i++) window.launch({ run: () => started.push(i) });
  return { started };
}

describe("the window of commands under way", () => {
  test("is wide at first, and opens further when replies turn out small", () => {
    const window = new Window(32 * MEGABYTE, () => 0);
    const { started } = launches(window, 10_000);
    const first = started.length;
    expect(first).toBeGreaterThanOrEqual(200);
    for (let i = 0; i < 50; i++) window.answered(16);
    expect(started.length).toBeGreaterThan(first * 10);
    expect(started).toEqual(started.map((_, i) => i));
  });

  test("narrows when replies turn out large, and one is always under way", () => {
    const window = new Window(32 * MEGABYTE, () => 0);
    launches(window, 1);
    window.answered(16 * MEGABYTE);
    const { started } = launches(window, 10);
    expect(started).toEqual([0, 1]);
    window.answered(64 * MEGABYTE);
    expect(started).toEqual([0, 1]);
    window.answered(64 * MEGABYTE);
    expect(started).toEqual([0, 1, 2]);
  });

  test("is shut while replies are not taken", () => {
    let unsent = 40 * MEGABYTE;
    const window = new Window(32 * MEGABYTE, () => unsent);
    const { started } = launches(window, 3);
    expect(started).toEqual([]);
    unsent = 0;
    window.drain();
    expect(started).toEqual([0, 1, 2]);
  });

  test("commands that are answered at once do not nest", () => {
    let unsent = 40 * MEGABYTE;
    const window = new Window(32 * MEGABYTE, () => unsent);
    let ran = 0;
    for (let i = 0; i < 100_000; i++) {
      window.launch({
        run: () => {
          ran++;
          window.answered(16);
        },
      });
    }
    unsent = 0;
    window.drain();
    expect(ran).toBe(100_000);
  });

  test("after a stop nothing is launched", () => {
    const window = new Window(1, () => 1);
    const { started } = launches(window, 3);
    window.stop();
    window.drain();
    expect(started).toEqual([]);
  });
});
