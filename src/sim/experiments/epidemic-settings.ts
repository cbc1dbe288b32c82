/** What is measured: the three tables of Demers et al. 1987 (section 1.4), and push-pull, of which they give none. */
import type { EpidemicOptions } from "./epidemic-trial.ts";

export interface EpidemicFigures {
  /** The share of the sites that never hear the rumor. */
  readonly residue: number;
  /** Copies of the rumor sent, for each site. */
  readonly traffic: number;
  /** Cycles until a site hears it: on average, and the last one. */
  readonly average: number;
  readonly last: number;
}

export interface EpidemicSetting {
  readonly table: string;
  readonly options: Omit<EpidemicOptions, "rumors">;
  /** How many rumors are followed: more where few sites are missed. */
  readonly rumors: number;
  readonly published: EpidemicFigures | null;
}

const SITES = 1000;

function table(
  name: string,
  how: {
    readonly mode: EpidemicOptions["mode"];
    readonly by: "counter" | "coin";
    readonly feedback: boolean;
  },
  rows: readonly (readonly [
    rumors: number,
    ...published: readonly [residue: number, traffic: number, average: number, last: number] | readonly [],
  ])[],
): readonly EpidemicSetting[] {
  const { mode, by, feedback } = how;
  return rows.map(([rumors, residue, traffic, average, last], at) => ({
    table: name,
    options: { sites: SITES, mode, stop: { by, k: at + 1, feedback } },
    rumors,
    published:
      residue === undefined || traffic === undefined || average === undefined || last === undefined
        ? null
        : { residue, traffic, average, last },
  }));
}

export const EPIDEMIC_SETTINGS: readonly EpidemicSetting[] = [
  ...table("push, feedback, counter", { mode: "push", by: "counter", feedback: true }, [
    [300, 0.18, 1.7, 11.0, 16.8],
    [300, 0.037, 3.3, 12.1, 16.9],
    [300, 0.011, 4.5, 12.5, 17.4],
    [500, 0.0036, 5.6, 12.7, 17.5],
    [1000, 0.0012, 6.7, 12.8, 17.7],
  ]),
  ...table("push, blind, coin", { mode: "push", by: "coin", feedback: false }, [
    [300, 0.96, 0.04, 19, 38],
    [300, 0.2, 1.6, 17, 33],
    [300, 0.06, 2.8, 15, 32],
    [400, 0.021, 3.9, 14.1, 32],
    [500, 0.008, 4.9, 13.8, 32],
  ]),
  ...table("pull, feedback, counter", { mode: "pull", by: "counter", feedback: true }, [
    [300, 3.1e-2, 2.7, 9.97, 17.6],
    [600, 5.8e-4, 4.5, 10.07, 15.4],
    [2000, 4.0e-6, 6.1, 10.08, 14.0],
  ]),
  ...table("push-pull, feedback, counter", { mode: "push-pull", by: "counter", feedback: true }, [
    [100],
    [100],
  ]),
];

export function nameOf({ table, options }: EpidemicSetting): string {
  return `${table}, k=${options.stop.k}`;
}
