/** The page docs/experiments/epidemics.md and its plot: everything is measured anew, and the seed decides every digit. */
import { epidemicPage } from "./epidemic-page.ts";
import type { MeasuredEpidemic } from "./epidemic-page.ts";
import { epidemicPlot } from "./epidemic-plot.ts";
import { runEpidemics } from "./epidemic-runs.ts";
import { EPIDEMIC_SETTINGS, nameOf } from "./epidemic-settings.ts";
import type { EpidemicSetting } from "./epidemic-settings.ts";

const SEED = "epidemics";

export interface EpidemicFiles {
  readonly page: string;
  readonly plot: string;
}

/** `thin` makes of a setting what is measured of it, for tests. `say` is told what is being measured. */
export function measureEpidemics(
  say: (line: string) => void,
  thin: (setting: EpidemicSetting) => EpidemicSetting = (setting) => setting,
): EpidemicFiles {
  const measured = EPIDEMIC_SETTINGS.map(thin).map((setting): MeasuredEpidemic => {
    say(nameOf(setting));
    return { setting, runs: runEpidemics(`${SEED}/${nameOf(setting)}`, setting, setting.rumors) };
  });
  return { page: epidemicPage(SEED, measured), plot: epidemicPlot(measured) };
}
