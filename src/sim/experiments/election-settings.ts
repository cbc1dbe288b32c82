/** What is measured: the settings of the published experiments, what was published about them, and what we vary. */
import type { ElectionOptions, Span } from "./election-trial.ts";

/** `worst`: of each thousand trials; of several thousands the middle one. */
export type Statistic = "mean" | "median" | "99%" | "99.9%" | "worst" | "best";

export interface Published {
  readonly statistic: Statistic;
  readonly value: number;
  /** How far off is near enough: 0.05 for what is in the middle, 0.15 for tails. */
  readonly tolerance: number;
  /** Only bounded from below: "more than". */
  readonly atLeast?: boolean;
}

export interface ElectionSetting {
  readonly name: string;
  readonly figure: "randomness" | "scale" | "wide-area";
  readonly options: ElectionOptions;
  /** Thousands of trials, or fewer than one thousand. */
  readonly trials: number;
  /** Paper and thesis say it in the text; nothing here was read off a plot. */
  readonly published: readonly Published[];
}

const exactly = (value: number): Span => ({ min: value, max: value });

/** Milliseconds one way, disk included: the one number that was fitted. The page says how and why. */
const LAN_LATENCY_MS = 3;

const LAN: Omit<ElectionOptions, "timeout"> = {
  servers: 5,
  failed: 1,
  latency: exactly(LAN_LATENCY_MS),
  disk: exactly(0),
  logsDiffer: true,
  crash: "in-interval",
  preVote: false,
  checkQuorum: true,
  overlapsOwnVote: false,
  shortestTimer: 0.001,
  limit: 30_000,
};

const WIDE_AREA: ElectionOptions = {
  ...LAN,
  timeout: { min: 300, max: 600 },
  latency: { min: 30, max: 40 },
  logsDiffer: false,
  crash: "at-heartbeat",
};

function lan(
  figure: "randomness" | "scale",
  min: number,
  max: number,
  trials: number,
  published: readonly Published[],
): ElectionSetting {
  return { name: `${min}-${max} ms`, figure, options: { ...LAN, timeout: { min, max } }, trials, published };
}

function wideArea(failed: number, mean: number, tail: number): ElectionSetting {
  return {
    name: `${failed} of 5 failed`,
    figure: "wide-area",
    options: { ...WIDE_AREA, failed },
    trials: 30_000,
    published: [
      { statistic: "mean", value: mean, tolerance: 0.05 },
      { statistic: "99.9%", value: tail, tolerance: 0.15 },
    ],
  };
}

export const ELECTION_SETTINGS: readonly ElectionSetting[] = [
  lan("randomness", 150, 150, 100, [{ statistic: "best", value: 10_000, tolerance: 0, atLeast: true }]),
  lan("randomness", 150, 151, 1000, []),
  lan("randomness", 150, 155, 5000, [{ statistic: "median", value: 287, tolerance: 0.05 }]),
  lan("randomness", 150, 175, 5000, []),
  lan("randomness", 150, 200, 5000, [{ statistic: "worst", value: 513, tolerance: 0.15 }]),
  lan("randomness", 150, 300, 5000, []),
  lan("scale", 12, 24, 5000, [
    { statistic: "mean", value: 35, tolerance: 0.05 },
    { statistic: "worst", value: 152, tolerance: 0.15 },
  ]),
  lan("scale", 25, 50, 5000, []),
  lan("scale", 50, 100, 5000, []),
  lan("scale", 100, 200, 5000, []),
  lan("scale", 150, 300, 5000, []),
  wideArea(1, 475, 1500),
  wideArea(2, 650, 3000),
];

/** A change of one thing, and what it does to the same five settings. */
export interface ElectionVariant {
  readonly name: string;
  /** Undefined: the change says nothing about that network. */
  readonly lan?: Partial<ElectionOptions>;
  readonly wideArea?: Partial<ElectionOptions>;
}

export const ELECTION_VARIANTS: readonly ElectionVariant[] = [
  { name: "as above: the paper's rules", lan: {}, wideArea: {} },
  { name: "check-quorum off", lan: { checkQuorum: false }, wideArea: { checkQuorum: false } },
  { name: "pre-vote on (our default)", lan: { preVote: true }, wideArea: { preVote: true } },
  {
    name: "all logs equal (LAN), different (wide area)",
    lan: { logsDiffer: false },
    wideArea: { logsDiffer: true },
  },
  { name: "messages 2 to 4 ms", lan: { latency: { min: 2, max: 4 } } },
  { name: "messages 2.5 ms", lan: { latency: exactly(2.5) } },
  { name: "messages 3.5 ms", lan: { latency: exactly(3.5) } },
  { name: "15 ms literally: 7.5 ms a message, no disk", lan: { latency: exactly(7.5) } },
  { name: "15 ms literally: 3 ms a message, 9 ms a sync", lan: { disk: exactly(9) } },
  {
    name: "the same, own vote written while others are asked",
    lan: { disk: exactly(9), overlapsOwnVote: true },
  },
  {
    name: "timers of a millisecond at least (rule H6)",
    lan: { shortestTimer: 1 },
    wideArea: { shortestTimer: 1 },
  },
  { name: "a sync of 5 ms", wideArea: { disk: exactly(5) } },
];
