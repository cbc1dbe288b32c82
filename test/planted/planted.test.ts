/** The checkers are proven: every planted bug is caught, and without it the same history is clean. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { PlantedBug } from "./bug.ts";
import { PLANTED_BUGS } from "./bugs.ts";
import { patched, runIn, TestBuilds } from "./harness.ts";
import type { Run } from "./history.ts";
import type { ScenarioName } from "./scenarios.ts";
import { type Catch, type Catches, checkersOf, renderTable } from "./table.ts";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const catches = JSON.parse(readFileSync(new URL("./catches.json", import.meta.url), "utf8")) as Catches;

/** A change elsewhere moves every history: a bug may then need other seeds than it did when it was recorded. */
const MORE_SEEDS = 100;
/** So many histories take their time on a busy machine. */
const LIMIT_MS = 400_000;

let folder: string;
let builds: TestBuilds;
let planted: ReadonlyMap<string, string>;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "kvorum-planted-"));
  builds = new TestBuilds(ROOT, folder);
  planted = builds.plant(PLANTED_BUGS);
});
afterAll(() => rmSync(folder, { recursive: true }));

function recorded({ name }: PlantedBug): Catch {
  const found = catches[name];
  if (found === undefined) throw new Error(`nobody has caught ${name} yet: npm run planted -- ${name}`);
  return found;
}

describe("planted bugs", () => {
  test("there are at least thirty, each with a name and a place of its own", () => {
    expect(PLANTED_BUGS.length).toBeGreaterThanOrEqual(30);
    const distinct = (of: (bug: PlantedBug) => string) => new Set(PLANTED_BUGS.map(of)).size;
    expect(distinct(({ name }) => name)).toBe(PLANTED_BUGS.length);
    expect(distinct((bug) => patched(ROOT, bug))).toBe(PLANTED_BUGS.length);
  });

  test("the table in docs/ is that of the bugs and of what caught them", () => {
    const page = readFileSync(join(ROOT, "docs/PLANTED-BUGS.md"), "utf8");
    expect(page).toBe(renderTable(PLANTED_BUGS, catches));
  });

  test.concurrent.each(PLANTED_BUGS)(
    "$name is caught",
    async (bug) => {
      const { scenario, seed } = recorded(bug);
      const others = Array.from({ length: MORE_SEEDS }, (_, i) => i + 1).filter((other) => other !== seed);
      const runs = await runIn(planted.get(bug.name)!, scenario, [seed, ...others]);
      const last = runs.at(-1)!;
      expect(last.problems, `${bug.name} escaped ${runs.length} histories of ${scenario}`).not.toEqual([]);
    },
    LIMIT_MS,
  );
});

describe("without a bug", () => {
  const seeds = new Map<ScenarioName, Set<number>>();
  for (const bug of PLANTED_BUGS) {
    const { scenario, seed } = recorded(bug);
    seeds.set(scenario, (seeds.get(scenario) ?? new Set()).add(seed));
  }
  test.concurrent.each([...seeds])(
    "histories of %s are clean",
    async (scenario, numbers) => {
      const runs = await runIn(builds.plain, scenario, [...numbers]);
      const dirty = runs.filter((run: Run) => run.problems.length > 0);
      expect(dirty.map((run) => [run.seed, checkersOf(run.problems), run.problems])).toEqual([]);
      expect(runs).toHaveLength(numbers.size);
    },
    LIMIT_MS,
  );
});
