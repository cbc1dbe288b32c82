import { expect, test } from "vitest";
import { SimulatedRandom } from "../simulated-random.ts";
import { isResidueMet, isTrafficMet } from "./epidemic-page.ts";
import { runEpidemics } from "./epidemic-runs.ts";
import { EPIDEMIC_SETTINGS, nameOf } from "./epidemic-settings.ts";
import type { EpidemicSetting } from "./epidemic-settings.ts";
import { EpidemicSites } from "./epidemic-trial.ts";
import { measureEpidemics } from "./epidemics.ts";

const setting = (name: string) => EPIDEMIC_SETTINGS.find((one) => nameOf(one) === name)!;

test.each(["push, feedback, counter, k=2", "push, blind, coin, k=3", "pull, feedback, counter, k=1"])(
  "%s: residue, traffic and the last site come out as published",
  (name) => {
    const { published, ...rest } = setting(name);
    const runs = runEpidemics(`test/${name}`, { published, ...rest }, 50);
    expect(isResidueMet(published!, runs)).toBe(true);
    expect(isTrafficMet(published!, runs)).toBe(true);
    expect(Math.abs(runs.last / published!.last - 1)).toBeLessThan(0.1);
  },
);

test("another stop rule is noticed", () => {
  const { options, published, ...rest } = setting("push, feedback, counter, k=2");
  const blind = { ...rest, published, options: { ...options, stop: { ...options.stop, feedback: false } } };
  const runs = runEpidemics("test/blind", blind, 20);
  expect(isResidueMet(published!, runs)).toBe(false);
  expect(isTrafficMet(published!, runs)).toBe(false);
});

test("rumors that go round together fare as one alone does", () => {
  const { options } = setting("push, feedback, counter, k=1");
  const missed = (rumors: number, runs: number) => {
    const sites = new EpidemicSites({ ...options, sites: 200, rumors }, new SimulatedRandom("together"));
    const all = Array.from({ length: runs }, () => sites.run()).flat();
    return all.reduce((sum, epidemic) => sum + epidemic.missed, 0) / all.length;
  };
  expect(Math.abs(missed(50, 4) / missed(1, 100) - 1)).toBeLessThan(0.1);
});

test("the page says the same each time, with a row for each setting", () => {
  const few = (one: EpidemicSetting) => ({ ...one, rumors: 2, options: { ...one.options, sites: 30 } });
  const measure = () => measureEpidemics(() => undefined, few);
  const { page, plot } = measure();
  expect(measure()).toEqual({ page, plot });
  expect(page.match(/^\| +\d \|/gm)).toHaveLength(EPIDEMIC_SETTINGS.length);
  expect(page + plot).not.toMatch(/NaN|undefined|Infinity/);
});
