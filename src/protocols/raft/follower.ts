/** What a follower does with the messages of its leader (5.3 of the paper). */
import type { NodeId } from "../../core/ids.ts";
import { invariant } from "../../core/assert.ts";
import type { LogIndex } from "../../core/machine.ts";
import type { MessageOf } from "./messages.ts";
import { repeatQuestion } from "./reads.ts";
import type { Replica } from "./replica.ts";
import { followLeader } from "./roles.ts";

export function onAppend(r: Replica, from: NodeId, m: MessageOf<"append">): void {
  followLeader(r, from, m.term);
  const { log } = r;
  // What is committed here equals the leader's log, whatever the message says: only the rest is compared.
  if (m.prevIndex >= r.commitIndex && log.termAt(m.prevIndex) !== m.prevTerm) {
    reject(r, from, m);
    return;
  }
  store(r, m);
  const last = m.prevIndex + m.entries.length;
  r.matchedIndex = Math.max(r.matchedIndex, last, r.commitIndex);
  learnCommit(r, m.commit);
  r.sendAfterLog(from, {
    type: "append-accepted",
    term: r.term,
    round: m.round,
    match: r.matchedIndex,
  });
}

/** Appends what we lack, and replaces from the first conflict on. An old or repeated message changes nothing. */
function store(r: Replica, m: MessageOf<"append">): void {
  for (let at = Math.max(0, r.commitIndex - m.prevIndex); at < m.entries.length; at++) {
    const index = m.prevIndex + 1 + at;
    const term = r.log.termAt(index);
    if (term === m.entries[at]!.term) continue;
    if (term !== undefined) {
      invariant(index > r.matchedIndex, `conflict at ${index} with what matched up to ${r.matchedIndex}`);
      r.truncateFrom(index);
    }
    r.append(at === 0 ? m.entries : m.entries.slice(at));
    return;
  }
}

function reject(r: Replica, from: NodeId, m: MessageOf<"append">): void {
  const { log } = r;
  const conflict = m.prevIndex > log.lastIndex ? undefined : log.termAt(m.prevIndex);
  const hintTerm = conflict ?? 0;
  const firstOfTerm = conflict === undefined ? log.lastIndex + 1 : log.firstIndexOf(conflict);
  r.sendAfterHardState(from, {
    type: "append-rejected",
    term: r.term,
    round: m.round,
    prevIndex: m.prevIndex,
    // What is committed agrees for sure; there is no need to go back further.
    hintIndex: Math.max(firstOfTerm, r.commitIndex + 1),
    hintTerm,
  });
}

/** The leader has committed up to `commit`; so have we, as far as our log is known to equal its log. */
function learnCommit(r: Replica, commit: LogIndex): void {
  r.commitTo(Math.min(commit, r.matchedIndex));
  r.applyCommitted();
}

export function onHeartbeat(r: Replica, from: NodeId, m: MessageOf<"heartbeat">): void {
  followLeader(r, from, m.term);
  learnCommit(r, m.commit);
  r.sendAfterHardState(from, {
    type: "heartbeat-response",
    term: r.term,
    round: m.round,
    matched: r.matchedIndex,
    durable: Math.min(r.matchedIndex, r.durableIndex),
  });
  repeatQuestion(r);
}

export function onCommit(r: Replica, from: NodeId, m: MessageOf<"commit">): void {
  followLeader(r, from, m.term);
  learnCommit(r, m.commit);
}
