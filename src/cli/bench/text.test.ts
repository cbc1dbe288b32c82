import { describe, expect, it } from "vitest";
import { fakeRun } from "../../bench/load.testkit.ts";
import { DEFAULT_SETTINGS } from "../../bench/settings.ts";
import { createStyle, width } from "../text/style.ts";
import { countText, latencyText } from "./figures.ts";
import { type BenchFlags, settingsOf } from "./flags.ts";
import { ProgressLine } from "./progress.ts";
import { commandOf } from "./repeat.ts";
import { headline, summaryText } from "./summary-text.ts";
import { latencyPlot, sparkline } from "./terminal-plot.ts";

const plain = createStyle(false);

it.each([
  [null, "-"],
  [0.0483, "0.048 ms"],
  [4.826, "4.83 ms"],
  [48.26, "48.3 ms"],
  [482.6, "483 ms"],
  [4_826, "4.83 s"],
])("a latency of %s ms is %s", (latency, text) => expect(latencyText(latency)).toBe(text));

it("counts have separators, and a decimal where it matters", () => {
  expect([countText(8_912.4), countText(0.52), countText(3)]).toEqual(["8,912", "0.5", "3"]);
});

describe("the plot of latencies", () => {
  const curve = [0, 50, 75, 87.5, 93.75, 96.875, 98.4375, 99.21875].map((percent, at) => ({
    percent,
    latency: at < 7 ? 1 : 8,
  }));

  it("is flat up to the percentile from which on it is slow", () => {
    const plot = latencyPlot(curve, 80);
    expect(plot).toHaveLength(10);
    expect(plot[0]).toMatch(/^ +8\.00 ms ┤ +█+$/);
    expect(plot[4]).toMatch(/^ +4\.00 ms ┤ +█+$/);
    expect(plot[7]).toMatch(/^ +│█{66}$/);
    expect(plot[9]).toMatch(/^ +0% +50% +90% +99%$/);
    for (const line of plot) expect(width(line)).toBeLessThanOrEqual(80);
  });

  it("is not drawn of nothing", () => {
    expect(latencyPlot([], 80)).toEqual([]);
  });
});

it("a sparkline shows a stall as dots, and fits", () => {
  expect(sparkline([8, 4, 0, 0, 1, 8], 20)).toBe("█▄··▁█");
  expect(
    sparkline(
      Array.from({ length: 1_000 }, () => 5),
      50,
    ),
  ).toBe("█".repeat(50));
});

describe("the summary", () => {
  it("has the figures of an open loop beside those of the sending", () => {
    const settings = { rate: 1_000, duration: 5_000 };
    const { summary } = fakeRun(settings, { takes: 1, stall: { from: 2_000, to: 2_500 }, failEvery: 500 });
    const text = summaryText(summary, plain, 100);
    expect(text).toMatch(/^throughput {2}99\d\/s, 4,9\d\d requests in 5\.0 s, 1,000\/s asked for$/m);
    expect(text).toMatch(/^latency +4,9\d\d /m);
    expect(text).toMatch(/^ {2}once sent +4,9\d\d /m);
    expect(text).toMatch(/^no-leader +\d+ +surely none +none$/m);
    expect(text).toMatch(/^warning: 0\.2% of the requests failed/m);
    for (const line of text.split("\n")) expect(width(line)).toBeLessThanOrEqual(120);
  });
});

