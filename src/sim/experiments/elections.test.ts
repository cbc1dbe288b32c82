import { expect, test } from "vitest";
import { SimulatedRandom } from "../simulated-random.ts";
import { isMet } from "./election-page.ts";
import { runElections, statisticOf } from "./election-runs.ts";
import { ELECTION_SETTINGS } from "./election-settings.ts";
import { runElectionTrial } from "./election-trial.ts";
import { measureElections } from "./elections.ts";
import { quantile, sample, shareUpTo } from "./statistics.ts";

const setting = (name: string) => ELECTION_SETTINGS.find((one) => one.name === name)!;
const TRIALS = 2000;

test.each(["150-155 ms", "12-24 ms", "1 of 5 failed", "2 of 5 failed"])(
  "%s: what is in the middle comes out as published",
  (name) => {
    const { options, published, figure } = setting(name);
    const runs = runElections(`test/${name}`, options, TRIALS, figure);
    const central = published.filter(({ statistic }) => ["mean", "median"].includes(statistic));
    expect(central).toHaveLength(1);
    // 2,000 trials in place of 5,000 or 30,000: twice the tolerance of the page.
    const wider = { ...central[0]!, tolerance: 0.1 };
    expect(isMet(wider, statisticOf(runs, wider.statistic))).toBe(true);
  },
);

test("a slower network is noticed", () => {
  const { options, published, figure } = setting("12-24 ms");
  const slower = { ...options, latency: { min: 7.5, max: 7.5 } };
  const runs = runElections("test/slower", slower, 200, figure);
  expect(published.filter((one) => isMet(one, statisticOf(runs, one.statistic)))).toEqual([]);
});

test("without randomness nobody is elected", () => {
  const { options } = setting("150-150 ms");
  const trial = runElectionTrial({ ...options, limit: 10_000 }, new SimulatedRandom("none"));
  expect(trial.elected).toBe(10_000);
  expect(trial.terms).toBeGreaterThan(50);
});

test("the page says the same each time, with a row for each setting", () => {
  const measure = () => measureElections(() => undefined, 0.002);
  const { page, plot } = measure();
  expect(measure()).toEqual({ page, plot });
  for (const { name } of ELECTION_SETTINGS) expect(page).toContain(name);
  expect(plot.match(/<path class="curve c\d" d="M[\d. ]+[HV]/g)).not.toBeNull();
  expect(plot).not.toMatch(/NaN|undefined/);
});

test("quantiles and shares", () => {
  const ten = sample([9, 1, 8, 2, 7, 3, 6, 4, 5, 10]);
  expect([0, 0.1, 0.5, 0.55, 1].map((share) => quantile(ten, share))).toEqual([1, 1, 5, 6, 10]);
  expect([0, 1, 5.5, 10].map((limit) => shareUpTo(ten, limit))).toEqual([0, 0.1, 0.5, 1]);
  expect(ten.mean).toBe(5.5);
  expect(() => sample([])).toThrow(RangeError);
});
