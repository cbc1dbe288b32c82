/** Figure 16 of the paper again (9.4 of the thesis), and the thesis' wide area below it. */
import { cumulativePlots } from "./cumulative-plot.ts";
import type { Curve } from "./cumulative-plot.ts";
import type { MeasuredSetting } from "./election-page.ts";
import type { ElectionSetting, Published } from "./election-settings.ts";
import { shareUpTo } from "./statistics.ts";

export function electionPlot(settings: readonly MeasuredSetting[]): string {
  const curves = (figure: ElectionSetting["figure"]): readonly Curve[] =>
    settings
      .filter(({ setting }) => setting.figure === figure)
      .map((measured) => ({
        name: measured.setting.name,
        sample: measured.runs.downtime,
        published: measured.setting.published
          .filter(({ atLeast }) => atLeast !== true)
          .map((published) => ({ time: published.value, share: shareOf(published, measured) })),
      }));
  return cumulativePlots("Time without a leader after a crash, cumulative", [
    {
      title: "Five servers, election timeouts of more or less randomness",
      from: 60,
      // Before the limit of a trial: what was given up is no step of a curve.
      to: 29_000,
      curves: curves("randomness"),
    },
    {
      title: "Five servers, election timeouts of different length",
      from: 10,
      to: 2000,
      curves: curves("scale"),
    },
    {
      title: "Wide area: 30-40 ms one way, election timeouts 300-600 ms",
      from: 300,
      to: 6000,
      curves: curves("wide-area"),
    },
  ]);
}

/** Where a published number stands on the vertical axis. A mean has no place of its own there: it is put on the curve. */
function shareOf({ statistic, value }: Published, { runs }: MeasuredSetting): number {
  if (statistic === "median") return 0.5;
  if (statistic === "99.9%") return 0.999;
  return statistic === "mean" ? shareUpTo(runs.downtime, value) : 1;
}
