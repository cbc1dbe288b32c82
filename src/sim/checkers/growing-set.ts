/**
 * A set to which every element is added at most once, and from which nothing is removed, can be checked without a search:
 * its reads form a chain, each of them containing the one before. That ranks every operation: an `add` comes before the
 * first read that has its element and after the last one that has not. The history is linearizable if and only if the
 * reads form a chain and the ranks agree with real time. O(n log n).
 */
import type { Operation } from "../history/event.ts";
import type { Decision } from "./model.ts";
import { compileSetOp, type SetReadOp } from "./models/set.ts";
import { agreesWithRealTime, inOrder, type Ranked } from "./order-constraints.ts";

/** Null when the set is used in another way. */
export function decideGrowingSet(operations: readonly Operation[]): Decision | null {
  const adds = new Map<string, Operation>();
  const reads: { operation: Operation; op: SetReadOp }[] = [];
  for (const operation of operations) {
    if (operation.outcome === "fail") continue;
    const op = compileSetOp(operation);
    if (op.kind === "read") {
      if (operation.outcome === "ok") reads.push({ operation, op });
    } else if (op.kind === "add" && op.before !== true && !adds.has(op.element)) {
      adds.set(op.element, operation);
    } else {
      return null;
    }
  }
  reads.sort((a, b) => a.op.elements!.size - b.op.elements!.size);

  const ranked: Ranked[] = [];
  let seen: ReadonlySet<string> = new Set();
  let rank = 0;
  for (const { operation, op } of reads) {
    const elements = op.elements!;
    if (elements.size > seen.size) {
      rank += 2;
      for (const element of elements) {
        if (seen.has(element)) continue;
        const add = adds.get(element);
        if (add === undefined) return { verdict: "refused" };
        ranked.push({ operation: add, rank: rank - 1 });
      }
    }
    for (const element of seen) if (!elements.has(element)) return { verdict: "refused" };
    seen = elements;
    ranked.push({ operation, rank });
  }
  for (const [element, operation] of adds) {
    if (!seen.has(element) && operation.outcome === "ok") ranked.push({ operation, rank: rank + 1 });
  }
  if (!agreesWithRealTime(ranked)) return { verdict: "refused" };
  const added = ranked.filter((entry) => entry.operation.f === "add").length;
  return { verdict: "accepted", order: inOrder(ranked), state: `a set of ${added} elements` };
}
