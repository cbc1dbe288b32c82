/** What keyspaces that merge make of partitions, absences, lost disks, moves and clocks. */
import { describe, expect, test } from "vitest";
import { MERGING_STORIES, type MergingStory, tryMergingStory } from "./merging-stories.testkit.ts";

/** Said of the story with the counter, as it surprises: see docs/MERGING.md. */
const MEANINGS: Partial<Record<MergingStory, string>> = {
  "deleted-counter":
    "DEL takes away what it has seen; an increment on the other side stays, and brings back all that its replica had added",
};

describe.each(Object.keys(MERGING_STORIES) as MergingStory[])("%s", (name) => {
  test(`${MEANINGS[name] ?? MERGING_STORIES[name].meaning}`, () => {
    expect(tryMergingStory(name, 1)).toEqual([]);
  });
});
