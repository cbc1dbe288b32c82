/**
 * All the small parts in one table. Build first: npm run build.
 *
 *   node bench/micro/all.mjs [--only sockets,resp,apply,frames,raft,replica,log,sync] [--against FOLDER] [--rounds 1] [--json]
 *                            KVORUM_DIST=FOLDER: another build
 *
 * Microseconds for each; what a line means is said at the top of the file that it is from. All but `log` and `sync` is processor time. `--against` measures
 * a second build (its `dist`) in turn with the first and adds its figures and the ratio of the two, which is what to go by:
 * figures drift with the machine. With `--rounds` more than 1: the medians of so many.
 */
import { execFileSync } from "node:child_process";
import { tmpdir } from "node:os";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { median } from "../lib/micro.mjs";
import { table, times } from "../lib/table.mjs";

const { values: flags } = parseArgs({
  options: {
    only: { type: "string", default: "sockets,resp,apply,frames,raft,replica,log,sync" },
    against: { type: "string" },
    rounds: { type: "string", default: "1" },
    json: { type: "boolean", default: false },
  },
});
const LOG_SECONDS = "0.3";
const REPLICA_ROUNDS = "3000";

function run(part, dist) {
  const file = fileURLToPath(new URL(`${part}.mjs`, import.meta.url));
  const of =
    { log: [tmpdir(), LOG_SECONDS], sync: [tmpdir(), LOG_SECONDS], replica: [REPLICA_ROUNDS] }[part] ?? [];
  const env = dist === undefined ? process.env : { ...process.env, KVORUM_DIST: dist };
  // A process for each, as what one has made the compiler believe would slow the next.
  return JSON.parse(execFileSync(process.execPath, [file, ...of, "--json"], { env, encoding: "utf8" }));
}

/** The median of each line over all rounds. */
function merged(rounds) {
  return rounds[0].results.map(({ name }, i) => ({ name, us: median(rounds.map((r) => r.results[i].us)) }));
}

const all = [];
for (const part of flags.only.split(",")) {
  const here = [];
  const there = [];
  for (let round = 0; round < Number(flags.rounds); round++) {
    here.push(run(part));
    if (flags.against !== undefined) there.push(run(part, flags.against));
  }
  const against = there.length > 0 ? merged(there) : null;
  const { unit } = here[0];
  const results = merged(here).map((result, i) =>
    against === null ? result : { ...result, against: against[i].us, ratio: result.us / against[i].us },
  );
  all.push({ part, unit, results });
  if (flags.json) continue;
  const header = [part, `µs ${unit}`, ...(against === null ? [] : ["against", ""])];
  const rows = results.map(({ name, us, against: other, ratio }) => [
    name,
    us.toFixed(2),
    ...(other === undefined ? [] : [other.toFixed(2), times(ratio)]),
  ]);
  console.log(`${table(header, rows)}\n`);
}
if (flags.json) console.log(JSON.stringify(all, null, 2));
