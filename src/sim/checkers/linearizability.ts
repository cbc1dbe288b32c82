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

/**
 * Whether the operations of one part are linearizable; accepted with an order of them that shows it.
 *
 * A history that is fine is nearly always accepted at once. So a short search comes first; when it does not get through,
 * something is probably wrong where it got stuck, and weaker histories may show that. The long search comes last.
 */
export function decideLinearizability(
  operations: readonly Operation[],
  kind: ObjectKind,
  budget: Budget = DEFAULT_BUDGET,
): Decision {
  const shortcut = kind.shortcut?.(operations);
  if (shortcut !== undefined && shortcut !== null) return shortcut;
  const short = shorter(budget, operations.length);
  const first = searchLinearization(operations, kind.model(operations), short);
  if (first.verdict !== "undecided") return first;
  const because =
    refusedWeaker(operations, kind, short) ?? refusedWindow(operations, kind, first.suspects, short);
  if (because !== null) return { verdict: "refused", because };
  return searchLinearization(operations, kind.model(operations), budget);
}

function shorter(budget: Budget, operations: number): Budget {
  return { steps: Math.min(budget.steps, 100_000 + 100 * operations), memory: budget.memory };
}

/** A part of the weakened history that is refused, if there is one. */
function refusedWeaker(
  operations: readonly Operation[],
  kind: ObjectKind,
  budget: Budget,
): readonly Operation[] | null {
  // Weakened once: a part that stays undecided would be weakened to itself for ever.
  const { weaken, ...asItIs } = kind;
  const weaker = weaken?.(operations) ?? [];
  const parts = weaker.length === 0 ? [] : kind.partition(weaker);
  for (const part of parts) {
    const decision = decideLinearizability(part.operations, asItIs, budget);
    if (decision.verdict === "refused") return decision.because ?? part.operations;
  }
  return null;
}

const WIDTHS = [30, 100, 300];

function refusedWindow(
  operations: readonly Operation[],
  kind: ObjectKind,
  lines: readonly number[],
  budget: Budget,
): readonly Operation[] | null {
  if (kind.window === undefined) return null;
  for (const line of lines) {
    for (const width of WIDTHS) {
      const window = kind.window(operations, line, width);
      if (window.length === 0) continue;
      if (searchLinearization(window, kind.model(window), budget).verdict === "refused") return window;
    }
  }
  return null;
}

function checkPart(part: Part, kind: ObjectKind, budget: Budget): Verdict {
  const decision = decideLinearizability(part.operations, kind, budget);
  switch (decision.verdict) {
    case "accepted":
      return ACCEPTED;
    case "undecided":
      return undecided(`${part.label}: ${decision.why}`);
    case "refused": {
      const decide = (some: readonly Operation[]): Decision =>
        decideLinearizability(some, kind, EXPLANATION_BUDGET);
      const because = decision.because ?? refusedWeaker(part.operations, kind, EXPLANATION_BUDGET);
      const { lines, operations } =
        because === null
          ? explainContradiction(part.operations, decide, {
              narrow: (line) => refusedWindow(part.operations, kind, [line], EXPLANATION_BUDGET),
            })
          : explainContradiction(because, decide, { originals: part.operations });
      return refused(`${part.label} is not linearizable as a ${kind.name}`, lines, operations);
    }
  }
}
