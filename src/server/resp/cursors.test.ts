import { describe, expect, test } from "vitest";
import { CursorTable, type ScanPosition } from "./cursors.ts";

const at = (from: string, scope = "SCAN"): ScanPosition => ({ scope, group: 0, from: Buffer.from(from) });

describe("cursors", () => {
  test("stand for a position, in their own scan only", () => {
    const table = new CursorTable(10);
    const cursor = table.save(at("a"), 0);
    expect(Number.isSafeInteger(cursor) && cursor > 0).toBe(true);
    expect(table.find(cursor, "SCAN")).toEqual(at("a"));
    expect(table.find(cursor, "hscan k")).toBeUndefined();
    expect(table.find(cursor + 1, "SCAN")).toBeUndefined();
  });

  test("a scan of any length holds two of them, and its last one can be used again", () => {
    const table = new CursorTable(10);
    const other = table.save(at("other"), 0);
    let cursor = table.save(at("0"), 0);
    for (let i = 1; i < 300; i++) {
      const next = table.save(at(String(i)), cursor);
      expect(table.find(cursor, "SCAN")).toEqual(at(String(i - 1)));
      cursor = next;
    }
    expect(table.size).toBe(3);
    expect(table.find(other, "SCAN")).toEqual(at("other"));
  });

  test("at the limit the one used longest ago is forgotten", () => {
    const table = new CursorTable(3);
    const [a, b, c] = [table.save(at("a"), 0), table.save(at("b"), 0), table.save(at("c"), 0)];
    table.find(a, "SCAN");
    table.save(at("d"), 0);
    expect([a, b, c].map((cursor) => table.find(cursor, "SCAN") !== undefined)).toEqual([true, false, true]);
  });

  test("positions of enormous keys are forgotten earlier", () => {
    const table = new CursorTable(10_000);
    for (let i = 0; i < 1200; i++) table.save(at("x".repeat(64 * 1024)), 0);
    expect(table.size).toBeLessThan(1100);
  });

  test("are not those of another server", () => {
    const cursors = Array.from({ length: 20 }, () => new CursorTable(10).save(at("a"), 0));
    expect(new Set(cursors).size).toBe(20);
  });
});
