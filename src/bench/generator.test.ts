import { describe, expect, it } from "vitest";
import { fakeRun, percentile } from "./load.testkit.ts";

const STALL = { from: 4_000, to: 5_000 };

describe("a server that takes 1 ms, and stalls for one of ten seconds", () => {
  it("closed loop: nobody asks while it stalls, so that the stall is four requests of many", () => {
    const run = fakeRun({ clients: 4, duration: 10_000 }, { takes: 1, stall: STALL });
    expect(run.summary.ok).toBeGreaterThan(35_000);
    expect(percentile(run, 99.9)).toBeLessThan(1.1);
    expect(run.summary.latency!.max).toBeGreaterThan(990);
    expect(run.sent.filter((time) => time > STALL.from && time < STALL.to)).toHaveLength(0);
  });

  it.each(["constant", "poisson"] as const)(
    "open loop, %s: those who came meanwhile have waited, a tenth of all",
    (arrivals) => {
      const settings = { clients: 4, duration: 10_000, rate: 1_000, arrivals };
      const run = fakeRun(settings, { takes: 1, stall: STALL });
      expect(percentile(run, 50)).toBeLessThan(2);
      expect(percentile(run, 99)).toBeGreaterThan(850);
      expect(percentile(run, 99)).toBeLessThan(1_100);
      // From the sending, it looks as harmless as in the closed loop.
      expect(run.summary.service!.percentiles.find(({ percent }) => percent === 99.9)!.latency).toBeLessThan(
        2,
      );
      expect(run.summary.generator.lateness!.max).toBeLessThan(0.001);
    },
  );
});

describe("the arrivals of an open loop", () => {
  it("come at the rate, at equal distances", () => {
    const { sent, summary } = fakeRun({ rate: 250, duration: 4_000 }, { takes: 1 });
    expect(sent).toHaveLength(1_000);
    expect(sent.slice(0, 3)).toEqual([0, 4, 8]);
    expect(summary.throughput).toBeCloseTo(250, 0);
  });

  it("come at the rate, as a Poisson process: distances vary as much as they are long on average", () => {
    const settings = { rate: 250, duration: 80_000, arrivals: "poisson", clients: 64 } as const;
    const { sent } = fakeRun(settings, { takes: 1 });
    expect(sent.length / 80).toBeGreaterThan(245);
    expect(sent.length / 80).toBeLessThan(255);
    const gaps = sent.slice(1).map((time, at) => time - sent[at]!);
    const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length;
    const variance = gaps.reduce((sum, gap) => sum + (gap - mean) ** 2, 0) / gaps.length;
    expect(Math.sqrt(variance) / mean).toBeGreaterThan(0.95);
    expect(Math.sqrt(variance) / mean).toBeLessThan(1.05);
  });

  it("that a slow server cannot take are told, and for how long they have waited", () => {
    const { summary } = fakeRun({ clients: 2, rate: 1_000, duration: 2_000 }, { takes: 10 });
    expect(summary.throughput).toBeCloseTo(200, -1);
    expect(summary.generator.backlog).toBeGreaterThan(1_550);
    expect(summary.generator.backlogAge).toBeGreaterThan(1_500);
    expect(summary.warnings.join()).toMatch(/rate was not kept up: 1,[56]\d\d requests/);
  });
});

it("what the warm-up could not send does not make measured requests wait", () => {
  const stall = { from: 0, to: 1_000 };
  const settings = { clients: 4, rate: 1_000, warmup: 1_000, duration: 2_000 };
  const run = fakeRun(settings, { takes: 1, stall });
  expect(run.summary.ok).toBe(2_000);
  expect(run.summary.latency!.max).toBeLessThan(2);
});

describe("the end", () => {
  it("comes after so many requests, all of which are answered", () => {
    const { end, sent, summary } = fakeRun({ requests: 101, duration: null }, { takes: 1 });
    expect([sent.length, summary.ok, end.interrupted, end.unanswered]).toEqual([101, 101, false, 0]);
  });

  it("comes after the same number in an open loop", () => {
    const { sent, summary } = fakeRun({ requests: 101, duration: null, rate: 1_000 }, { takes: 1 });
    expect([sent.length, summary.ok, summary.generator.backlog]).toEqual([101, 101, 0]);
  });

  it("does not count what the warm-up sent", () => {
    const { sent, summary } = fakeRun({ rate: 100, warmup: 1_000, duration: 2_000 }, { takes: 1 });
    expect([sent.length, summary.ok]).toEqual([300, 200]);
    expect(summary.seconds).toBeCloseTo(2, 2);
    expect(summary.intervals.map(({ from, ok }) => [Math.round(from), ok])).toEqual([
      [-1_000, 100],
      [0, 100],
      [1_000, 100],
    ]);
  });

  it("comes early when somebody interrupts, with what there is by then", () => {
    const { end, summary } = fakeRun({ duration: 60_000 }, { takes: 1 }, 3_000);
    expect(end.interrupted).toBe(true);
    expect(summary.seconds).toBeCloseTo(3, 1);
    expect(summary.ok).toBeGreaterThan(11_900);
  });

  it("does not wait for ever: what has no answer may have been done", () => {
    const { end, summary } = fakeRun({ clients: 3, duration: 2_000 }, { takes: 1, silentFrom: 1_000 });
    expect(end.unanswered).toBe(3);
    expect(summary.failures).toEqual([
      expect.objectContaining({ code: "no-answer", definite: false, count: 3 }),
    ]);
  });
});

it("failures are counted by their code, and their latencies kept apart", () => {
  const { summary } = fakeRun({ requests: 1_000, duration: null }, { takes: 1, failEvery: 10 });
  expect([summary.ok, summary.failed]).toEqual([900, 100]);
  expect(summary.failures).toEqual([{ code: "no-leader", definite: true, count: 100, detail: "none" }]);
  expect(summary.latency!.count).toBe(900);
  expect(summary.warnings.join()).toContain("10% of the requests failed");
});
