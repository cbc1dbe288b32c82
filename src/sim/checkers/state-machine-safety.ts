/** State-machine safety: no two replicas apply different entries at one index (Raft, figure 3). */
import { observer } from "./base-observer.ts";
import { describeWhere, type GroupEventOf, type Observer } from "./observer.ts";
import { refused } from "./verdict.ts";

export function stateMachineSafety(): Observer {
  /** By group, then by index: who applied it first, and what. */
  const groups = new Map<number, Map<number, GroupEventOf<"applied">>>();
  return observer("nothing was applied", (event) => {
    if (event.type !== "applied") return undefined;
    let applied = groups.get(event.group);
    if (applied === undefined) groups.set(event.group, (applied = new Map()));
    const first = applied.get(event.index);
    if (first === undefined) applied.set(event.index, event);
    if (first === undefined || first.hash === event.hash) return null;
    return refused(`replicas of group ${event.group} applied different entries at index ${event.index}`, [
      `${describeWhere(first)}: ${first.hash}`,
      `${describeWhere(event)}: ${event.hash}`,
    ]);
  });
}
