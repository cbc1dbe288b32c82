import { expect, it } from "vitest";
import { linearTicks } from "./ticks.ts";

it.each([
  [10, [0, 2, 4, 6, 8, 10]],
  [0.3, [0, 0.1, 0.2, 0.3]],
  [0.9, [0, 0.2, 0.4, 0.6, 0.8, 1]],
  [1_234, [0, 500, 1_000, 1_500]],
  [7, [0, 2, 4, 6, 8]],
  [0, [0, 1]],
])("up to %f: %j", (most, ticks) => expect(linearTicks(most)).toEqual(ticks));
