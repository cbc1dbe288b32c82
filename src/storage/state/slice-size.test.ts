import { expect, test } from "vitest";
import { SliceSize } from "./slice-size.ts";

test("a slice is small where turns are short, and grows with the time that passes between slices, within bounds", () => {
  let now = 100;
  const slice = new SliceSize(() => now);
  const after = (milliseconds: number): number => {
    slice.ended();
    now += milliseconds;
    return slice.next();
  };
  const sizes = [0, 0.5, 1, 4, 15, 200].map(after);
  expect(sizes).toEqual([256, 256, 256, 1024, 3840, 4096]);
});
