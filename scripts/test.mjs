/**
 * `npm test`: the gate. Reads only: it changes no source, and says at the end how much passed. Every step runs, also
 * after one that failed. Arguments go to vitest: npm test -- src/storage.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ensure, ROOT } from "./ensure.mjs";
import { countTests, lastLine } from "./test-count.mjs";

ensure();

const temporary = mkdtempSync(join(tmpdir(), "kvorum-test-"));
const report = join(temporary, "vitest.json");
const only = process.argv.slice(2);

const checks = [
  ["types", "tsc", ["-p", "tsconfig.json", "--noEmit"]],
  ["types of what must run anywhere", "tsc", ["-p", "tsconfig.pure.json", "--noEmit"]],
  ["lint, with the layering rules", "oxlint", []],
  ["format", "oxfmt", ["--check"]],
  ["dead code", "knip", ["--no-progress"]],
];
const vitest = ["run", ...only, "--reporter=default", "--reporter=json", `--outputFile.json=${report}`];

const total = { passed: 0, failed: 0, skipped: 0 };
const broken = [];

try {
  for (const [heading, tool, args] of checks) {
    const ok = step(heading, tool, args);
    total[ok ? "passed" : "failed"]++;
    if (!ok) broken.push(heading);
  }
  const ok = step("tests", "vitest", vitest);
  const counts = countTests(existsSync(report) ? JSON.parse(readFileSync(report, "utf8")) : null, ok);
  for (const kind of ["passed", "failed", "skipped"]) total[kind] += counts[kind];
  if (counts.failed > 0) broken.push("tests");
} finally {
  rmSync(temporary, { recursive: true, force: true });
}

console.log("");
if (broken.length > 0) console.log(`failed: ${broken.join(", ")}`);
console.log(lastLine(total));
process.exitCode = total.failed > 0 ? 1 : 0;

/** Shows a tool's own output below a heading. */
function step(heading, tool, args) {
  console.log(`\n── ${heading}`);
  const before = performance.now();
  const program = join(ROOT, "node_modules/.bin", tool);
  const result = spawnSync(program, args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  const seconds = ((performance.now() - before) / 1000).toFixed(1);
  const ok = result.status === 0;
  const why =
    result.error?.message ?? (result.signal === null ? `exit code ${result.status}` : result.signal);
  console.log(`   ${ok ? "ok" : `FAILED (${why})`}, ${seconds} s`);
  return ok;
}
