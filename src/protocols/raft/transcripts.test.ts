import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { runTranscript } from "./transcript.testkit.ts";

const folder = new URL("./transcripts/", import.meta.url);
const update = process.env["UPDATE_TRANSCRIPTS"] === "1";

for (const name of readdirSync(folder).filter((file) => file.endsWith(".txt"))) {
  test(`transcript ${name}`, () => {
    const file = new URL(name, folder);
    const before = readFileSync(file, "utf8");
    const now = runTranscript(before);
    if (update) writeFileSync(file, now);
    expect(now).toBe(update ? now : before);
  });
}
