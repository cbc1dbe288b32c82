/** What can be seen of a replica from outside, and what must always be true of it. */
import { invariant } from "../../core/assert.ts";
import type { PlainData } from "../../core/machine.ts";
import type { Configuration } from "./configuration.ts";
import type { Replica } from "./replica.ts";

/** Keys in a fixed order: transcripts compare it. */
export function replicaStatus(r: Replica): PlainData {
  return {
    id: r.id,
    role: r.role,
    term: r.term,
    vote: r.vote,
    leader: r.leader,
    ready: r.ready,
    logStart: r.log.startIndex,
    lastIndex: r.log.lastIndex,
    durableIndex: r.durableIndex,
    commitIndex: r.commitIndex,
    appliedIndex: r.appliedIndex,
    configuration: plainConfiguration(r.configuration),
    peers: r.lead === null ? [] : plainPeers(r),
  };
}

function plainConfiguration(configuration: Configuration): PlainData {
  return {
    voters: [...configuration.voters],
    outgoing: [...configuration.outgoing],
    learners: [...configuration.learners],
  };
}

function plainPeers(r: Replica): PlainData {
  return [...r.lead!.progress]
    .sort(([a], [b]) => a - b)
    .map(([id, progress]) => ({
      id,
      state: progress.state,
      match: progress.match,
      next: progress.next,
      inflight: progress.inflight.count,
      leaving: progress.leavingUntil !== null,
    }));
}

/** How many entries at the end of the log `checkReplica` looks at. */
const CHECKED_TAIL = 16;

/** Invariants of one replica, by the numbers of SPEC.md. Those between replicas are the test bench's. */
export function checkReplica(r: Replica): void {
  const { log, lead } = r;
  invariant(log.startIndex <= r.appliedIndex, "L1: the log starts after what is applied");
  invariant(r.appliedIndex <= r.commitIndex, "L2: applied beyond commit");
  invariant(r.commitIndex <= log.lastIndex, "L3: committed beyond the log");
  invariant(r.durableIndex <= log.lastIndex, "L4: durable beyond the log");
  invariant(r.matchedIndex <= log.lastIndex, "L5: matched beyond the log");
  invariant(log.lastTerm <= r.term, "L6: the log is ahead of the term");
  for (
    let index = Math.max(log.startIndex + 1, log.lastIndex - CHECKED_TAIL);
    index <= log.lastIndex;
    index++
  ) {
    invariant(log.termAt(index - 1)! <= log.termAt(index)!, `L7: terms decrease at ${index}`);
  }
  invariant(r.configurations.latestIndex <= log.lastIndex, "C1: the configuration is beyond the log");
  invariant(
    (r.role === "leader") === (lead !== null),
    "R1: leader without leadership, or the other way round",
  );
  invariant(
    (r.role === "leader") === (r.leader === r.id),
    "R2: a leader knows itself, and only a leader does",
  );
  invariant(r.role !== "candidate" || r.vote === r.id, "R3: a candidate has voted for itself");
  invariant(r.role === "follower" || r.role === "leader" || r.promotable, "R4: a candidate is a voter");
  if (lead === null) return;
  invariant(r.vote === r.id, "R5: a leader has voted for itself");
  invariant(log.termAt(lead.termStart) === r.term || r.ready, "R6: a leader's first entry is of its term");
  invariant(lead.uncommittedBytes >= 0, "M1: uncommitted bytes are counted twice");
  for (const [peer, progress] of lead.progress) {
    invariant(progress.match < progress.next, `P1: peer ${peer} is sent what it has`);
    invariant(progress.match <= log.lastIndex, `P2: peer ${peer} has more than the leader`);
    invariant(progress.ackedRound <= lead.round, `P3: peer ${peer} has answered the future`);
    invariant(
      (progress.state === "snapshot") === (progress.transfer !== null),
      `P4: snapshot state of ${peer}`,
    );
  }
}
