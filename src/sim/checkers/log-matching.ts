/**
 * Log matching: if two logs have an entry with the same index and term, they are the same up to it (Raft, figure 3).
 *
 * By induction it is enough that one index and term always goes with one content and one term of the entry before it, in
 * all logs that ever existed; so one look at each entry suffices, and logs need not be compared pairwise.
 */
import { observer } from "./base-observer.ts";
import { describeWhere, type GroupEventOf, type LogEntry, type Observer } from "./observer.ts";
import { refused, type Refused } from "./verdict.ts";

interface Known {
  readonly hash: string | number;
  /** Null while only seen as the first entry after a snapshot. */
  termBefore: number | null;
  readonly seenAt: string;
}

export function logMatching(): Observer {
  const known = new Map<string, Known>();
  return observer("no log was seen", (event) => (event.type === "log" ? check(event, known) : undefined));
}

function check(event: GroupEventOf<"log">, known: Map<string, Known>): Refused | null {
  let before: LogEntry | null = null;
  for (const entry of event.entries) {
    const [index, term, hash] = entry;
    if (before !== null && index !== before[0] + 1) {
      return broken(event, `the log has a gap: index ${index} follows ${before[0]}`);
    }
    if (before !== null && term < before[1]) {
      return broken(event, `terms go back in the log: ${term} at index ${index} follows ${before[1]}`);
    }
    const termBefore = before?.[1] ?? (index === 1 ? 0 : null);
    before = entry;
    const id = `${event.group} ${index} ${term}`;
    const same = known.get(id);
    if (same === undefined) {
      known.set(id, { hash, termBefore, seenAt: describeWhere(event) });
      continue;
    }
    if (same.hash !== hash) {
      return broken(event, `index ${index} of term ${term} has two contents`, [
        `${same.seenAt}: ${same.hash}`,
        `${describeWhere(event)}: ${hash}`,
      ]);
    }
    if (termBefore === null) continue;
    if (same.termBefore === null) same.termBefore = termBefore;
    else if (same.termBefore !== termBefore) {
      return broken(event, `index ${index} of term ${term} follows two different entries`, [
        `${same.seenAt}: an entry of term ${same.termBefore}`,
        `${describeWhere(event)}: an entry of term ${termBefore}`,
      ]);
    }
  }
  return null;
}

function broken(
  event: GroupEventOf<"log">,
  problem: string,
  lines: readonly string[] = [describeWhere(event)],
): Refused {
  return refused(`logs of group ${event.group} do not match: ${problem}`, lines);
}
