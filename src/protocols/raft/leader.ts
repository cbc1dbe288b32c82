/** What a leader does: takes office, takes proposals, hears answers, commits, keeps in touch. */
import { invariant } from "../../core/assert.ts";
import type { NodeId, RequestId } from "../../core/ids.ts";
import { Leadership } from "./leadership.ts";
import { entryBytes } from "./log.ts";
import type { Entry, MessageOf } from "./messages.ts";
import { appendAsLeader, dropLeavers, leaveJoint, syncProgress } from "./membership.ts";
import type { Progress } from "./progress.ts";
import { quorumValue } from "./quorum.ts";
import { finishConfirmation, startConfirmation } from "./reads.ts";
import {
  acknowledge,
  backUp,
  broadcastAppends,
  broadcastHeartbeat,
  noteConfirmedRounds,
  noteHeartbeatResponse,
  openRound,
  quorumHeardAt,
  sendAppends,
  hasCommitNews,
  spreadCommit,
} from "./replication.ts";
import type { Replica } from "./replica.ts";
import { becomeFollower, setLeader } from "./roles.ts";
import { driveSnapshot, giveUpOnSilentPeer } from "./snapshot-sender.ts";
import { driveTransfer, handsOver, repeatTimeoutNow, retire } from "./transfer.ts";

/** A candidate has won: it appends an entry of its own term, without which it must not commit earlier ones (5.4.2). */
export function becomeLeader(r: Replica): void {
  invariant(r.role === "candidate" && r.vote === r.id, `a ${r.role} becomes leader`);
  r.role = "leader";
  r.incoming = null;
  r.votes.clear();
  r.selfVoteWrite = null;
  setLeader(r, r.id);
  r.electionPhase = "off";
  r.cancelTimer("election");
  const lead = new Leadership(r.log.lastIndex + 1);
  r.lead = lead;
  for (let index = r.commitIndex + 1; index <= r.log.lastIndex; index++) {
    lead.uncommittedBytes += entryBytes(r.log.at(index));
  }
  syncProgress(r, lead);
  appendAsLeader(r, lead, { kind: "noop", term: r.term });
  openRound(r, lead);
  broadcastAppends(r, lead);
  r.setTimer("heartbeat", r.options.heartbeatInterval, r.options.heartbeatInterval);
}

export function propose(r: Replica, id: RequestId, command: Uint8Array): void {
  const { lead } = r;
  if (lead === null || handsOver(r, lead)) {
    r.reply(id, { ok: false, error: "not-leader", leader: lead === null ? r.leader : null });
    return;
  }
  const entry: Entry = { kind: "command", term: r.term, command };
  const bytes = lead.uncommittedBytes;
  if (bytes > 0 && bytes + entryBytes(entry) > r.options.maxUncommittedBytes) {
    r.reply(id, { ok: false, error: "overloaded" });
    return;
  }
  appendAsLeader(r, lead, entry);
  r.pending.add(r.term, r.log.lastIndex, id);
  // Peers write in parallel with our own disk (thesis, 10.2.1): nothing here waits for it.
  broadcastAppends(r, lead);
}

/** A peer has answered in our term. */
function contact(r: Replica, lead: Leadership, from: NodeId, round: number): Progress | undefined {
  const progress = lead.progress.get(from);
  if (progress === undefined) return undefined;
  progress.lastHeard = r.now;
  if (round > progress.ackedRound && round <= lead.round) {
    progress.ackedRound = round;
    noteConfirmedRounds(r, lead);
  }
  return progress;
}

export function onAppendAccepted(
  r: Replica,
  lead: Leadership,
  from: NodeId,
  m: MessageOf<"append-accepted">,
): void {
  const progress = contact(r, lead, from, m.round);
  if (progress === undefined) return;
  acknowledge(r, from, progress, m.match);
  sendAppends(r, lead, from, progress);
}

export function onAppendRejected(
  r: Replica,
  lead: Leadership,
  from: NodeId,
  m: MessageOf<"append-rejected">,
): void {
  const progress = contact(r, lead, from, m.round);
  if (progress === undefined) return;
  backUp(r, progress, m);
  sendAppends(r, lead, from, progress);
}

export function onHeartbeatResponse(
  r: Replica,
  lead: Leadership,
  from: NodeId,
  m: MessageOf<"heartbeat-response">,
): void {
  const progress = contact(r, lead, from, m.round);
  if (progress === undefined) return;
  noteHeartbeatResponse(r, from, progress, m);
  driveSnapshot(r, from, progress);
  sendAppends(r, lead, from, progress);
}

/** The heartbeat timer: checks that a quorum is in contact, gives up what nobody waits for, and beats. */
export function onHeartbeatTimer(r: Replica): void {
  const { lead } = r;
  if (lead === null) return;
  if (r.options.checkQuorum && quorumHeardAt(r, lead) < r.now - r.options.electionTimeoutMax) {
    becomeFollower(r, r.term, null);
    return;
  }
  for (const [peer, progress] of lead.progress) giveUpOnSilentPeer(r, peer, progress);
  dropLeavers(r, lead, true);
  broadcastHeartbeat(r, lead);
  repeatTimeoutNow(r, lead);
  r.setTimer("heartbeat", r.options.heartbeatInterval, r.options.heartbeatInterval);
}

/** The transport lost its connection to a peer: whatever was on the way may be lost. */
export function onPeerUnreachable(lead: Leadership, peer: NodeId): void {
  const progress = lead.progress.get(peer);
  if (progress?.state === "replicate") progress.becomeProbe(progress.match + 1);
}

/** What followers learn a moment later does not wake them in the middle of the next write. */
function spreadCommitSoon(r: Replica, lead: Leadership): void {
  const { commitDelay } = r.options;
  if (commitDelay === 0) spreadCommit(r, lead);
  else if (!lead.commitTimerSet && hasCommitNews(r, lead)) {
    lead.commitTimerSet = true;
    r.setTimer("commit", commitDelay, commitDelay);
  }
}

export function onCommitTimer(r: Replica): void {
  if (r.lead === null) return;
  r.lead.commitTimerSet = false;
  spreadCommit(r, r.lead);
}

/** Ends every step of a leader: what has become possible by it. */
export function settle(r: Replica): void {
  const { lead } = r;
  if (lead === null) return;
  advanceCommit(r, lead);
  leaveJoint(r, lead);
  startConfirmation(r, lead);
  finishConfirmation(r, lead);
  spreadCommitSoon(r, lead);
  dropLeavers(r, lead, false);
  retire(r, lead);
  driveTransfer(r, lead);
}

/** Only entries of the own term are committed by counting; earlier ones along with them (5.4.2, figure 8). */
function advanceCommit(r: Replica, lead: Leadership): void {
  const index = quorumValue(r.configuration, (id) =>
    id === r.id ? r.durableIndex : (lead.progress.get(id)?.match ?? 0),
  );
  if (index <= r.commitIndex || r.log.termAt(index) !== r.term) return;
  r.commitTo(index);
  r.applyCommitted();
}
