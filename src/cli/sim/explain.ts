/** A failed simulation for a person: what is wrong, the shortest reproduction, its last events, and the command. */
import { type Report } from "../../sim/campaign.ts";
import { describeReplay } from "../../sim/replay.ts";
import { shrink } from "../../sim/shrink.ts";
import { type SimulationResult, trySimulation } from "../../sim/simulate.ts";
import { drawTimeline, eventsOfHistory } from "../../sim/timeline.ts";

export interface ExplainOptions {
  readonly shrink: boolean;
  /** Characters of a line. */
  readonly width: number;
  tell(line: string): void;
}

const MOST_EVENTS = 60;
const SHRINK_LIMIT_MS = 90_000;

export function explainFailure(report: Report, options: ExplainOptions): void {
  const { tell } = options;
  tell("");
  for (const problem of report.problems) tell(problem);
  tell("");
  tell(`The whole of it:    ${describeReplay(report.options)}`);
  let found = { options: report.options, result: trySimulation(report.options), runs: 0 };
  if (options.shrink && !found.result.ok) {
    const deadline = Date.now() + SHRINK_LIMIT_MS;
    found = shrink(report.options, found.result, { goOn: () => Date.now() < deadline });
    tell(`The shortest found: ${describeReplay(found.options)}   (${found.runs} tries)`);
    tell("");
    for (const problem of found.result.problems) tell(problem);
  }
  tell("");
  for (const { number, text } of found.result.strikes) tell(`  #${number} ${text}`);
  tell("");
  tell(`The last events (times since the simulation began; p7 is a client, * concerns the world):`);
  for (const line of diagram(found.result, options.width)) tell(line);
}

function diagram(result: SimulationResult, width: number): readonly string[] {
  const { hosts, timeline, events } = result;
  const column = Math.max(20, Math.floor((Math.min(width, 200) - 10) / Math.max(1, hosts.length)) - 3);
  return drawTimeline([...timeline, ...eventsOfHistory(events)], { hosts, width: column, most: MOST_EVENTS });
}
