/** What a history of a real cluster says, and with which exit code the command ends. */
import { checkLiveness } from "../sim/checkers/liveness.ts";
import { refused, type Verdict, undecided } from "../sim/checkers/verdict.ts";
import type { HistoryEvent } from "../sim/history/event.ts";
import { pairOperations } from "../sim/history/pair.ts";
import { judge, type Judgement } from "../sim/judge.ts";
import type { Workload } from "../sim/workloads/workload.ts";

export interface ChaosObservation {
  readonly workload: Workload;
  readonly events: readonly HistoryEvent[];
  /** When everything had healed and the last reads began; null: it never healed. */
  readonly recoveredAt: number | null;
  /** What was seen to be wrong beside the history, in sentences. */
  readonly problems: readonly string[];
}

/** Fewer say nothing about a cluster. */
export const LEAST_ACKNOWLEDGED = 20;
/** Everything works again: so long may any operation take. */
const ANSWER_LIMIT_MS = 5000;

export function judgeChaos(observation: ChaosObservation): readonly Judgement[] {
  const { workload, events, recoveredAt, problems } = observation;
  const judgements: Judgement[] = problems.map((problem) => ({
    property: "nodes live and come back",
    verdict: refused(problem),
  }));
  const acknowledged = acknowledgedBefore(events, recoveredAt ?? Infinity);
  if (acknowledged < LEAST_ACKNOWLEDGED) {
    const verdict = undecided(
      `${acknowledged} operations were acknowledged under faults; it takes ${LEAST_ACKNOWLEDGED} to say something`,
    );
    judgements.push({ property: "enough to judge", verdict });
  }
  if (events.length === 0) return judgements;
  const operations = pairOperations(events);
  judgements.push(...judge(workload, operations));
  if (recoveredAt !== null) {
    const healedAt = recoveredAt - ANSWER_LIMIT_MS;
    const verdict = checkLiveness(operations, { healedAt, within: ANSWER_LIMIT_MS, endedAt: Infinity });
    judgements.push({ property: "live after healing", verdict });
  }
  return judgements;
}

function acknowledgedBefore(events: readonly HistoryEvent[], time: number): number {
  return events.filter((event) => event.type === "ok" && event.time < time).length;
}

/** 0 everything holds, 1 something is violated, 3 undecided; as `kvorum check` ends. */
export function exitCodeOf(verdicts: readonly Verdict[]): 0 | 1 | 3 {
  if (verdicts.some(({ ok }) => ok === false)) return 1;
  return verdicts.length > 0 && verdicts.every(({ ok }) => ok === true) ? 0 : 3;
}

export interface Gap {
  readonly milliseconds: number;
  /** When it began. */
  readonly at: number;
}

/** The longest time between two acknowledgements up to `until`, its beginning and end included. */
export function longestGap(events: readonly HistoryEvent[], until: number): Gap {
  let last = 0;
  let longest: Gap = { milliseconds: 0, at: 0 };
  const times = events.flatMap(({ type, time }) => (type === "ok" && time < until ? [time] : []));
  for (const time of [...times, until]) {
    if (time - last > longest.milliseconds) longest = { milliseconds: time - last, at: last };
    last = time;
  }
  return longest;
}
