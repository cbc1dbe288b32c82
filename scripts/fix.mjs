/** `npm run fix`: mends what can be mended without thinking: lint findings with a known repair, then the format. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensure, ROOT } from "./ensure.mjs";

ensure();
const steps = [
  ["oxlint", ["--fix"]],
  ["oxfmt", []],
];
let failed = false;
for (const [tool, args] of steps) {
  const result = spawnSync(join(ROOT, "node_modules/.bin", tool), args, { cwd: ROOT, stdio: "inherit" });
  if (result.status !== 0) failed = true;
}
if (failed) console.error("Some findings need a person; they are listed above.");
process.exitCode = failed ? 1 : 0;
