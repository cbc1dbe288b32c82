/**
 * Leader completeness: an entry committed in a term is in the log of every leader of a later term (Raft, figure 3).
 *
 * Every leader's log is remembered as it was at the election, as the news of an earlier commitment may come later.
 */
import { observer } from "./base-observer.ts";
import { describeWhere, type GroupEventOf, type Observer } from "./observer.ts";
import { refused, type Refused } from "./verdict.ts";

interface Elected {
  readonly event: GroupEventOf<"leader">;
  readonly log: GroupEventOf<"log">;
}

interface Group {
  readonly logs: Map<number, GroupEventOf<"log">>;
  readonly committed: Map<number, GroupEventOf<"committed">>;
  readonly elected: Elected[];
}

export interface LeaderCompletenessOptions {
  /** How many elections of a group are remembered for late news; older ones are forgotten. Default 64. */
  readonly elections?: number;
}

/** A leader whose log was never reported is passed over. */
export function leaderCompleteness(options: LeaderCompletenessOptions = {}): Observer {
  const { elections = 64 } = options;
  const groups = new Map<number, Group>();
  const groupOf = (number: number): Group => {
    let group = groups.get(number);
    if (group === undefined) {
      groups.set(number, (group = { logs: new Map(), committed: new Map(), elected: [] }));
    }
    return group;
  };
  return observer("no leader's log was compared with a committed entry", (event) => {
    const group = groupOf(event.group);
    switch (event.type) {
      case "log":
        group.logs.set(event.node, event);
        return undefined;
      case "leader": {
        const log = group.logs.get(event.node);
        if (log === undefined) return undefined;
        const leader: Elected = { event, log };
        group.elected.push(leader);
        if (group.elected.length > elections) group.elected.shift();
        return firstOf(group.committed.values(), (entry) => compare(leader, entry));
      }
      case "committed": {
        // The earliest term in which it was known to be committed says most.
        const known = group.committed.get(event.index);
        if (known === undefined || event.committedIn < known.committedIn)
          group.committed.set(event.index, event);
        return firstOf(group.elected, (leader) => compare(leader, event));
      }
      case "applied":
        return undefined;
    }
  });
}

/** Undefined: the commitment says nothing about this leader. */
function compare(leader: Elected, entry: GroupEventOf<"committed">): Refused | null | undefined {
  const { event, log } = leader;
  if (entry.committedIn >= event.term) return undefined;
  // What a snapshot has replaced was committed.
  if (entry.index <= (log.snapshotIndex ?? 0)) return undefined;
  const first = log.entries[0]?.[0];
  if (first !== undefined && entry.index < first) return undefined;
  const found = first === undefined ? undefined : log.entries[entry.index - first];
  if (found !== undefined && found[1] === entry.term && found[2] === entry.hash) return null;
  return refused(
    `the leader of term ${event.term} in group ${event.group} lacks index ${entry.index}, committed in term ` +
      `${entry.committedIn}`,
    [
      `committed (${describeWhere(entry)}): term ${entry.term}, ${entry.hash}`,
      `leader (${describeWhere(event)}): ${found === undefined ? "no such entry" : `term ${found[1]}, ${found[2]}`}`,
    ],
  );
}

function firstOf<T>(
  items: Iterable<T>,
  check: (item: T) => Refused | null | undefined,
): Refused | null | undefined {
  let answer: null | undefined;
  for (const item of items) {
    const found = check(item);
    if (found === null) answer = null;
    else if (found !== undefined) return found;
  }
  return answer;
}
