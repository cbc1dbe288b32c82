import { describe, expect, it } from "vitest";
import { fakeRun } from "./load.testkit.ts";
import { reportPage } from "./report-page.ts";
import { reportSvg } from "./report-plots.ts";
import type { BenchSummary } from "./summary.ts";

/** Every element is closed in order, as in XML; of HTML's elements without an end only `meta` is used. */
function problems(text: string): readonly string[] {
  const found: string[] = [];
  const open: string[] = [];
  for (const [tag, end, name, closed] of text.matchAll(/<(\/?)([a-zA-Z][a-zA-Z0-9]*)[^>]*?(\/?)>/g)) {
    if (name === "meta" || closed === "/") continue;
    if (end === "") open.push(name!);
    else if (open.pop() !== name) found.push(`${tag} ends something else`);
  }
  // An ampersand begins an entity.
  const marks = text.match(/&(?!amp;|lt;|gt;|quot;)|NaN|Infinity|undefined|\[object/g) ?? [];
  return [...found, ...open.map((name) => `${name} is not closed`), ...marks];
}

const measured = fakeRun(
  { workload: "mixed", readRatio: 0.5, rate: 500, duration: 5_000, warmup: 1_000 },
  { takes: 2, stall: { from: 3_000, to: 3_500 }, failEvery: 50 },
).summary;

const hostile: BenchSummary = {
  ...measured,
  command: "kvorum bench --url 'http://x/?a=1&b=<script>'",
  nodes: [{ name: "<b>n1</b>", address: '"&"', version: null }],
  failures: [{ code: "<i>", definite: false, count: 3, detail: "<script>alert(1)</script> & more" }],
  warnings: ["<u>warned</u>"],
};

describe("a report", () => {
  it("is one file of elements that are all closed, without script and without anything from elsewhere", () => {
    const page = reportPage(measured);
    expect(problems(page)).toEqual([]);
    expect(page).not.toMatch(/<script|<link|src=|@import|url\(/);
    expect(page).toContain("prefers-color-scheme:dark");
    for (const part of [
      "Latency by percentile",
      "Throughput",
      "Latency over time",
      "500 requests/s",
      "no-leader",
    ])
      expect(page).toContain(part);
  });

  it("shows what others have written as text", () => {
    const page = reportPage(hostile);
    expect(problems(page)).toEqual([]);
    for (const element of ["<script", "<b>", "<i>", "<u>"]) expect(page).not.toContain(element);
    expect(page).toContain("a=1&amp;b=&lt;script&gt;");
  });

  it("as SVG holds the plots alone, with every kind of request in them", () => {
    const svg = reportSvg(measured);
    expect(problems(svg)).toEqual([]);
    expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
    for (const name of ["all", "get", "set", "once sent", "99.9%", "asked for", "failed", "p99", "warm-up"])
      expect(svg).toContain(`>${name}</text>`);
  });

  it.each([
    ["nothing was answered", fakeRun({ duration: 2_000 }, { takes: 1, silentFrom: 0 }).summary],
    ["everything failed", fakeRun({ duration: 2_000 }, { takes: 1, failEvery: 1 }).summary],
    ["one request was sent", fakeRun({ requests: 1, duration: null }, { takes: 1 }).summary],
  ])("can be written when %s", (_what, summary) => {
    expect(problems(reportPage(summary))).toEqual([]);
    expect(problems(reportSvg(summary))).toEqual([]);
  });
});
