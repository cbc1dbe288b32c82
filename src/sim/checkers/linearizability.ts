/**
 * Linearizability (Herlihy and Wing, 1990): every operation seems to take effect at one moment between its invocation and
 * its return. An operation that ended `info`, or not at all, takes effect at any time after its invocation, or never; one
 * that ended `fail` never.
 */
import type { Operation } from "../history/event.ts";
import { DEFAULT_BUDGET, type Budget } from "./configurations.ts";
import { explainContradiction } from "./contradiction.ts";
import type { Decision, ObjectKind, Part } from "./model.ts";
import { searchLinearization } from "./search.ts";
import { ACCEPTED, refused, undecided, worst, type Verdict } from "./verdict.ts";

export interface LinearizabilityOptions {
  /** For each independent part of the history. */
  readonly budget?: Budget;
}

/** Small enough that the many decisions an explanation takes stay quick. */
const EXPLANATION_BUDGET: Budget = { steps: 300_000, memory: 3_000_000 };

/**
 * Checks a history of objects of one kind, each part by itself.
 * @returns refused with the contradiction in the first part that has one; `unknown` when the budget was used up, or when
 * no operation succeeded, so that there is nothing to check.
 * @throws HistoryError when an operation does not belong to this kind of object.
 */
export function checkLinearizability(
  operations: readonly Operation[],
  kind: ObjectKind,
  options: LinearizabilityOptions = {},
): Verdict {
  const { budget = DEFAULT_BUDGET } = options;
  if (!operations.some((operation) => operation.outcome === "ok")) {
    return undecided("no operation succeeded: there is nothing to check");
  }
  const verdicts: Verdict[] = [];
  for (const part of kind.partition(operations)) {
    const verdict = checkPart(part, kind, budget);
    if (verdict.ok === false) return verdict;
    verdicts.push(verdict);
  }
  return worst(verdicts);
}

/** Whether operations that belong together are linearizable; accepted with an order of them that shows it. */
export function decideLinearizability(
  operations: readonly Operation[],
  kind: ObjectKind,
  budget: Budget = DEFAULT_BUDGET,
): Decision {
  return kind.shortcut?.(operations) ?? searchLinearization(operations, kind.model(operations), budget);
}

function checkPart(part: Part, kind: ObjectKind, budget: Budget): Verdict {
  const decision = decideLinearizability(part.operations, kind, budget);
  switch (decision.verdict) {
    case "accepted":
      return ACCEPTED;
    case "undecided":
      return undecided(`${part.label}: ${decision.why}`);
    case "refused": {
      const evidence = explainContradiction(part.operations, (some) =>
        decideLinearizability(some, kind, EXPLANATION_BUDGET),
      );
      return refused(
        `${part.label} is not linearizable as a ${kind.name}`,
        evidence.lines,
        evidence.operations,
      );
    }
  }
}
