/** The page docs/experiments/swim.md and its plot: everything is measured anew, and the seed decides every digit. */
import { PLAIN_SWIM } from "../../membership/options.ts";
import { quantile } from "./statistics.ts";
import {
  declarationTimes,
  detectionTimes,
  expectedDetection,
  expectedInGroup,
  falsePositives,
  measureLoad,
} from "./swim-runs.ts";
import type { FalsePositives, Load } from "./swim-runs.ts";
import { swimPlot, type MeasuredDetection } from "./swim-plot.ts";

const SEED = "swim";
/** Members and the share of them that is well after the crash. */
const DETECTION = [
  [3, 1],
  [10, 1],
  [100, 1],
  [100, 0.9],
  [100, 0.5],
  // Half of them crash in one run: one run is enough.
  [1000, 0.5],
] as const;
const SLOW = [1, 4, 8, 16] as const;
const SLOW_MEMBERS = 64;
const LOADS = [
  [3, 60],
  [10, 60],
  [100, 60],
  [1000, 30],
] as const;

/** `scale` thins the trials out; below 1 the longest measurements are left out, for tests. `say` is told what is being measured. */
export function measureSwim(
  say: (line: string) => void,
  scale = 1,
): { readonly page: string; readonly plot: string } {
  const detected: MeasuredDetection[] = [];
  const sent: Load[] = [];
  const trials = (full: number) => Math.max(1, Math.round(full * scale));
  say("time to first detection");
  const detection = DETECTION.filter(([members]) => scale >= 1 || members <= 10).map(([members, healthy]) => {
    const seed = `${SEED}/detection/${members}/${healthy}`;
    const times = detectionTimes(seed, members, healthy, true, trials(500));
    const inGroup = expectedInGroup(members, healthy);
    detected.push({ members, healthy, periods: times.mean });
    return [
      String(members),
      String(healthy),
      expectedDetection(healthy).toFixed(2),
      inGroup.toFixed(2),
      times.mean.toFixed(2),
      (times.mean / inGroup).toFixed(2),
      String(quantile(times, 0.99)),
    ];
  });
  say("false positives");
  const runs = trials(5);
  const slow = SLOW.slice(0, scale >= 1 ? SLOW.length : 1).map((slow) => {
    const sum = (plain: boolean) => {
      const found = Array.from({ length: runs }, (_, run) =>
        falsePositives(`${SEED}/slow/${slow}/${run}`, SLOW_MEMBERS, slow, plain),
      );
      const mean = (of: (one: FalsePositives) => number) =>
        (found.reduce((total, one) => total + of(one), 0) / runs).toFixed(1);
      return [mean((one) => one.aboutHealthy), mean((one) => one.victims), mean((one) => one.total)];
    };
    return [String(slow), ...sum(true), ...sum(false)];
  });
  const declared = [true, false].map((plain) => {
    const times = declarationTimes(`${SEED}/declared`, SLOW_MEMBERS, plain, trials(100));
    return [
      plain ? "SWIM" : "with Lifeguard",
      ...[0.5, 0.99].map((share) => `${quantile(times, share).toFixed(1)} s`),
    ];
  });
  say("load");
  const loads = LOADS.filter(([members]) => scale >= 1 || members <= 10).map(([members, periods]) => {
    const load = measureLoad(`${SEED}/load`, members, periods);
    sent.push(load);
    return [
      String(members),
      load.messages.toFixed(2),
      load.bytes.toFixed(0),
      load.messagesAfterCrash.toFixed(2),
      load.bytesAfterCrash.toFixed(0),
    ];
  });
  return { page: page(detection, slow, declared, loads), plot: swimPlot(detected, sent) };
}

type Rows = readonly (readonly string[])[];

function page(detection: Rows, slow: Rows, declared: Rows, loads: Rows): string {
  const off = Object.keys(PLAIN_SWIM)
    .map((name) => `\`${name}\``)
    .join(", ");
  return `# How soon a crash is noticed, how often wrongly, and at what cost

<!-- Written by \`npm run experiments swim\`. What is said here stands in src/sim/experiments/swim.ts. -->

\`npm run experiments swim\` writes this page anew, in about two minutes on two slow, shared cores.

**Our own SWIM** (\`src/membership\`) on the simulator's virtual clock, beside what Das, Gupta and Motivala derive for it ("SWIM: Scalable
Weakly-consistent Infection-style Process Group Membership Protocol", DSN 2002), and with and without Lifeguard (Dadgar, Phillips and Currey, "Lifeguard: Local Health
Awareness for More Accurate Failure Detection", arXiv:1707.00788, 2017). Messages take 1 ms and none is lost; the period is a second; every option is the
default. "SWIM" alone means that ${off} are off. All chance comes from the seed \`${SEED}\`: every digit is the same on every machine.

![Time to first detection, and messages, against the size of the group](swim.svg)

## Time to first detection, in periods

Published: 1/(1 - e^-q), q being the share of members that is well. It is the limit for large groups; with n members, of which c crash at
once, the same reasoning gives 1/(1 - (1 - 1/(n - 1))^(n - c)), the column beside it. Members begin their periods together, as the analysis has
it, and crash between two of them; the period of the first failing probe counts whole. Plain SWIM.

${table(["members", "q", "published limit", "for this n", "measured", "ratio", "measured, 99%"], detection)}

The derivation takes targets at random; ours are taken in random round-robin (section 4.3 of the paper), which never picks one member twice
while another waits. That can only shorten the wait, and shows in the smallest groups.
Where q is 1, one member crashes, and q is strictly (n - 1)/n.

## False positives while members are slow

${SLOW_MEMBERS} members, of which some are slow for two minutes: no message gets in or out for 16.4 s, then all do within 4 ms, then none again, as in the Lifeguard
paper's interval experiment (there, from memory and not verified, 128 members; its parameters vary, these are one choice, so no number of its tables stands here). Their clocks
run on: they see everybody else fall silent. Means of ${"5"} runs of the number of wrong declarations:

${table(
  [
    "slow members",
    "SWIM: about healthy members",
    "members concerned",
    "SWIM: all",
    "Lifeguard: about healthy members",
    "members concerned",
    "Lifeguard: all",
  ],
  slow,
)}

"About healthy members" counts every healthy member that was told that a healthy one is dead. "Members concerned" are the healthy ones of whom
anybody, also a slow member, thought so. "All" includes declarations about the slow ones, which are as good as dead for 16 s at a time.

What it costs: from a crash until the first has declared it dead, nobody being slow.

${table(["", "median", "99%"], declared)}

## Load

What a member sends a period, all kinds of messages counted, comparisons of lists included: in calm, and as long after a crash. The paper: constant in
the size of the group. A ping and its answer are two.

${table(["members", "messages", "bytes", "messages after a crash", "bytes after a crash"], loads)}
`;
}

function table(head: readonly string[], rows: Rows): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, at) => (at === 0 ? "---" : "---:"))), ...rows.map(line)].join("\n");
}
