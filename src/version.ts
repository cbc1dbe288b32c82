/** The version of this package: read when asked, so that an import has no effect. */
import { readFileSync } from "node:fs";

export function packageVersion(): string {
  const file = new URL("../package.json", import.meta.url);
  return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
}
