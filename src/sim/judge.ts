/** What a complete history of a workload is checked for; the same for simulated and for real clusters. */
import { checkLinearizability } from "./checkers/linearizability.ts";
import { MODELS } from "./checkers/models.ts";
import { checkNoLostWrites } from "./checkers/no-lost-writes.ts";
import type { Verdict } from "./checkers/verdict.ts";
import type { Operation } from "./history/event.ts";
import { type Circumstances, ORDINARY, type Workload } from "./workloads/workload.ts";

export interface Judgement {
  /** What was checked, in a few words. */
  readonly property: string;
  readonly verdict: Verdict;
}

export function judge(
  workload: Workload,
  operations: readonly Operation[],
  circumstances: Circumstances = ORDINARY,
): readonly Judgement[] {
  const { model, name } = workload;
  const judgements: Judgement[] = [];
  if (model !== null) {
    const verdict = checkLinearizability(operations, MODELS[model]);
    judgements.push({ property: `linearizable as ${model}`, verdict });
  }
  if (model !== null && model !== "kv") {
    const verdict = checkNoLostWrites(operations, model);
    judgements.push({ property: "no acknowledged write lost", verdict });
  }
  for (const verdict of workload.verdicts?.(operations, circumstances) ?? [])
    judgements.push({ property: `what ${name} promise`, verdict });
  return judgements;
}
