/** Election safety: at most one leader is elected in a term (Raft, figure 3). */
import { observer } from "./base-observer.ts";
import { describeWhere, type GroupEventOf, type Observer } from "./observer.ts";
import { refused } from "./verdict.ts";

export function electionSafety(): Observer {
  /** By group and term. */
  const leaders = new Map<string, GroupEventOf<"leader">>();
  return observer("no leader was elected", (event) => {
    if (event.type !== "leader") return undefined;
    const where = `${event.group} ${event.term}`;
    const other = leaders.get(where);
    if (other === undefined) leaders.set(where, event);
    if (other === undefined || other.node === event.node) return null;
    return refused(`group ${event.group} has two leaders in term ${event.term}`, [
      describeWhere(other),
      describeWhere(event),
    ]);
  });
}
