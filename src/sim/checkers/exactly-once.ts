/**
 * Exactly once: a request with a unique id, sent any number of times, is applied at most once; an acknowledged one was
 * applied, and was acknowledged once; a refused one was not applied.
 */
import type { Operation } from "../history/event.ts";
import { badOutput, token } from "./models/arguments.ts";
import { ACCEPTED, refused, undecided, type Verdict } from "./verdict.ts";

export type OnceEvent =
  /** A client has decided to make this request; retries are not issued again. */
  | { readonly type: "issued"; readonly id: string }
  /** The final state shows one application of it. Report every replica's applications through its own checker. */
  | { readonly type: "applied"; readonly id: string }
  | { readonly type: "acknowledged"; readonly id: string }
  /** Answered with a definite error. */
  | { readonly type: "refused"; readonly id: string };

/** Checks a complete run: all events, in any order. */
export function checkExactlyOnce(events: readonly OnceEvent[]): Verdict {
  return check(events, ({ applied }) => (applied > 1 ? `was applied ${applied} times` : null));
}

/** The same where a request may be applied more than once: an acknowledged one was, and a refused one never. */
export function checkAtLeastOnce(events: readonly OnceEvent[]): Verdict {
  return check(events, () => null);
}

type Counts = Readonly<Record<OnceEvent["type"], number>>;

function check(events: readonly OnceEvent[], tooOften: (count: Counts) => string | null): Verdict {
  const counts = new Map<string, Record<OnceEvent["type"], number>>();
  for (const { type, id } of events) {
    let count = counts.get(id);
    if (count === undefined) counts.set(id, (count = { issued: 0, applied: 0, acknowledged: 0, refused: 0 }));
    count[type]++;
  }
  if (counts.size === 0) return undecided("no request was made");
  for (const [id, count] of counts) {
    const broken = tooOften(count) ?? brokenRule(count);
    if (broken === null) continue;
    const { issued, applied, acknowledged } = count;
    return refused(`request ${id} ${broken}`, [
      `issued ${issued}, applied ${applied}, acknowledged ${acknowledged}, refused ${count.refused} times`,
    ]);
  }
  return ACCEPTED;
}

function brokenRule(count: Counts): string | null {
  if (count.issued > 1) return "was issued twice: its id is not unique";
  if (count.issued === 0) return "was never issued";
  if (count.acknowledged > 1) return `was acknowledged ${count.acknowledged} times`;
  if (count.acknowledged > 0 && count.applied === 0) return "was acknowledged but not applied";
  if (count.refused > 0 && count.applied > 0) return "was refused and yet applied";
  if (count.refused > 0 && count.acknowledged > 0) return "was acknowledged and refused";
  return null;
}

/**
 * The events in a history of one list to which every request appended its id: what the last read holds was applied.
 * Only use it when that read came after everything else.
 */
export function onceEventsOfList(operations: readonly Operation[]): readonly OnceEvent[] {
  const events: OnceEvent[] = [];
  let last: Operation | null = null;
  for (const operation of operations) {
    if (operation.f === "read") {
      if (operation.outcome === "ok" && (last === null || operation.call > last.call)) last = operation;
      continue;
    }
    const id = token(operation.input);
    events.push({ type: "issued", id });
    if (operation.outcome === "ok") events.push({ type: "acknowledged", id });
    if (operation.outcome === "fail") events.push({ type: "refused", id });
  }
  if (last === null) return [];
  if (!Array.isArray(last.output)) return badOutput(last, "an array");
  for (const element of last.output) events.push({ type: "applied", id: token(element) });
  return events;
}
