import { describe, expect, it } from "vitest";
import { compare, parseBaseline } from "./compare.ts";
import { fakeRun } from "./load.testkit.ts";

const slow = fakeRun({ duration: 3_000 }, { takes: 4 }).summary;
const fast = fakeRun({ duration: 3_000 }, { takes: 2 }).summary;

describe("a run beside an earlier one", () => {
  it("is told in ratios", () => {
    const { ratios, differences } = compare(fast, parseBaseline(JSON.stringify(slow))!);
    expect(differences).toEqual([]);
    expect(ratios.map(({ name, ratio }) => [name, Math.round(100 * ratio) / 100])).toEqual([
      ["throughput", 2],
      ["p50", 0.5],
      ["p90", 0.5],
      ["p99", 0.5],
      ["p99.9", 0.5],
    ]);
  });

  it("of another load is told to be one", () => {
    const other = fakeRun({ duration: 3_000, rate: 100, seed: 9 }, { takes: 2 }).summary;
    expect(compare(other, slow).differences).toEqual(["rate 100, before null"]);
  });

  it.each(["", "{", "[]", "null", '{"throughput":"9"}', '{"throughput":9,"settings":{}}'])(
    "is not one when %j is all there is",
    (text) => expect(parseBaseline(text)).toBeNull(),
  );
});
