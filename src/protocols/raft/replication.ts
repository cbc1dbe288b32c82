/** The leader's sending side: rounds of contact, appends, heartbeats, the news of commits. */
import type { NodeId } from "../../core/ids.ts";
import type { LogIndex, Millis } from "../../core/machine.ts";
import type { Leadership } from "./leadership.ts";
import { entryBytes } from "./log.ts";
import type { Entry, MessageOf } from "./messages.ts";
import type { Progress } from "./progress.ts";
import { quorumValue } from "./quorum.ts";
import type { Replica } from "./replica.ts";
import { abandonSnapshot, startSnapshot } from "./snapshot-sender.ts";

/** Appends open a round of their own this many times per heartbeat interval: under load, leases stay fresh. */
const ROUNDS_PER_HEARTBEAT = 4;

/** More rounds are never kept open. */
const MAX_OPEN_ROUNDS = 4096;

/**
 * Opens a round: every answer to it proves that its sender followed this leader at some time after now (6.4, 6.4.1).
 * The time is taken before anything of the round is sent, so the lease that rests on it errs on the short side.
 */
export function openRound(r: Replica, lead: Leadership): number {
  lead.round++;
  lead.roundTimes.push(r.now);
  if (lead.roundTimes.length > MAX_OPEN_ROUNDS) {
    // Only without check-quorum: a round this old proves nothing that anybody still asks for.
    lead.roundTimes.shift();
    lead.firstRound++;
  }
  noteConfirmedRounds(r, lead);
  return lead.round;
}

/** How far the rounds are answered by a quorum. True if that has moved. */
export function noteConfirmedRounds(r: Replica, lead: Leadership): boolean {
  const confirmed = quorumValue(r.configuration, (id) =>
    id === r.id ? lead.round : (lead.progress.get(id)?.ackedRound ?? 0),
  );
  if (confirmed <= lead.confirmedRound) return false;
  lead.confirmedRound = confirmed;
  const at = confirmed - lead.firstRound;
  if (at >= 0) {
    lead.confirmedAt = lead.roundTimes[at]!;
    lead.roundTimes.splice(0, at + 1);
    lead.firstRound = confirmed + 1;
  }
  return true;
}

export function sendHeartbeat(r: Replica, lead: Leadership, to: NodeId, progress: Progress): void {
  if (progress.state === "replicate" && progress.lossCheck === null) {
    progress.lossCheck = { round: lead.round, sentUpTo: progress.next - 1 };
  }
  progress.sentCommit = r.commitIndex;
  r.send(to, { type: "heartbeat", term: r.term, round: lead.round, commit: r.commitIndex });
}

/** A round of heartbeats to everybody. */
export function broadcastHeartbeat(r: Replica, lead: Leadership): void {
  // Not kept for longer: the log may have forgotten its entries.
  lead.lastAppend = null;
  openRound(r, lead);
  for (const [peer, progress] of lead.progress) sendHeartbeat(r, lead, peer, progress);
}

/** Sends the peer what it lacks, as far as its window allows. */
export function sendAppends(r: Replica, lead: Leadership, peer: NodeId, progress: Progress): void {
  while (progress.state !== "snapshot") {
    const replicating = progress.state === "replicate";
    if (replicating ? windowIsFull(r, progress) : progress.probeSent) return;
    if (replicating && progress.next > r.log.lastIndex) return;
    const prevIndex = progress.next - 1;
    const prevTerm = r.log.termAt(prevIndex);
    if (prevTerm === undefined) {
      startSnapshot(r, peer, progress);
      return;
    }
    const { entries } = sendAppend(r, lead, peer, progress, prevIndex, prevTerm);
    if (!replicating) {
      progress.probeSent = true;
      return;
    }
    progress.next += entries.length;
    progress.inflight.add(progress.next - 1, totalBytes(entries));
  }
}

function sendAppend(
  r: Replica,
  lead: Leadership,
  peer: NodeId,
  progress: Progress,
  prevIndex: LogIndex,
  prevTerm: number,
): MessageOf<"append"> {
  const lastRoundAt = lead.roundTimes[lead.roundTimes.length - 1] ?? lead.confirmedAt;
  if (r.now - lastRoundAt >= r.options.heartbeatInterval / ROUNDS_PER_HEARTBEAT) openRound(r, lead);
  progress.sentCommit = r.commitIndex;
  const message = appendFrom(r, lead, prevIndex, prevTerm);
  r.send(peer, message);
  return message;
}

