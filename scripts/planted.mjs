/**
 * `npm run planted [-- NAME …]`: plants each bug in turn, looks for the first seed that catches it, and writes what was
 * found to test/planted/catches.json and docs/PLANTED-BUGS.md. With names: only these bugs, and what was said about them.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensure, ROOT } from "./ensure.mjs";

ensure();

/** A bug that so many histories of a scenario do not catch has escaped it. */
const MOST_SEEDS = 300;
const AT_ONCE = 10;
const WORKERS = 2;

const names = process.argv.slice(2);
const temporary = mkdtempSync(join(tmpdir(), "kvorum-planted-"));
process.on("exit", () => rmSync(temporary, { recursive: true, force: true }));
process.on("SIGINT", () => process.exit(130));

const { PLANTED_BUGS, TestBuilds, runIn, checkersOf, renderTable } = await load();
const unknown = names.filter((name) => !PLANTED_BUGS.some((bug) => bug.name === name));
if (unknown.length > 0) {
  console.error(`There is no planted bug ${unknown.join(", ")}. There are:`);
  for (const { name } of PLANTED_BUGS) console.error(`  ${name}`);
  process.exit(2);
}

const wanted = names.length === 0 ? PLANTED_BUGS : PLANTED_BUGS.filter((bug) => names.includes(bug.name));
const folder = join(temporary, "builds");
mkdirSync(folder);
const planted = new TestBuilds(ROOT, folder).plant(wanted);
const catchesFile = join(ROOT, "test/planted/catches.json");
const catches = JSON.parse(readFileSync(catchesFile, "utf8"));
const escaped = [];
const queue = [...wanted];
await Promise.all(Array.from({ length: WORKERS }, work));
write();
if (escaped.length > 0) {
  console.error(`\nescaped: ${escaped.join(", ")}`);
  process.exitCode = 1;
}

async function work() {
  for (let bug = queue.shift(); bug !== undefined; bug = queue.shift()) {
    const found = await hunt(bug);
    if (found === null) {
      escaped.push(bug.name);
      delete catches[bug.name];
      console.log(`${bug.name}: ESCAPED`);
    } else {
      const { scenario, seed, problems } = found;
      catches[bug.name] = { scenario, seed, checkers: checkersOf(problems) };
      console.log(`${bug.name}: ${scenario}, seed ${seed}: ${checkersOf(problems).join(", ")}`);
      if (names.length > 0)
        for (const problem of problems) console.log(`  ${problem.replaceAll("\n", "\n  ")}`);
    }
  }
}

async function hunt(bug) {
  for (const scenario of bug.scenarios) {
    for (let seed = 1; seed <= MOST_SEEDS; seed += AT_ONCE) {
      const seeds = Array.from({ length: AT_ONCE }, (_, i) => seed + i);
      const runs = await runIn(planted.get(bug.name), scenario, seeds);
      const found = runs.find((run) => run.problems.length > 0);
      if (found !== undefined) return found;
    }
  }
  return null;
}

function write() {
  const known = PLANTED_BUGS.filter((bug) => catches[bug.name] !== undefined);
  const sorted = Object.fromEntries(known.map(({ name }) => [name, catches[name]]));
  writeFileSync(catchesFile, `${JSON.stringify(sorted, null, 2)}\n`);
  writeFileSync(join(ROOT, "docs/PLANTED-BUGS.md"), renderTable(PLANTED_BUGS, sorted));
  const tool = join(ROOT, "node_modules/.bin/oxfmt");
  spawnSync(tool, [catchesFile], { cwd: ROOT, stdio: "inherit" });
}

/** Compiles what the tests use, and takes it from there. */
async function load() {
  const config = join(temporary, "tsconfig.json");
  const outDir = join(temporary, "tools");
  const files = ["bugs", "harness", "table"].map((name) => join(ROOT, `test/planted/${name}.ts`));
  const compilerOptions = { noEmit: false, noCheck: true, types: [], rootDir: ROOT, outDir };
  writeFileSync(
    config,
    JSON.stringify({ extends: join(ROOT, "tsconfig.json"), include: [], files, compilerOptions }),
  );
  const tsc = spawnSync(join(ROOT, "node_modules/.bin/tsc"), ["-p", config], { stdio: "inherit" });
  if (tsc.status !== 0) process.exit(1);
  writeFileSync(join(outDir, "package.json"), `{ "type": "module" }`);
  const modules = await Promise.all(
    ["bugs", "harness", "table"].map(
      (name) => import(pathToFileURL(join(outDir, `test/planted/${name}.js`)).href),
    ),
  );
  return Object.assign({}, ...modules);
}
