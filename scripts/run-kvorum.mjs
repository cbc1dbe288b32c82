/** Runs one command of Kvorum in this very process: signals, the terminal and the exit code need no passing on. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensure, ROOT } from "./ensure.mjs";

/** Makes the clone ready first. The command's options are those of this process. */
export async function runKvorum(command) {
  ensure();
  const main = join(ROOT, "dist/cli/main.js");
  process.argv = [process.execPath, main, command, ...process.argv.slice(2)];
  await import(pathToFileURL(main).href);
}