describe("the progress", () => {
  const interval = { from: 0, to: 500, ok: 500, failed: 0, p50: 1.5, p99: 4, max: 5 };
  const scene = (isTTY: boolean) => {
    const printed: string[] = [];
    const output = {
      write: (text: string | Uint8Array) => void printed.push(String(text)),
      isTTY,
      columns: 40,
      rows: 24,
    };
    const line = new ProgressLine(output, plain);
    for (let elapsed = 0; elapsed <= 3_000; elapsed += 250)
      line.show({ elapsed, warming: elapsed < 1_000, interval, errors: 0 });
    line.clear();
    return printed;
  };

  it("on a terminal is one line that is written again, never longer than the terminal", () => {
    const printed = scene(true);
    expect(printed).toHaveLength(14);
    for (const text of printed) expect(text).not.toContain("\n");
    expect(printed[5]!.startsWith("\r  1.3 s     1,000/s  p50 1.50 ms")).toBe(true);
    expect(printed[5]!.replace(/^\r/, "").replace("\u001b[K", "").length).toBeLessThan(40);
    expect(printed.at(-1)).toBe("\r\u001b[K");
  });

  it("elsewhere is a line a second, and nothing but lines", () => {
    const printed = scene(false);
    expect(printed).toHaveLength(3);
    for (const text of printed) expect(text.split(/[\r\n]/)).toEqual([expect.stringContaining("/s"), ""]);
  });
});

describe("options", () => {
  it("that nobody gives are the defaults", () => {
    expect(settingsOf(undefined, {})).toEqual(DEFAULT_SETTINGS);
  });

  it("of RESP: a connection for each caller; a number of requests replaces the duration", () => {
    const settings = settingsOf("get", { resp: "127.0.0.1:6379", clients: "8", requests: "100" });
    expect(settings).toMatchObject({ protocol: "resp", connections: 8, requests: 100, duration: null });
  });

  it.each<[BenchFlags, RegExp]>([
    [{ workload: "nope" }, /the workload is not "nope"/],
    [{ distribution: "pareto" }, /--distribution is not "pareto"/],
    [{ clients: "0" }, /--clients must be from 1/],
    [{ clients: "1000", pipeline: "100" }, /more than 16384 under way/],
    [{ connections: "65" }, /--connections must be from 1 to 64/],
    [{ readRatio: "0.5" }, /--read-ratio is for the workload mixed/],
    [{ rate: "fast" }, /--rate must be a number/],
    [{ arrivals: "poisson" }, /--arrivals is for an open loop/],
    [{ duration: "soon" }, /--duration must be a duration/],
    [{ valueSize: "0" }, /--value-size must be/],
    [{ prefix: "a:b" }, /--prefix must be/],
    [{ protocol: "typed", resp: "127.0.0.1:1" }, /Leave one of them out|--protocol is typed/],
  ])("%j are refused, and said why", (flags, why) => {
    expect(() => settingsOf(undefined, flags)).toThrow(why);
  });

  it.each<[string, BenchFlags]>([
    ["set", {}],
    ["mixed", { readRatio: "0.5", rate: "5000", arrivals: "poisson", duration: "90s", seed: "7" }],
    ["incr", { protocol: "resp", clients: "16", pipeline: "16", warmup: "0s", keep: true }],
    ["get", { requests: "1000", keyspace: "users", consistency: "stale", valueSize: "4096" }],
  ])("of %s %j come back from the command that repeats the run", (workload, flags) => {
    const settings = settingsOf(workload, flags);
    const words = commandOf(settings, []).split(" ").slice(3);
    const again: Record<string, string | true> = {};
    for (let at = 0; at < words.length; at++) {
      const name = words[at]!.slice(2).replace(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      again[name] = name === "keep" ? true : words[++at]!;
    }
    expect(settingsOf(workload, again)).toEqual(settings);
  });

  it("are told in one line", () => {
    const settings = settingsOf("mixed", { rate: "5000", keyspace: "users", consistency: "stale" });
    expect(headline(settings, "n1, n2")).toBe(
      "mixed (90% reads) on users, stale at n1, n2: 64 callers over 1 typed client, open loop, 5,000/s constant, 100 B values, 10,000 keys uniform",
    );
    expect(headline(settingsOf("get", { protocol: "resp", clients: "8", pipeline: "4" }), "x")).toContain(
      ": 8 callers, RESP, 4 requests each, closed loop",
    );
  });
});
