import { invariant } from "../../core/assert.ts";

/** Paths are relative to the data directory, with `/`, and never leave it. The empty path is the directory itself. */
export function checkPath(path: string): void {
  invariant(
    path === "" || path.split("/").every((part) => part !== "" && part !== "." && part !== ".."),
    `a path inside the data directory: ${path}`,
  );
}
