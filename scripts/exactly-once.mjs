/** `npm run exactly-once [-- INCREMENTS]`: test/client/exactly-once.test.ts with more of them (100,000), and what it measured. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { ensure, ROOT } from "./ensure.mjs";

const [increments = "100000"] = process.argv.slice(2);
if (!/^[1-9][0-9]*$/.test(increments)) {
  console.error(`"${increments}" is no number of increments.`);
  process.exit(2);
}
ensure();
const args = ["run", "test/client/exactly-once.test.ts", "--disable-console-intercept"];
const { status } = spawnSync(join(ROOT, "node_modules/.bin/vitest"), args, {
  cwd: ROOT,
  stdio: "inherit",
  env: { ...process.env, EXACTLY_ONCE_INCREMENTS: increments },
});
process.exitCode = status ?? 1;
