/**
 * Liveness after healing: once all faults have ended, the cluster answers again within a bound. A safety checker accepts
 * a cluster that does nothing; this one does not.
 */
import { describeOperation } from "../history/describe.ts";
import type { Operation } from "../history/event.ts";
import { partitionByKey } from "./models/arguments.ts";
import { ACCEPTED, refused, undecided, type Verdict } from "./verdict.ts";

export interface LivenessOptions {
  /** When the last fault ended, in the history's milliseconds. */
  readonly healedAt: number;
  /** Milliseconds the cluster may take to recover, and any operation after that to succeed. */
  readonly within: number;
  /** When the observation ended; without it, the last time in the history. */
  readonly endedAt?: number;
}

/**
 * Every operation invoked after healedAt + within succeeds within `within`, and every key that was tried from healedAt on
 * has a success by healedAt + 2 x within. Operations whose time had not run out at the end are passed over.
 */
export function checkLiveness(operations: readonly Operation[], options: LivenessOptions): Verdict {
  const { healedAt, within } = options;
  const endedAt = options.endedAt ?? lastTime(operations);
  const recoveredAt = healedAt + within;
  let judged = 0;
  for (const part of partitionByKey(operations)) {
    const tried = part.operations.filter((operation) => operation.invoked >= healedAt);
    const settled = tried.filter(
      (operation) => operation.invoked >= recoveredAt && operation.invoked + within <= endedAt,
    );
    for (const operation of settled) {
      judged++;
      if (operation.outcome === "ok" && operation.completed - operation.invoked <= within) continue;
      return refused(
        `${part.label}: an operation did not succeed within ${within} ms, although all faults had ended ` +
          `${operation.invoked - healedAt} ms before it`,
        [
          describeOperation(operation),
          ...(operation.error === undefined ? [] : [`error: ${operation.error}`]),
        ],
        [operation],
      );
    }
    const bound = recoveredAt + within;
    if (tried.length === 0 || endedAt < bound) continue;
    judged++;
    if (!tried.some((operation) => operation.outcome === "ok" && operation.completed <= bound)) {
      return refused(
        `${part.label}: nothing succeeded within ${2 * within} ms after all faults had ended`,
        tried.slice(0, 5).map(describeOperation),
        tried.slice(0, 5),
      );
    }
  }
  return judged === 0
    ? undecided(`no operation was observed for long enough after ${healedAt} ms`)
    : ACCEPTED;
}

function lastTime(operations: readonly Operation[]): number {
  let last = -Infinity;
  for (const { invoked, completed } of operations) {
    last = Math.max(last, completed === Infinity ? invoked : completed);
  }
  return last;
}
