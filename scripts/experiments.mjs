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
  const start = performance.now();
  const { page, plot } = module[measure]((line) => console.log(line));
  writeFileSync(join(folder, `${name}.md`), page);
  writeFileSync(join(folder, `${name}.svg`), plot);
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(`written in ${seconds} s: ${join(folder, `${name}.md`)} and ${name}.svg`);
}
