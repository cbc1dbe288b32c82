/** `npm run experiments [NAME…]`: repeats published experiments in the simulator and writes docs/experiments/. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensure, ROOT } from "./ensure.mjs";

const EXPERIMENTS = {
  elections: "measureElections",
  epidemics: "measureEpidemics",
  merkle: "measureMerkle",
  rings: "measureRings",
  staleness: "measureStaleness",
  swim: "measureSwim",
};

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !Object.hasOwn(EXPERIMENTS, name));
if (unknown.length > 0) {
  console.error(
    `no such experiment: ${unknown.join(", ")}. There are ${Object.keys(EXPERIMENTS).join(", ")}.`,
  );
  process.exit(2);
}

ensure();

const folder = join(ROOT, "docs/experiments");
mkdirSync(folder, { recursive: true });
for (const [name, measure] of Object.entries(EXPERIMENTS)) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const module = await import(pathToFileURL(join(ROOT, `dist/sim/experiments/${name}.js`)).href);
  const measured = module[measure]((line) => console.log(line));
  const { page, plot } = typeof measured === "string" ? { page: measured } : measured;
  writeFileSync(join(folder, `${name}.md`), page);
  if (plot !== undefined) writeFileSync(join(folder, `${name}.svg`), plot);
  console.log(`written: ${join(folder, `${name}.md`)}${plot === undefined ? "" : ` and ${name}.svg`}`);
}
