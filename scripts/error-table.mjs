/** `npm run errors`: writes docs/ERRORS.md from the table in src/core/errors.ts. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ensure, ROOT } from "./ensure.mjs";

ensure();

const { errorPage } = await import(pathToFileURL(join(ROOT, "dist/core/error-page.js")).href);
const page = join(ROOT, "docs/ERRORS.md");
writeFileSync(page, errorPage());
console.log(`written: ${page}`);
