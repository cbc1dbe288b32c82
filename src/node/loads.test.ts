import { expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { Loads } from "./loads.ts";

const n2 = nodeId(2);

test("a node is busy once it has said three times in a row that it is late, and until it says so no more", () => {
  const loads = new Loads(() => 2);
  for (const now of [0, 1000]) loads.onReport(now, n2, 150);
  expect(loads.isBusy(1000, n2)).toBe(false);
  loads.onReport(2000, n2, 150);
  expect(loads.isBusy(2000, n2)).toBe(true);
  expect(loads.isBusy(5000, n2)).toBe(false);
  loads.onReport(5000, n2, 150);
  expect(loads.isBusy(5000, n2)).toBe(false);
});

test("where this node is late as well, the other is not busier", () => {
  const loads = new Loads(() => 60);
  for (const now of [0, 1000, 2000]) loads.onReport(now, n2, 150);
  expect(loads.isBusy(2000, n2)).toBe(false);
});

test("only a node that is late has something to say", () => {
  expect(new Loads(() => 40).report()).toBe(null);
  expect(new Loads(() => 250.4).report()).toBe(250);
});
