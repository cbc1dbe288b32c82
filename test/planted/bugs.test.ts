/** Planting takes minutes; that a bug has lost its place in the source should be known in seconds. */
import { expect, test } from "vitest";
import { PLANTED_BUGS } from "./bugs.ts";
import { patched } from "./harness.ts";

test.each(PLANTED_BUGS)("$name can be planted in $file", (bug) => {
  expect(patched(process.cwd(), bug)).toContain(bug.replace);
});
