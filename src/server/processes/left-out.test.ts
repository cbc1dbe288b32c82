import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { leftOutWarnings } from "./left-out.ts";

const directory = mkdtempSync(join(tmpdir(), "kvorum-left-out-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("a machine that is started with fewer processes than before is told which ones are missing", () => {
  expect(leftOutWarnings(directory, "n1", 1)).toEqual([]);
  for (const name of ["2", "3", "notes"]) mkdirSync(join(directory, "processes", name), { recursive: true });
  expect(leftOutWarnings(directory, "n1", 3)).toEqual([]);
  expect(leftOutWarnings(directory, "n1", 2)).toEqual([expect.stringMatching(/^n1\.3 ran on this machine/)]);
  expect(leftOutWarnings(directory, "n1", 1)).toEqual([expect.stringMatching(/^n1\.2, n1\.3 ran/)]);
});
