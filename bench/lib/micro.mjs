/**
 * Processor time of small parts of a build, for the files of bench/micro. Each of them takes `--json`, and measures another
 * build with KVORUM_DIST=FOLDER.
 */
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { table } from "./table.mjs";

const DIST = process.env["KVORUM_DIST"] ?? fileURLToPath(new URL("../../dist", import.meta.url));

/** A module of the build. */
export const part = (file) => import(join(DIST, file));

const ROUNDS = 9;
const ROUND_MS = 60;

/**
 * Cases are `{ name, each, work }`, where one call of `work` does `each` operations. Gives `{ name, us }` for every one of
 * them: microseconds of processor time for an operation, all threads of the process included (garbage is collected by
 * others), the median of rounds in which the cases take turns.
 */
export function measure(cases) {
  const counts = cases.map(({ work }) => calibrate(work));
  const rounds = cases.map(() => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, { each = 1, work }] of cases.entries()) {
      rounds[i].push(spent(work, counts[i]) / counts[i] / each);
    }
  }
  return cases.map(({ name }, i) => ({ name, us: median(rounds[i]) }));
}

/** Warms it up, too. */
function calibrate(work) {
  let count = 1;
  for (;;) {
    const microseconds = spent(work, count);
    if (microseconds >= ROUND_MS * 1000) {
      return Math.max(1, Math.round((count * ROUND_MS * 1000) / microseconds));
    }
    count *= 2;
  }
}

function spent(work, count) {
  const before = process.cpuUsage();
  for (let i = 0; i < count; i++) work();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

export function median(numbers) {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half] : (sorted[half - 1] + sorted[half]) / 2;
}

/** Prints results as a table, or as JSON for all.mjs. `unit`: what the microseconds are for. */
export function report(unit, results) {
  if (process.argv.includes("--json")) console.log(JSON.stringify({ unit, results }));
  else
    console.log(
      table(
        ["", `µs ${unit}`],
        results.map(({ name, us }) => [name, us.toFixed(3)]),
      ),
    );
}

/** Calls `make(i)` so often; what a loop over `pool` takes next is `pool.next()`. */
export function pool(size, make) {
  const all = Array.from({ length: size }, (_, i) => make(i));
  let at = 0;
  return () => all[at++ % size];
}
