import { expect, test } from "vitest";
import type { Operation } from "../history/event.ts";
import { checkBoundedStaleness } from "./bounded-staleness.ts";
import { drawn, type Row } from "./history.testkit.ts";

/** The last number of a row is the version. */
const history = (rows: readonly [...Row, number][]): readonly Operation[] =>
  drawn(rows.map((row) => row.slice(0, 6) as unknown as Row)).map((operation, i) => ({
    ...operation,
    version: rows[i]![6],
  }));

const check = (read: [number, number, number], bound: number) =>
  checkBoundedStaleness(
    history([
      [1, 0, 10, "increment", 1, 1, 1],
      [1, 20, 30, "increment", 1, 2, 2],
      [2, read[0], read[1], "stale-read", null, read[2], read[2]],
    ]),
    "stale-read",
    bound,
  ).ok;

test("a read may miss what was acknowledged within the bound, and nothing older", () => {
  expect(check([100, 110, 2], 50)).toBe(true);
  expect(check([100, 110, 1], 75)).toBe(true);
  expect(check([100, 110, 1], 60)).toBe(false);
  expect(check([100, 110, 0], 75)).toBe(false);
  expect(check([25, 110, 0], 50)).toBe(true);
});

test("a history without versions is not called right", () => {
  expect(checkBoundedStaleness(drawn([[1, 0, 1, "increment", 1]]), "stale-read", 5).ok).not.toBe(true);
  expect(checkBoundedStaleness([], "stale-read", 5).ok).not.toBe(true);
});
