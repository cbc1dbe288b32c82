/** How soon a crash is noticed, beside what is published, and what a member sends, against the size of the group. */
import { linePlots, type Axis, type Line } from "../../plot/line-plot.ts";
import { expectedDetection, type Load } from "./swim-runs.ts";

export interface MeasuredDetection {
  readonly members: number;
  /** The share of them that is well. */
  readonly healthy: number;
  /** Until the first detection, on average. */
  readonly periods: number;
}

const MEMBERS: Axis = {
  label: "members (logarithmic)",
  from: 3,
  to: 1000,
  ticks: [3, 10, 30, 100, 300, 1000],
  logarithmic: true,
};

export function swimPlot(detected: readonly MeasuredDetection[], sent: readonly Load[]): string {
  return linePlots("SWIM against the size of the group", [
    {
      title: "From a crash to its first detection, q of the members being well",
      x: MEMBERS,
      y: { label: "periods", from: 1, to: 3, ticks: [1, 1.5, 2, 2.5, 3] },
      lines: [
        detectionLine(
          "q = 1, one crashes",
          detected.filter(({ healthy }) => healthy === 1),
        ),
        detectionLine(
          "q = .9",
          detected.filter(({ healthy }) => healthy === 0.9),
        ),
        detectionLine(
          "q = .5",
          detected.filter(({ healthy }) => healthy === 0.5),
        ),
        {
          name: "1 / (1 - e^-1)",
          points: [MEMBERS.from, MEMBERS.to].map((members) => [members, expectedDetection(1)] as const),
          bare: true,
        },
      ].filter(({ points }) => points.length > 0),
    },
    {
      title: "What a member sends",
      x: MEMBERS,
      y: { label: "messages a period", from: 0, to: 4, ticks: [0, 1, 2, 3, 4] },
      lines: [
        { name: "calm", points: sent.map((load) => [load.members, load.messages] as const) },
        {
          name: "after a crash",
          points: sent.map((load) => [load.members, load.messagesAfterCrash] as const),
        },
      ],
    },
  ]);
}

function detectionLine(name: string, detected: readonly MeasuredDetection[]): Line {
  return {
    name,
    points: detected.map(({ members, periods }) => [members, periods] as const),
    published: detected.map(({ members, healthy }) => [members, expectedDetection(healthy)] as const),
  };
}