/** What lies behind `prevIndex`; the message sent before if it says the same. */
function appendFrom(
  r: Replica,
  lead: Leadership,
  prevIndex: LogIndex,
  prevTerm: number,
): MessageOf<"append"> {
  const { term, commitIndex: commit, log } = r;
  const { round, lastAppend: last } = lead;
  if (
    last !== null &&
    last.prevIndex === prevIndex &&
    last.commit === commit &&
    last.round === round &&
    // A message may end before the log does; then it would say the same, but that is rare and not worth a look.
    prevIndex + last.entries.length === log.lastIndex
  ) {
    return last;
  }
  const entries = log.slice(prevIndex + 1, r.options.maxMessageBytes);
  lead.lastAppend = { type: "append", term, round, prevIndex, prevTerm, commit, entries };
  return lead.lastAppend;
}

function totalBytes(entries: readonly Entry[]): number {
  let bytes = 0;
  for (const entry of entries) bytes += entryBytes(entry);
  return bytes;
}

function windowIsFull(r: Replica, progress: Progress): boolean {
  const { inflight } = progress;
  return (
    inflight.count >= r.options.maxInflightMessages ||
    (inflight.count > 0 && inflight.bytes >= r.options.maxInflightBytes)
  );
}

export function broadcastAppends(r: Replica, lead: Leadership): void {
  for (const [peer, progress] of lead.progress) sendAppends(r, lead, peer, progress);
}

/** The peer's log equals ours up to `match`, durably: go on from there. */
export function acknowledge(r: Replica, peer: NodeId, progress: Progress, match: LogIndex): void {
  // Beyond our own log: not the answer of a follower of this term; it decides nothing.
  if (match > r.log.lastIndex) return;
  progress.match = Math.max(progress.match, match);
  progress.next = Math.max(progress.next, progress.match + 1);
  progress.inflight.acknowledge(progress.match);
  if (progress.state === "probe") progress.becomeReplicate();
  if (progress.state === "snapshot") {
    // The snapshot is there, or no longer needed. If the log was compacted beyond it meanwhile, the next one follows.
    const snapshotIndex = progress.transfer?.source?.snapshot.index ?? Number.POSITIVE_INFINITY;
    if (progress.match < Math.min(r.log.startIndex, snapshotIndex)) return;
    abandonSnapshot(r, peer, progress);
    progress.becomeReplicate();
  }
}

/** The peer's log differs at `prevIndex`, or ends before it: back up (5.3 of the paper, with its optimisation). */
export function backUp(r: Replica, progress: Progress, message: MessageOf<"append-rejected">): void {
  const { prevIndex, hintIndex, hintTerm } = message;
  if (progress.state === "snapshot" || prevIndex <= progress.match) return;
  if (progress.state === "probe" && prevIndex !== progress.next - 1) return;
  let next = Math.min(hintIndex, prevIndex);
  if (hintTerm > 0) {
    // The peer's entries of the conflicting term may agree with ours of that term: try after the last of them.
    const last = r.log.lastIndexOf(hintTerm);
    if (last !== undefined) next = Math.max(next, Math.min(last + 1, prevIndex));
  }
  progress.becomeProbe(next);
}

/** What an answer to a heartbeat says about the log of the peer: nothing lost, or where to go on. */
export function noteHeartbeatResponse(
  r: Replica,
  peer: NodeId,
  progress: Progress,
  message: MessageOf<"heartbeat-response">,
): void {
  if (message.durable > progress.match) acknowledge(r, peer, progress, message.durable);
  if (progress.state === "replicate") {
    const check = progress.lossCheck;
    if (check !== null && message.round >= check.round) {
      progress.lossCheck = null;
      if (message.matched < check.sentUpTo) progress.becomeProbe(message.matched + 1);
    }
  } else if (progress.state === "probe") {
    progress.probeSent = false;
  }
}

/** Some peer does not know the commit index yet. */
export function hasCommitNews(r: Replica, lead: Leadership): boolean {
  for (const progress of lead.progress.values()) {
    if (progress.sentCommit < r.commitIndex && progress.state === "replicate") return true;
  }
  return false;
}

/**
 * Tells idle peers of a new commit index, so that they need not wait for the next heartbeat. A peer with appends under way
 * will answer one of them and is told then, or by the next append.
 */
export function spreadCommit(r: Replica, lead: Leadership): void {
  for (const [peer, progress] of lead.progress) {
    if (progress.sentCommit >= r.commitIndex || progress.state !== "replicate") continue;
    if (progress.inflight.count > 0 || progress.next <= r.log.lastIndex) continue;
    progress.sentCommit = r.commitIndex;
    r.send(peer, { type: "commit", term: r.term, commit: r.commitIndex });
  }
}

/** Since when a quorum has been in contact (6.2). The leader itself always is. */
export function quorumHeardAt(r: Replica, lead: Leadership): Millis {
  return quorumValue(r.configuration, (id) =>
    id === r.id ? r.now : (lead.progress.get(id)?.lastHeard ?? Number.NEGATIVE_INFINITY),
  );
}
