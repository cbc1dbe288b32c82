/**
 * Elections (5.2 of the paper), with pre-vote (thesis, 9.6) and with voters that stand by a leader they hear (6.4.1).
 *
 *   follower ──timeout──▶ pre-candidate ──a quorum would──▶ candidate ──a quorum does──▶ leader
 *      ▲ ◀── leader or newer term ──┘ ◀────────────────────────┘ ◀── newer term, no quorum ──┘
 */
import type { NodeId } from "../../core/ids.ts";
import { isVoter, members } from "./configuration.ts";
import { becomeLeader } from "./leader.ts";
import type { MessageOf } from "./messages.ts";
import { voteOutcome } from "./quorum.ts";
import type { Replica } from "./replica.ts";
import { becomeFollower, electionTimeoutIsOver, forgetLeader, setLeader, waitForElection } from "./roles.ts";

export function onElectionTimer(r: Replica): void {
  if (r.role === "leader" || !electionTimeoutIsOver(r)) return;
  if (!r.promotable) {
    forgetLeader(r);
  } else if (r.installing) {
    // Not now.
    r.electionPhase = "off";
    waitForElection(r);
  } else if (r.options.preVote) {
    campaignForPreVotes(r);
  } else {
    campaign(r, false);
  }
}

function campaignForPreVotes(r: Replica): void {
  r.role = "pre-candidate";
  r.votes.clear();
  r.votes.set(r.id, true);
  r.selfVoteWrite = null;
  setLeader(r, null);
  waitForVotes(r);
  requestVotes(r, true, false);
  countVotes(r);
}

/** A new term, and our own vote in it: which counts, as everybody's, once it is durable. */
export function campaign(r: Replica, transfer: boolean): void {
  r.selfVoteWrite = r.setHardState(r.term + 1, r.id);
  r.role = "candidate";
  r.votes.clear();
  setLeader(r, null);
  waitForVotes(r);
  requestVotes(r, false, transfer);
}

function waitForVotes(r: Replica): void {
  r.electionPhase = "campaign";
  r.setTimer("election", r.options.electionTimeoutMin, r.options.electionTimeoutMax);
}

function requestVotes(r: Replica, pre: boolean, transfer: boolean): void {
  const { lastIndex, lastTerm } = r.log;
  const term = pre ? r.term + 1 : r.term;
  for (const peer of members(r.configuration)) {
    if (peer === r.id || !isVoter(r.configuration, peer)) continue;
    r.sendAfterHardState(peer, { type: "vote-request", term, pre, transfer, lastIndex, lastTerm });
  }
}

function countVotes(r: Replica): void {
  const outcome = voteOutcome(r.configuration, r.votes);
  if (outcome === "pending") return;
  if (outcome === "lost") becomeFollower(r, r.term, null);
  else if (r.role === "pre-candidate") campaign(r, false);
  else becomeLeader(r);
}

/** Our own vote has become durable. */
export function onSelfVoteDurable(r: Replica): void {
  r.selfVoteWrite = null;
  r.votes.set(r.id, true);
  countVotes(r);
}

export function onVoteRequest(r: Replica, from: NodeId, m: MessageOf<"vote-request">): void {
  // Whoever hears a leader stands by it, and does not even learn the term: a lease may rest on that.
  if (!m.transfer && r.now < standsByLeaderUntil(r)) return;
  if (!m.pre && m.term > r.term) becomeFollower(r, m.term, null);
  const free = r.vote === from || (r.vote === null && r.leader === null);
  const wouldVote = m.pre && m.term > r.term;
  const granted = (wouldVote || (m.term === r.term && free)) && r.log.isUpToDate(m.lastIndex, m.lastTerm);
  if (m.pre) {
    const term = granted ? m.term : r.term;
    r.sendAfterHardState(from, { type: "vote-response", term, pre: true, granted });
    return;
  }
  if (granted) {
    if (r.role === "pre-candidate") becomeFollower(r, r.term, null);
    if (r.vote === null) r.setHardState(r.term, from);
    waitForElection(r);
  }
  r.sendAfterHardState(from, { type: "vote-response", term: r.term, pre: false, granted });
}

function standsByLeaderUntil(r: Replica): number {
  if (r.lead === null) return r.stickyUntil;
  return Math.max(r.stickyUntil, r.lead.confirmedAt + r.options.electionTimeoutMin);
}

export function onVoteResponse(r: Replica, from: NodeId, m: MessageOf<"vote-response">): void {
  const grantedPreVote = m.pre && m.granted;
  if (m.term > r.term && !grantedPreVote) {
    becomeFollower(r, m.term, null);
    return;
  }
  if (r.role !== (m.pre ? "pre-candidate" : "candidate")) return;
  if (m.term !== (grantedPreVote ? r.term + 1 : r.term)) return;
  if (!r.votes.has(from)) r.votes.set(from, m.granted);
  countVotes(r);
}

/** The leader wants us to take over (thesis, 3.10). */
export function onTimeoutNow(r: Replica, from: NodeId, m: MessageOf<"timeout-now">): void {
  if (m.term !== r.term || r.role !== "follower" || r.leader !== from) return;
  if (!r.promotable || r.installing) return;
  campaign(r, true);
}
