/**
 * Mutual exclusion by fencing token. A lease alone cannot exclude a holder that was paused; the token can: it grows with
 * every grant, and whoever guards a resource refuses a smaller token than one it has seen.
 *
 * The history: `acquire` ends with the token, or with null when somebody else holds the lock; `renew`, `release` and `use`
 * (the guarded work) carry the token in their invocation, and end `ok` only if it was accepted: a result of false counts
 * as refused.
 */
import { describeOperation } from "../history/describe.ts";
import { HistoryError, type Operation } from "../history/event.ts";
import type { Part } from "./model.ts";
import { badInput, badOutput, partitionByKey } from "./models/arguments.ts";
import { ACCEPTED, refused, undecided, worst, type Verdict } from "./verdict.ts";

interface Tokened {
  readonly operation: Operation;
  readonly token: number;
}

/**
 * Checks each lock (key):
 *  - no token is granted twice, and a grant that began after another had ended has the greater token;
 *  - no `renew`, `release` or `use` is accepted that began after a greater token had been granted and used: a `use` with
 *    a greater token ended before it, or, for `renew` and `release`, a greater token was granted before it.
 * @throws HistoryError for an unknown function or a malformed token.
 */
export function checkMutualExclusion(operations: readonly Operation[]): Verdict {
  const verdicts = partitionByKey(operations).map(checkLock);
  return verdicts.length === 0 ? undecided("there are no operations") : worst(verdicts);
}

function checkLock(part: Part): Verdict {
  const grants: Tokened[] = [];
  const accepted: Tokened[] = [];
  for (const operation of part.operations) {
    const token = tokenOf(operation);
    if (token === null) continue;
    (operation.f === "acquire" ? grants : accepted).push({ operation, token });
  }
  if (grants.length === 0) return undecided(`${part.label} was never acquired`);
  const granted = new Map<number, Tokened>();
  for (const grant of grants) {
    const other = granted.get(grant.token);
    if (other !== undefined) {
      return broken(part, `token ${grant.token} was granted twice`, other, grant);
    }
    granted.set(grant.token, grant);
  }
  const regress = firstBehind(grants, grants);
  if (regress !== null) return broken(part, "a later grant has a smaller token", ...regress);
  const uses = accepted.filter(({ operation }) => operation.f === "use");
  const stale = firstBehind(uses, uses);
  if (stale !== null) return broken(part, "a stale holder's work was accepted", ...stale);
  const kept = accepted.filter(({ operation }) => operation.f !== "use");
  const second = firstBehind(grants, kept);
  if (second !== null) {
    return broken(
      part,
      "two hold it: an older token was confirmed after a newer one had been granted",
      ...second,
    );
  }
  return ACCEPTED;
}

/** A pair of which the second began after the first had ended, and has the smaller token. */
function firstBehind(firsts: readonly Tokened[], seconds: readonly Tokened[]): [Tokened, Tokened] | null {
  const ended = [...firsts].sort((a, b) => a.operation.return - b.operation.return);
  let greatest: Tokened | null = null;
  let next = 0;
  for (const second of [...seconds].sort((a, b) => a.operation.call - b.operation.call)) {
    for (; next < ended.length && ended[next]!.operation.return < second.operation.call; next++) {
      if (greatest === null || ended[next]!.token > greatest.token) greatest = ended[next]!;
    }
    if (greatest !== null && second.token < greatest.token) return [greatest, second];
  }
  return null;
}

/** The token of an accepted operation; null when it was refused, or nobody knows. */
function tokenOf(operation: Operation): number | null {
  switch (operation.f) {
    case "acquire":
      if (operation.outcome !== "ok" || operation.output === null) return null;
      if (typeof operation.output !== "number") return badOutput(operation, "the token, or null");
      return operation.output;
    case "renew":
    case "release":
    case "use":
      if (typeof operation.input !== "number") return badInput(operation, "the token");
      return operation.outcome === "ok" && operation.output !== false ? operation.input : null;
    default:
      throw new HistoryError(
        operation.call,
        `a lock does not know "${operation.f}" (it knows: acquire, renew, release, use)`,
      );
  }
}

function broken(part: Part, problem: string, first: Tokened, second: Tokened): Verdict {
  return refused(
    `${part.label}: ${problem}`,
    [describeOperation(first.operation), describeOperation(second.operation)],
    [first.operation, second.operation],
  );
}
