/**
 * Sessions over counters that only grow, in a keyspace that merges. There are no versions there, and a replica shows whatever has come to it; what a
 * counter shows is the measure instead.
 */
import { describeOperation } from "../history/describe.ts";
import type { HistoryKey, Operation } from "../history/event.ts";
import { token } from "./models/arguments.ts";
import { ACCEPTED, refused, type Verdict, worst } from "./verdict.ts";

/**
 * **Read your writes**: a read comes to at least what its session has added before, as far as that was acknowledged before the read began.
 * **Monotonic reads**: and to no less than any read or increment of its session has shown by then.
 */
export function checkSessionGrowth(operations: readonly Operation[], keys: readonly HistoryKey[]): Verdict {
  const sessions = new Map<string, Operation[]>();
  for (const operation of operations) {
    if (operation.outcome !== "ok" || operation.node !== undefined || !keys.includes(operation.key)) continue;
    const name = `session ${token(operation.session)}, key ${token(operation.key)}`;
    const session = sessions.get(name);
    if (session === undefined) sessions.set(name, [operation]);
    else session.push(operation);
  }
  return worst([...sessions].map(([name, session]) => checkSession(name, session)));
}

function checkSession(name: string, operations: readonly Operation[]): Verdict {
  const byCall = [...operations].sort((a, b) => a.call - b.call);
  const byReturn = [...operations].sort((a, b) => a.return - b.return);
  let added = 0;
  let highest: Operation | null = null;
  let completed = 0;
  for (const operation of byCall) {
    for (; byReturn[completed]!.return < operation.call; completed++) {
      const earlier = byReturn[completed]!;
      if (earlier.f === "increment") added += Number(earlier.input);
      if (highest === null || Number(earlier.output) > Number(highest.output)) highest = earlier;
    }
    if (operation.f !== "read") continue;
    const shown = Number(operation.output);
    if (shown < added)
      return refused(
        `${name}: a session does not read its own writes: it has added ${added}, and reads ${shown}`,
        [describeOperation(operation)],
        [operation],
      );
    if (highest !== null && shown < Number(highest.output))
      return refused(
        `${name}: a session reads less than it has seen before`,
        [describeOperation(highest), describeOperation(operation)],
        [highest, operation],
      );
  }
  return ACCEPTED;
}
