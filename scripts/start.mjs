/** `npm start`: makes the clone ready, then is `kvorum dev`. Options go behind `--`: npm start -- --fresh. */
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensure, ROOT } from "./ensure.mjs";

ensure();
const main = join(ROOT, "dist/cli/main.js");
// In this very process: signals, the terminal and the exit code need no passing on.
process.argv = [process.execPath, main, "dev", ...process.argv.slice(2)];
await import(pathToFileURL(main).href);
