/** Why a history was refused: the longest prefix that has an explanation, and the few operations that contradict each other. */
import { describeOperation } from "../history/describe.ts";
import { drawDiagram } from "../history/diagram.ts";
import type { Operation } from "../history/event.ts";
import type { Decision } from "./model.ts";
import type { Evidence } from "./verdict.ts";

/** Decides about any operations of the object in question, within a small budget. */
export type Decide = (operations: readonly Operation[]) => Decision;

/** How many decisions may be spent on making the explanation shorter. */
const MOST_DECISIONS = 400;
/** And for how many operations altogether: a decision costs in proportion to them. */
const MOST_WORK = 4_000_000;

/**
 * Explains a refusal. What is refused stays refused in every longer history, so that the operation whose completion made
 * the history impossible is found by bisection. Then each operation that can be given up is: a read is left out, and of
 * any other it is forgotten that it was acknowledged, so that it may take effect late or never. What is left contradicts
 * itself whatever else happened.
 */
export function explainContradiction(operations: readonly Operation[], decide: Decide): Evidence {
  const byReturn = operations
    .filter((operation) => operation.outcome === "ok")
    .sort((a, b) => a.return - b.return);
  const culprit = firstRefused(
    byReturn,
    (last) => decide(historyUntil(operations, last)).verdict === "refused",
  );
  if (culprit === null) {
    return { lines: ["It takes the whole history to see it."], operations: byReturn.slice(-1) };
  }
  const last = byReturn[culprit]!;
  const before = byReturn[culprit - 1];
  const core = shrink(historyUntil(operations, last.return), decide);
  const lines: string[] = [];
  if (before === undefined) lines.push("Not even the first operation to complete can be placed.");
  else {
    const prefix = decide(historyUntil(operations, before.return));
    lines.push(
      `The longest prefix that has an order ends at line ${before.return}: ${culprit} of ${byReturn.length} operations` +
        `${prefix.verdict === "accepted" ? `, after which the state can be ${prefix.state}` : ""}.`,
    );
  }
  lines.push(`No order is left once this completes: ${describeOperation(last)}`, "", ...describeCore(core));
  return { lines, operations: core };
}

/**
 * Only shrinks: for properties of which a part of a refused history says nothing, as an operation may be explained by
 * one that comes later.
 */
export function explainByShrinking(operations: readonly Operation[], decide: Decide): Evidence {
  const core = shrink(operations, decide);
  return { lines: describeCore(core), operations: core };
}

function describeCore(core: readonly Operation[]): readonly string[] {
  return [
    core.length === 1
      ? "This operation cannot be placed, whenever the others take effect:"
      : `These ${core.length} operations contradict each other, whenever the others take effect:`,
    ...core.slice(0, MOST_SHOWN).map((operation) => `- ${describeOperation(operation)}`),
    ...(core.length > MOST_SHOWN ? [`- ... and ${core.length - MOST_SHOWN} more`] : []),
    "",
    ...drawDiagram(core),
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

/** The operation, without the knowledge that it happened. */
function forgotten(operation: Operation): Operation {
  return { ...operation, outcome: "info", output: null, completed: Infinity, return: Infinity };
}

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

/** The acknowledged operations of a refused history that cannot be given up. */
function shrink(operations: readonly Operation[], decide: Decide): readonly Operation[] {
  let current = operations;
  let decisions = 0;
  let work = 0;
  const refusedWithout = (dropped: ReadonlySet<Operation>): boolean => {
    const rest = current.map((operation) => (dropped.has(operation) ? forgotten(operation) : operation));
    decisions++;
    work += rest.length;
    if (decide(rest).verdict !== "refused") return false;
    current = rest;
    return true;
  };
  // In ever smaller pieces, the oldest first: what lies far back is rarely part of it.
  const acknowledged = (): Operation[] => current.filter((operation) => operation.outcome === "ok");
  for (let size = acknowledged().length >> 1; size >= 1; size >>= 1) {
    const candidates = acknowledged();
    for (let from = 0; from < candidates.length; from += size) {
      if (decisions >= MOST_DECISIONS || work >= MOST_WORK) return acknowledged();
      refusedWithout(new Set(candidates.slice(from, from + size)));
    }
  }
  return acknowledged();
}
