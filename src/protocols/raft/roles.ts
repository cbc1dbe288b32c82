/** Becoming a follower, and when followers lose patience. Whoever changes the role of a replica goes through here. */
import { invariant } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import { failForwardedReads, failLeaderReads } from "./reads.ts";
import { UNREACHABLE_SPREAD_MS } from "./options.ts";
import type { Replica } from "./replica.ts";
import { abandonSnapshot } from "./snapshot-sender.ts";

/** Follows `leader` (or nobody yet) in `term`, which is not older than ours. */
export function becomeFollower(r: Replica, term: number, leader: NodeId | null): void {
  const newTerm = term > r.term;
  const followed = r.role === "follower";
  if (newTerm) r.setHardState(term, null);
  leaveOffice(r);
  r.role = "follower";
  r.votes.clear();
  r.selfVoteWrite = null;
  setLeader(r, leader);
  // Committed entries are in the log of every leader from here on (5.4): they match at once.
  if (newTerm || leader !== null) r.matchedIndex = r.commitIndex;
  // A follower that merely learns of a newer term is as impatient as before.
  if (!followed) waitForElection(r);
}

function leaveOffice(r: Replica): void {
  const { lead } = r;
  if (lead === null) return;
  for (const [peer, progress] of lead.progress) abandonSnapshot(r, peer, progress);
  // We counted ourselves among those who keep the lease; so we keep it, also out of office.
  r.stickyUntil = Math.max(r.stickyUntil, lead.confirmedAt + r.options.electionTimeoutMin);
  r.lead = null;
  failLeaderReads(r, lead);
  r.cancelTimer("heartbeat");
  if (r.options.commitDelay > 0) r.cancelTimer("commit");
}

export function setLeader(r: Replica, leader: NodeId | null): void {
  if (r.leader === leader) return;
  r.leader = leader;
  failForwardedReads(r);
  if (r.handover !== null && leader !== null && r.term > r.handover.term) {
    const { id, to } = r.handover;
    r.handover = null;
    r.cancelTimer("transfer");
    r.reply(id, leader === to ? { ok: true } : { ok: false, error: "not-leader", leader });
  }
}

/** `from` leads in `term`, which is not older than ours: follow it, and note that it was heard. */
export function followLeader(r: Replica, from: NodeId, term: number): void {
  if (term > r.term || r.role !== "follower" || r.leader !== from) {
    invariant(
      term > r.term || (r.role !== "leader" && (r.leader === null || r.leader === from)),
      `two leaders in term ${term}: ${from} and ${r.leader}`,
    );
    becomeFollower(r, term, from);
  }
  r.stickyUntil = Math.max(r.stickyUntil, r.now + r.options.electionTimeoutMin);
  waitForElection(r);
}

/** Others get the time of an election timeout. A guard that is running re-arms itself when it fires: no timer is touched. */
export function waitForElection(r: Replica): void {
  r.quietSince = r.now;
  if (r.electionPhase !== "guard") armGuard(r);
}

function armGuard(r: Replica): void {
  r.electionPhase = "guard";
  const left = r.quietSince + r.options.electionTimeoutMin - r.now;
  r.setTimer("election", left, left);
}

/**
 * The election timeout, random in [min, max] since the last word of a leader, in two steps: the fixed part, which re-arms
 * itself, and the random rest. True once it is over.
 */
export function electionTimeoutIsOver(r: Replica): boolean {
  const { electionTimeoutMin, electionTimeoutMax } = r.options;
  if (r.electionPhase === "off") return false;
  if (r.electionPhase === "campaign") return true;
  if (r.now < r.quietSince + electionTimeoutMin) {
    armGuard(r);
    return false;
  }
  if (r.electionPhase === "draw") return true;
  r.electionPhase = "draw";
  r.setTimer("election", 0, electionTimeoutMax - electionTimeoutMin);
  return false;
}

/**
 * The connection to the leader broke: most likely its process died. Shortens the random part of the timeout, and never the
 * fixed part, on which leases rest.
 */
export function onLeaderUnreachable(r: Replica): void {
  const { electionTimeoutMin, electionTimeoutMax } = r.options;
  const left = Math.max(0, r.quietSince + electionTimeoutMin - r.now);
  r.electionPhase = "draw";
  r.setTimer(
    "election",
    left,
    left + Math.min(UNREACHABLE_SPREAD_MS, electionTimeoutMax - electionTimeoutMin),
  );
}

/** As a voter we would campaign now; others only forget the leader that keeps silent. */
export function forgetLeader(r: Replica): void {
  r.electionPhase = "off";
  setLeader(r, null);
}
