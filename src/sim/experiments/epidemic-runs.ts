/** Many rumors of one setting. */
import { SimulatedRandom } from "../simulated-random.ts";
import type { EpidemicFigures, EpidemicSetting } from "./epidemic-settings.ts";
import { EpidemicSites } from "./epidemic-trial.ts";

/** How many go round at once. They share their contacts, so each run of so many is one sample of its own. */
export const AT_ONCE = 25;

export interface EpidemicRuns extends EpidemicFigures {
  readonly rumors: number;
  /** Standard error of the residue, from the spread between runs. */
  readonly residueError: number;
}

export function runEpidemics(seed: string, { options }: EpidemicSetting, rumors: number): EpidemicRuns {
  const runs = Math.max(2, Math.ceil(rumors / AT_ONCE));
  const atOnce = Math.ceil(rumors / runs);
  const sites = new EpidemicSites({ ...options, rumors: atOnce }, new SimulatedRandom(seed));
  const figures = Array.from({ length: runs }, (): EpidemicFigures => {
    const epidemics = sites.run();
    return {
      residue: mean(epidemics.map(({ missed }) => missed)) / options.sites,
      traffic: mean(epidemics.map(({ sent }) => sent)) / options.sites,
      average: mean(epidemics.map(({ average }) => average)),
      last: mean(epidemics.map(({ last }) => last)),
    };
  });
  const residue = mean(figures.map(({ residue }) => residue));
  const squares = figures.map((figure) => (figure.residue - residue) ** 2);
  return {
    rumors: runs * atOnce,
    residue,
    residueError: Math.sqrt(mean(squares) / (runs - 1)),
    traffic: mean(figures.map(({ traffic }) => traffic)),
    average: mean(figures.map(({ average }) => average)),
    last: mean(figures.map(({ last }) => last)),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
