import { describe, expect, test } from "vitest";
import { MapRecords } from "./data.testkit.ts";
import { chooseDistinct, chooseOne, chooseRepeatedly, sampleOf, sampleRanges, SMALL } from "./sampling.ts";

/** 1,100 records whose ids are spread evenly over the first byte. */
function spread(): MapRecords {
  const records = new MapRecords();
  for (let i = 0; i < 1100; i++) {
    records.put(
      "e",
      String.fromCharCode(i % 256) + String.fromCharCode(Math.floor(i / 256)),
      new Uint8Array(0),
    );
  }
  return records;
}

describe("a sample of a large space", () => {
  test("goes on from the start when it meets the end, and holds nothing twice", () => {
    const records = spread();
    for (const place of [0, 0.05, 0.3, 0.5, 0.9, 0.999]) {
      const requests = sampleRanges("e", 1100, 5, () => place);
      const sample = sampleOf(requests.map((request) => records.load(request)));
      const ids = sample.map(({ id }) => id);
      expect(new Set(ids).size).toBe(ids.length);
      expect(ids.length).toBeGreaterThanOrEqual(SMALL);
    }
  });

  test("of all elements, or of a few, is everything", () => {
    expect(sampleRanges("e", 5000, 5000, () => 0.5)).toEqual([{ space: "e", from: "", limit: 5000 }]);
    expect(sampleRanges("e", SMALL, 1, () => 0.5)).toEqual([{ space: "e", from: "", limit: SMALL }]);
    expect(sampleOf([])).toEqual([]);
  });
});

describe("choosing", () => {
  test("from nothing gives nothing", () => {
    expect([
      chooseOne([], Math.random),
      chooseDistinct([], 3, Math.random),
      chooseRepeatedly([], 3, Math.random),
    ]).toEqual([undefined, [], []]);
  });

  test("distinct ones never repeat; at the largest random number the last one is chosen", () => {
    expect(chooseDistinct([1, 2, 3, 4], 3, () => 1 - 2 ** -53)).toEqual([4, 1, 2]);
    expect(chooseOne([1, 2, 3], () => 1 - 2 ** -53)).toBe(3);
    expect(chooseRepeatedly([7], 3, () => 0.5)).toEqual([7, 7, 7]);
  });
});
