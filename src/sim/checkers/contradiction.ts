/** Why a history was refused: the longest prefix that has an explanation, and the few operations that contradict each other. */
import { describeOperation } from "../history/describe.ts";
import { drawDiagram } from "../history/diagram.ts";
import type { Operation } from "../history/event.ts";
import type { Decision } from "./model.ts";
import { forgotten } from "./weaker.ts";
import type { Evidence } from "./verdict.ts";

/** Decides about any operations of the object in question, within a small budget. */
export type Decide = (operations: readonly Operation[]) => Decision;

/** How many decisions may be spent on making the explanation shorter. */
const MOST_DECISIONS = 300;
/** And for how many operations altogether: a decision costs in proportion to them. */
const MOST_WORK = 400_000;

/**
 * Explains a refusal. What is refused stays refused in every longer history, so that the operation whose completion made
 * the history impossible is found by bisection. Then each operation that can be given up is: a read is left out, and of
 * any other it is forgotten that it was acknowledged, so that it may take effect late or never. What is left contradicts
 * itself whatever else happened.
 *
 */
export function explainContradiction(
  operations: readonly Operation[],
  decide: Decide,
  context: ExplanationContext = {},
): Evidence {
  const { originals, narrow } = context;
  const shown = (some: readonly Operation[]): readonly Operation[] =>
    inOriginal(some, originals ?? operations);
  const byReturn = operations
    .filter((operation) => operation.outcome === "ok")
    .sort((a, b) => a.return - b.return);
  const culprit = firstRefused(
    byReturn,
    (line) => decide(historyUntil(operations, line)).verdict === "refused",
  );
  if (culprit === null) {
    // A decision did not fit into its budget.
    const core = shrink(operations, decide);
    return { lines: describeCore(core, shown(core.essential)), operations: shown(core.essential) };
  }
  const last = byReturn[culprit]!;
  const core = shrink(narrow?.(last.return) ?? historyUntil(operations, last.return), decide);
  return {
    lines: [
      ...(originals === undefined ? [describePrefix(operations, byReturn, culprit, decide)] : []),
      `No order is left once this completes: ${describeOperation(shown([last])[0]!)}`,
      "",
      ...describeCore(core, shown(core.essential)),
    ],
    operations: shown(core.essential),
  };
}

export interface ExplanationContext {
  /** When the operations are a weaker form of a history: that history's, to be shown instead. */
  readonly originals?: readonly Operation[];
  /** A weaker history that is refused at this line already; null when none is known. */
  readonly narrow?: (line: number) => readonly Operation[] | null;
}

function describePrefix(
  operations: readonly Operation[],
  byReturn: readonly Operation[],
  culprit: number,
  decide: Decide,
): string {
  const before = byReturn[culprit - 1];
  if (before === undefined) return "Not even the first operation to complete can be placed.";
  const prefix = decide(historyUntil(operations, before.return));
  const state = prefix.verdict === "accepted" ? `, after which the state can be ${clip(prefix.state)}` : "";
  return `The longest prefix that has an order ends at line ${before.return}: ${culprit} of ${byReturn.length} operations${state}.`;
}

function clip(text: string): string {
  return text.length <= 200 ? text : `${text.slice(0, 197)}...`;
}

function inOriginal(operations: readonly Operation[], originals: readonly Operation[]): readonly Operation[] {
  const byCall = new Map(originals.map((operation) => [operation.call, operation]));
  return [...new Set(operations.map((operation) => byCall.get(operation.call) ?? operation))];
}

/**
 * Only shrinks: for properties of which a part of a refused history says nothing, as an operation may be explained by
 * one that comes later.
 */
export function explainByShrinking(operations: readonly Operation[], decide: Decide): Evidence {
  const core = shrink(operations, decide);
  return { lines: describeCore(core, core.essential), operations: core.essential };
}

function describeCore({ tooEarly }: Core, shown: readonly Operation[]): readonly string[] {
  const these =
    shown.length === 1
      ? "This operation cannot be placed"
      : `These ${shown.length} operations contradict each other`;
  const others =
    tooEarly === 0
      ? "whenever the others take effect"
      : `whenever the others take effect (${tooEarly} of them could have helped, but were over too early)`;
  return [
    `${these}, ${others}:`,
    ...shown.slice(0, MOST_SHOWN).map((operation) => `- ${describeOperation(operation)}`),
    ...(shown.length > MOST_SHOWN ? [`- ... and ${shown.length - MOST_SHOWN} more`] : []),
    "",
    ...drawDiagram(shown),
  ];
}

const MOST_SHOWN = 24;

/** The history as it looked right after this line. */
function historyUntil(operations: readonly Operation[], line: number): readonly Operation[] {
  return operations
    .filter((operation) => operation.call <= line)
    .map((operation) =>
      operation.outcome === "ok" && operation.return > line ? forgotten(operation) : operation,
    );
}

/** Leave no trace once nobody knows what they saw. */
const READS: ReadonlySet<string> = new Set(["read", "contains"]);

/** The first return whose history is refused, by bisection; null if none is, because the budget did not suffice. */
function firstRefused(byReturn: readonly Operation[], refuses: (line: number) => boolean): number | null {
  let low = 0;
  let high = byReturn.length - 1;
  if (high < 0 || !refuses(byReturn[high]!.return)) return null;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (refuses(byReturn[middle]!.return)) high = middle;
    else low = middle + 1;
  }
  return high;
}

/** Operations that contradict each other, as long as there are few of them. */
interface Core {
  /** If there are many: those that are refused on their own, and the latest of the others. */
  readonly essential: readonly Operation[];
  /** How many others there are. They matter only because they are over: an open one could still help. */
  readonly tooEarly: number;
}

const LATEST_SHOWN = 6;

/** The acknowledged operations of a refused history that cannot be given up. */
function shrink(operations: readonly Operation[], decide: Decide): Core {
  let current = operations;
  let decisions = 0;
  let work = 0;
  const acknowledged = (): Operation[] => current.filter((operation) => operation.outcome === "ok");
  // In ever smaller pieces, the oldest first: what lies far back is rarely part of it.
  const giveUp = (replace: (operation: Operation) => readonly Operation[]): void => {
    for (let size = acknowledged().length >> 1; size >= 1; size >>= 1) {
      const candidates = acknowledged();
      for (let from = 0; from < candidates.length; from += size) {
        if (decisions >= MOST_DECISIONS || work >= MOST_WORK) return;
        const dropped = new Set(candidates.slice(from, from + size));
        const rest = current.flatMap((operation) =>
          dropped.has(operation) ? replace(operation) : [operation],
        );
        decisions++;
        work += rest.length;
        if (decide(rest).verdict === "refused") current = rest;
      }
    }
  };
  giveUp((operation) => (READS.has(operation.f) ? [] : [forgotten(operation)]));
  const contradicting = acknowledged();
  if (contradicting.length <= MOST_SHOWN) return { essential: contradicting, tooEarly: 0 };
  decisions = 0;
  work = 0;
  giveUp(() => []);
  const left = new Set(acknowledged());
  const others = contradicting
    .filter((operation) => !left.has(operation))
    .sort((a, b) => a.return - b.return);
  const latest = new Set(others.slice(-LATEST_SHOWN));
  const essential = contradicting.filter((operation) => left.has(operation) || latest.has(operation));
  return { essential, tooEarly: contradicting.length - essential.length };
}
