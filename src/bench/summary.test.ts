import { expect, it } from "vitest";
import { Recorder } from "./recorder.ts";
import { DEFAULT_SETTINGS } from "./settings.ts";
import { type BenchSummary, summarise } from "./summary.ts";

const settings = { ...DEFAULT_SETTINGS, warmup: 0 };
const facts = { version: "9", startedAt: "", command: "", nodes: [], utilisation: 0.2, settings };
const end = {
  measuredFrom: 0,
  stopped: 2_000,
  finished: 2_000,
  backlog: 0,
  backlogAge: 0,
  unanswered: 0,
  interrupted: false,
};

function summaryOf(latencies: readonly number[], changes: Partial<typeof facts> = {}): BenchSummary {
  const recorder = new Recorder({ start: 0, measuredFrom: 0, interval: 1_000, openLoop: false });
  const step = 1_999 / latencies.length;
  for (const [i, latency] of latencies.entries()) {
    const answered = step * i;
    recorder.answered(i % 2 === 0 ? "get" : "set", answered - latency, answered - latency, answered, null);
  }
  recorder.finish(2_000);
  return summarise(recorder, end, { ...facts, ...changes });
}

it("of 1 to 10,000 ms in any order: percentiles as everybody knows them, to three figures", () => {
  const recorder = new Recorder({ start: 0, measuredFrom: 0, interval: 1e6, openLoop: false });
  for (let i = 0; i < 10_000; i++) {
    const latency = ((i * 7_919) % 10_000) + 1;
    recorder.answered(i % 4 === 0 ? "set" : "get", 0, 0, latency, null);
  }
  const { latency, byKind, curves } = summarise(recorder, end, facts);
  expect(latency!.count).toBe(10_000);
  const near = (found: number | null, wanted: number) =>
    expect(Math.abs(found! - wanted) / wanted).toBeLessThan(0.0011);
  near(latency!.mean, 5_000.5);
  near(latency!.max, 10_000);
  expect(latency!.percentiles.map(({ percent }) => percent)).toEqual([50, 90, 99, 99.9, 99.99]);
  for (const { percent, latency: found } of latency!.percentiles) near(found, percent * 100);
  expect([byKind.get!.count, byKind.set!.count]).toEqual([7_500, 2_500]);
  expect(curves.map(({ name }) => name)).toEqual(["all", "set", "get"]);
  near(curves[0]!.points.find(({ percent }) => percent === 75)!.latency, 7_500);
  expect(curves[0]!.points.at(-1)!.percent).toBeLessThanOrEqual(99.99);
  expect(curves[0]!.points.at(-1)!.percent).toBeGreaterThan(99.98);
});

it("does not make up percentiles that so few samples cannot have", () => {
  const percentiles = summaryOf(Array.from({ length: 500 }, () => 3)).latency!.percentiles;
  expect(percentiles.map(({ latency }) => latency === null)).toEqual([false, false, false, true, true]);
});

it("has intervals with what was answered in them, empty ones too", () => {
  const recorder = new Recorder({ start: 0, measuredFrom: 0, interval: 500, openLoop: false });
  recorder.answered("set", 0, 0, 10, null);
  recorder.answered("set", 0, 0, 400, null);
  recorder.answered("set", 1_100, 1_100, 1_200, { code: "timeout", definite: false, detail: "" });
  recorder.finish(1_300);
  expect(recorder.intervals.map(({ from, to, ok, failed }) => [from, to, ok, failed])).toEqual([
    [0, 500, 2, 0],
    [500, 1_000, 0, 0],
    [1_000, 1_300, 0, 1],
  ]);
  expect(recorder.intervals[1]).toMatchObject({ p50: null, p99: null, max: null });
  expect(recorder.intervals[0]!.max).toBeGreaterThan(399);
});

it("says so when the load generator was the limit", () => {
  expect(summaryOf([1, 2, 3]).warnings).toEqual([]);
  expect(summaryOf([1, 2, 3], { utilisation: 0.95 }).warnings.join()).toMatch(/generator was busy for 95%/);
});

it("says so when the load generator was late for a good part of what it measured", () => {
  const recorder = new Recorder({ start: 0, measuredFrom: 0, interval: 1_000, openLoop: false });
  recorder.measuring();
  for (let i = 0; i < 1_000; i++) {
    recorder.answered("set", i, i, i + 2, null);
    recorder.late(i % 50 === 0 ? 1 : 0.1);
  }
  const { warnings } = summarise(recorder, end, facts);
  expect(warnings).toEqual([expect.stringMatching(/late, by 1\.00 ms at p99, where requests took 2\.00 ms/)]);
});

it("of nothing is no latency, and no division by zero", () => {
  const summary = summaryOf([]);
  expect(summary).toMatchObject({
    ok: 0,
    throughput: 0,
    latency: null,
    curves: [{ name: "all", points: [] }],
    byKind: {},
  });
});
