/**
 * No acknowledged write is lost, and nothing is there that nobody wrote. Compares the last read of each key with what was
 * acknowledged before it; far cheaper than linearizability, and it says directly what is missing.
 *
 * Writes still open when the last read begins may or may not be in it. A `fail` must not be.
 */
import { describeOperation } from "../history/describe.ts";
import type { HistoryValue, Operation } from "../history/event.ts";
import type { Part } from "./model.ts";
import { badOutput, partitionByKey, token } from "./models/arguments.ts";
import { compileCounterOp } from "./models/counter.ts";
import { compileRegisterOp } from "./models/register.ts";
import { ACCEPTED, refused, undecided, worst, type Verdict } from "./verdict.ts";

export type LossyKind = "register" | "counter" | "set" | "list";

/**
 * Checks the last read of every key. `unknown` when a key has none.
 * @throws HistoryError when an operation does not belong to this kind of object.
 */
export function checkNoLostWrites(operations: readonly Operation[], kind: LossyKind): Verdict {
  const parts = partitionByKey(operations);
  if (parts.length === 0) return undecided("there are no operations");
  return worst(parts.map((part) => checkPart(part, kind)));
}

function checkPart(part: Part, kind: LossyKind): Verdict {
  const last = part.operations
    .filter((operation) => operation.f === "read" && operation.outcome === "ok")
    .reduce<Operation | null>((best, read) => (best === null || read.call > best.call ? read : best), null);
  if (last === null) return undecided(`${part.label} is never read`);
  switch (kind) {
    case "register":
      return checkRegister(part, last);
    case "counter":
      return checkCounter(part, last);
    case "set":
      return checkElements(part, last, "add");
    case "list":
      return checkElements(part, last, "append");
  }
}

/** The acknowledged increments are in the counter, and at most the unknown ones beside them. */
function checkCounter(part: Part, last: Operation): Verdict {
  let least = 0;
  let most = 0;
  let acknowledged = 0;
  for (const operation of part.operations) {
    if (operation.outcome === "fail" || operation.call > last.return) continue;
    const { amount } = compileCounterOp(operation);
    if (operation.return < last.call) {
      least += amount;
      most += amount;
      acknowledged++;
    } else {
      least += Math.min(0, amount);
      most += Math.max(0, amount);
    }
  }
  const { output } = last;
  if (typeof output !== "number") return badOutput(last, "a number");
  if (output >= least && output <= most) return ACCEPTED;
  return refused(
    output < least ? `${part.label} lost acknowledged increments` : `${part.label} counts what nobody added`,
    [
      `${acknowledged} acknowledged operations and those of unknown outcome allow ${least} to ${most}, but:`,
      describeOperation(last),
    ],
    [last],
  );
}

/** Every acknowledged element is there, unless a `remove` may have taken it; no other is, and none is there twice. */
function checkElements(part: Part, last: Operation, f: "add" | "append"): Verdict {
  const found = new Map<string, number>();
  if (last.output !== null && !Array.isArray(last.output)) return badOutput(last, "an array");
  for (const element of (last.output ?? []) as readonly HistoryValue[]) {
    found.set(token(element), (found.get(token(element)) ?? 0) + 1);
  }
  const removable = new Set<string>();
  const written = new Map<string, { acknowledged: Operation[]; possible: number }>();
  for (const operation of part.operations) {
    if (operation.outcome === "fail" || operation.call > last.return) continue;
    const element = token(operation.input);
    if (operation.f === "remove") removable.add(element);
    if (operation.f !== f) continue;
    let entry = written.get(element);
    if (entry === undefined) written.set(element, (entry = { acknowledged: [], possible: 0 }));
    entry.possible++;
    if (operation.return < last.call) entry.acknowledged.push(operation);
  }
  const lost: Operation[] = [];
  for (const [element, { acknowledged }] of written) {
    const expected = f === "append" ? acknowledged.length : Math.min(1, acknowledged.length);
    if ((found.get(element) ?? 0) < expected && !removable.has(element)) lost.push(acknowledged.at(-1)!);
  }
  if (lost.length > 0) {
    return refused(
      `${part.label} lost ${lost.length} acknowledged ${lost.length === 1 ? "write" : "writes"}`,
      [...lost.slice(0, MOST_SHOWN).map(describeOperation), "missing in:", describeOperation(last)],
      [...lost, last],
    );
  }
  for (const [element, times] of found) {
    const possible = written.get(element)?.possible ?? 0;
    if (possible === 0) {
      return refused(
        `${part.label} holds ${element}, which was never written or whose write had failed`,
        [describeOperation(last)],
        [last],
      );
    }
    if (times > (f === "append" ? possible : 1)) {
      return refused(
        `${part.label} holds ${element} ${times} times, written ${possible} times`,
        [describeOperation(last)],
        [last],
      );
    }
  }
  return ACCEPTED;
}

const MOST_SHOWN = 10;

/** The value comes from a write that no acknowledged one, begun after it had ended, has replaced. */
function checkRegister(part: Part, last: Operation): Verdict {
  const value = token(last.output);
  const writes = part.operations.flatMap((operation) => {
    if (operation.outcome === "fail" || operation.call > last.return) return [];
    const gives = compileRegisterOp(operation).gives?.[0];
    return gives === undefined ? [] : [{ operation, gives }];
  });
  // The acknowledged write that began last: whatever had ended before it began cannot be what the read saw.
  let latest: Operation | null = null;
  for (const { operation } of writes) {
    if (operation.return < last.call && (latest === null || operation.call > latest.call)) latest = operation;
  }
  const wasNeverWritten = value === token(null);
  if (latest === null && wasNeverWritten) return ACCEPTED;
  const sources = writes.filter(({ gives }) => gives === value);
  if (sources.some(({ operation }) => latest === null || operation.return >= latest.call)) return ACCEPTED;
  if (latest === null || (sources.length === 0 && !wasNeverWritten)) {
    return refused(`${part.label} holds a value that nobody wrote`, [describeOperation(last)], [last]);
  }
  return refused(
    `${part.label} lost an acknowledged write`,
    [describeOperation(latest), "is not in, and nothing later replaced it:", describeOperation(last)],
    [latest, last],
  );
}
