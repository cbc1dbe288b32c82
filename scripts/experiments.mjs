/** `npm run experiments`: repeats the published experiments in the simulator and writes docs/experiments/. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensure, ROOT } from "./ensure.mjs";

ensure();

const experiments = join(ROOT, "dist/sim/experiments/elections.js");
const { measureElections } = await import(pathToFileURL(experiments).href);
const { page, plot } = measureElections((line) => console.log(line));

const folder = join(ROOT, "docs/experiments");
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "elections.md"), page);
writeFileSync(join(folder, "elections.svg"), plot);
console.log(`written: ${join(folder, "elections.md")} and elections.svg`);

for (const [name, measure] of [
  ["merkle", "measureMerkle"],
  ["rings", "measureRings"],
  ["staleness", "measureStaleness"],
]) {
  const experiment = await import(pathToFileURL(join(ROOT, `dist/sim/experiments/${name}.js`)).href);
  writeFileSync(join(folder, `${name}.md`), experiment[measure]((line) => console.log(line)).page);
  console.log(`written: ${join(folder, `${name}.md`)}`);
}
