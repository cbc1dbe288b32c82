/** The page docs/experiments/elections.md and its plot: everything is measured anew, and the seed decides every digit. */
import { runElections } from "./election-runs.ts";
import type { ElectionRuns } from "./election-runs.ts";
import { electionPage, VARIANT_LIMIT_MS } from "./election-page.ts";
import type { MeasuredSetting, MeasuredVariant } from "./election-page.ts";
import { electionPlot } from "./election-plot.ts";
import { ELECTION_SETTINGS, ELECTION_VARIANTS } from "./election-settings.ts";
import type { ElectionSetting } from "./election-settings.ts";
import type { ElectionOptions } from "./election-trial.ts";

const SEED = "elections";
/** Of each variant; enough to tell a cause from chance. Some elect nobody: their trials are given up early. */
const VARIANT_TRIALS = 1000;

export interface ElectionFiles {
  readonly page: string;
  readonly plot: string;
}

/** `scale` thins the trials out, for tests. `say` is told what is being measured. */
export function measureElections(say: (line: string) => void, scale = 1): ElectionFiles {
  const trials = (full: number) => Math.max(10, Math.round(full * scale));
  const settings = ELECTION_SETTINGS.map((setting): MeasuredSetting => {
    say(`${setting.figure} ${setting.name}`);
    return { setting, runs: run(setting, setting.options, trials(setting.trials)) };
  });
  const variants = ELECTION_VARIANTS.map((variant): MeasuredVariant => {
    say(variant.name);
    const measure = (name: string, figure: ElectionSetting["figure"]) => {
      const setting = ELECTION_SETTINGS.find((one) => one.name === name && one.figure === figure)!;
      const change = figure === "wide-area" ? variant.wideArea : variant.lan;
      if (change === undefined) return null;
      const limit = figure === "wide-area" ? setting.options.limit : VARIANT_LIMIT_MS;
      return run(setting, { ...setting.options, ...change, limit }, trials(VARIANT_TRIALS));
    };
    return {
      name: variant.name,
      narrowest: measure("150-151 ms", "randomness"),
      narrow: measure("150-155 ms", "randomness"),
      broad: measure("150-200 ms", "randomness"),
      short: measure("12-24 ms", "scale"),
      oneFailed: measure("1 of 5 failed", "wide-area"),
      twoFailed: measure("2 of 5 failed", "wide-area"),
    };
  });
  return { page: electionPage(SEED, settings, variants), plot: electionPlot(settings) };
}

function run(setting: ElectionSetting, options: ElectionOptions, trials: number): ElectionRuns {
  return runElections(`${SEED}/${setting.figure}/${setting.name}`, options, trials, setting.figure);
}
