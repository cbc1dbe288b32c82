import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawn } from "../checkers/history.testkit.ts";
import { drawDiagram } from "./diagram.ts";
import { describeOperation } from "./describe.ts";

describe("the space-time diagram", () => {
  it("draws a row per process and an interval per operation, with a legend", () => {
    const lines = drawDiagram(
      drawn([
        [1, 1, 4, "write", 1],
        [2, 2, null, "write", 2],
        [3, 3, 6, "read", null, 2],
        [1, 5, 7, "read", null, 1],
      ]),
    );
    expect(lines).toEqual([
      "p1 |-------1------|    |----4----|",
      "p2      |--------------2-------------->",
      "p3           |-------3------|",
      '1. write "x" 1',
      '2. write "x" 2 (outcome unknown)',
      '3. read "x" -> 2',
      '4. read "x" -> 1',
    ]);
  });

  it("is never wider than 100 characters, however many operations and however long their values", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 12 }), (count, processes) => {
        const operations = drawn(
          Array.from({ length: count }, (_, index) => [
            index % processes,
            1 + index * 2,
            index % 7 === 0 ? null : 2 + index * 2,
            "write",
            "long ".repeat(index),
          ]),
        );
        const lines = drawDiagram(operations);
        expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
        expect(lines.length).toBeGreaterThan(Math.min(count, 24));
      }),
    );
  });

  it("says when it left out the beginning", () => {
    const operations = drawn(
      Array.from({ length: 30 }, (_, index) => [1, 1 + index * 2, 2 + index * 2, "write", index]),
    );
    expect(drawDiagram(operations)[0]).toBe("(the last 24 of 30)");
  });

  it("is nothing for nothing", () => {
    expect(drawDiagram([])).toEqual([]);
  });
});

describe("an operation in words", () => {
  it("tells where in the file it is, who did what, and what came of it", () => {
    const [write, read] = drawn([
      [1, 1, null, "cas", [1, 2]],
      [2, 2, 3, "read", null, [1, 2, 3]],
    ]);
    expect(describeOperation(write!)).toBe(
      'line 1: process 1 cas "x" [1,2] (outcome unknown) [1 ms to open]',
    );
    expect(describeOperation(read!)).toBe('line 2-3: process 2 read "x" -> [1,2,3] [2 ms to 3 ms]');
  });

  it("shortens a long value in the middle", () => {
    const [read] = drawn([[1, 1, 2, "read", null, Array.from({ length: 100 }, (_, index) => index)]]);
    expect(describeOperation(read!)).toMatch(/\[0,1,2,.* \.\.\. .*98,99\]/);
  });
});
