import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { errorPage } from "./error-page.ts";
import { ERRORS } from "./errors.ts";

test("docs/ERRORS.md is what the table says: `npm run errors` writes it anew", () => {
  const page = readFileSync(new URL("../../docs/ERRORS.md", import.meta.url), "utf8");
  expect(page).toBe(errorPage());
});

test("every error is a sentence and a hint, in one line each", () => {
  for (const { sentence, hint } of Object.values(ERRORS))
    for (const text of [sentence, hint]) expect(text).toMatch(/^[A-Z][^\n|]*\.$/);
});
