/**
 * A list to which no element is appended twice can be checked without a search: the longest read ranks every operation.
 * The history is linearizable if and only if all reads are prefixes of the longest one and the ranks agree with real time.
 * O(n log n), beside the length of the reads.
 */
import type { Operation } from "../history/event.ts";
import type { Decision } from "./model.ts";
import { compileListOp, type ListOp } from "./models/list-append.ts";
import { agreesWithRealTime, inOrder, type Ranked } from "./order-constraints.ts";

const IMPOSSIBLE: Decision = { verdict: "refused" };

/** Null when elements repeat, or when an append that nobody saw tells the new length. */
export function decideGrowingList(operations: readonly Operation[]): Decision | null {
  const appends = new Map<string, { readonly operation: Operation; readonly op: ListOp }>();
  const reads: { readonly operation: Operation; readonly elements: readonly string[] }[] = [];
  let longest: readonly string[] = [];
  for (const operation of operations) {
    if (operation.outcome === "fail") continue;
    const op = compileListOp(operation);
    if (op.kind === "append") {
      if (appends.has(op.element)) return null;
      appends.set(op.element, { operation, op });
    } else if (op.elements !== null) {
      reads.push({ operation, elements: op.elements });
      if (op.elements.length > longest.length) longest = op.elements;
    }
  }

  const ranked: Ranked[] = [];
  const seen = new Set(longest);
  if (seen.size < longest.length) return IMPOSSIBLE;
  for (const [element, { operation, op }] of appends) {
    if (seen.has(element) || operation.outcome !== "ok") continue;
    if (op.length !== null) return null;
    ranked.push({ operation, rank: 2 * longest.length + 1 });
  }
  for (const [index, element] of longest.entries()) {
    const append = appends.get(element);
    if (append === undefined) return IMPOSSIBLE;
    if (append.op.length !== null && append.op.length !== index + 1) return IMPOSSIBLE;
    ranked.push({ operation: append.operation, rank: 2 * index + 1 });
  }
  for (const { operation, elements } of reads) {
    if (!elements.every((element, index) => element === longest[index])) return IMPOSSIBLE;
    ranked.push({ operation, rank: 2 * elements.length });
  }
  if (!agreesWithRealTime(ranked)) return IMPOSSIBLE;
  const length = ranked.length - reads.length;
  return { verdict: "accepted", order: inOrder(ranked), state: `a list of ${length} elements` };
}
