/**
 * Linearizable reads (thesis, 6.4). The leader answers from which index a read may be served, after it has made sure that
 * it led at some time after the read was asked:
 *  - by its lease, at once: a quorum answered a message sent so recently that no other leader can have been elected since;
 *  - by read index: a quorum answers a round of heartbeats that was opened after the read was asked. One round at a time;
 *    reads that come meanwhile share the next one.
 * A follower asks its leader for the index and serves the read itself.
 */
import type { NodeId, RequestId } from "../../core/ids.ts";
import type { LogIndex, Millis } from "../../core/machine.ts";
import type { Leadership, ReadBatch } from "./leadership.ts";
import type { MessageOf, ReadId } from "./messages.ts";
import { broadcastHeartbeat } from "./replication.ts";
import type { Replica } from "./replica.ts";

export function requestRead(r: Replica, id: RequestId, lease: boolean): void {
  const { lead, forwarded } = r;
  if (lead !== null) {
    const validUntil = lease ? leaseEnd(r, lead) : null;
    if (validUntil !== null) {
      lead.leasePromisedUntil = Math.max(lead.leasePromisedUntil, validUntil);
      r.emit({ type: "read-ready", ids: [id], index: r.commitIndex, validUntil });
    } else if (
      lead.waiting.local.length + (lead.confirming?.local.length ?? 0) >=
      r.options.maxPendingReads
    ) {
      r.reply(id, { ok: false, error: "overloaded" });
    } else {
      lead.waiting.local.push(id);
      startConfirmation(r, lead);
    }
  } else if (r.leader === null) {
    r.reply(id, { ok: false, error: "no-leader" });
  } else if (forwarded.waiting.length + (forwarded.asked?.ids.length ?? 0) >= r.options.maxPendingReads) {
    r.reply(id, { ok: false, error: "overloaded" });
  } else {
    forwarded.waiting.push({ id, lease });
    askLeader(r);
  }
}

/** When the lease ends, or null without one. It is short by `maxClockDrift`, so that it ends first on every clock. */
export function leaseEnd(r: Replica, lead: Leadership): Millis | null {
  if (!r.options.lease || !r.ready || lead.transfer !== null || lead.timeoutNowSent) return null;
  const end = lead.confirmedAt + r.options.electionTimeoutMin * (1 - r.options.maxClockDrift);
  return r.now < end ? end : null;
}

/** Opens a round for the reads that wait, unless one is under way or the leader does not know yet what is committed. */
export function startConfirmation(r: Replica, lead: Leadership): void {
  if (lead.confirming !== null || !r.ready) return;
  const { local, remote } = lead.waiting;
  if (local.length === 0 && remote.size === 0) return;
  lead.waiting = { local: [], remote: new Map() };
  lead.confirming = { round: lead.round + 1, index: r.commitIndex, local, remote };
  broadcastHeartbeat(r, lead);
  finishConfirmation(r, lead);
}

/** Answers the reads whose round a quorum has answered. */
export function finishConfirmation(r: Replica, lead: Leadership): void {
  const batch = lead.confirming;
  if (batch === null || lead.confirmedRound < batch.round) return;
  lead.confirming = null;
  if (batch.local.length > 0) r.emit({ type: "read-ready", ids: batch.local, index: batch.index });
  for (const [peer, read] of batch.remote) {
    answer(r, peer, read, batch.index);
  }
  startConfirmation(r, lead);
}

/** No longer leader: local reads are answered, followers notice by the new term. */
export function failLeaderReads(r: Replica, lead: Leadership): void {
  const fail = (batch: ReadBatch): void => {
    for (const id of batch.local) r.reply(id, { ok: false, error: "no-leader" });
  };
  if (lead.confirming !== null) fail(lead.confirming);
  fail(lead.waiting);
}

// ---- a follower's reads

function askLeader(r: Replica): void {
  const { forwarded } = r;
  if (forwarded.asked !== null || forwarded.waiting.length === 0 || r.leader === null) return;
  const waiting = forwarded.waiting;
  forwarded.waiting = [];
  if (forwarded.lastRead === 0) r.beginLife();
  forwarded.asked = {
    read: ++forwarded.lastRead,
    lease: waiting.every((read) => read.lease),
    ids: waiting.map((read) => read.id),
    sentAt: r.now,
  };
  sendQuestion(r);
}

function sendQuestion(r: Replica): void {
  const { asked } = r.forwarded;
  if (asked === null || r.leader === null) return;
  asked.sentAt = r.now;
  const { life, term } = r;
  r.sendAfterHardState(r.leader, { type: "read-index", term, life, read: asked.read, lease: asked.lease });
}

/** The leader is there: if it has not answered for a while, question or answer were lost. */
export function repeatQuestion(r: Replica): void {
  const { asked } = r.forwarded;
  if (asked !== null && r.now - asked.sentAt >= r.options.heartbeatInterval) sendQuestion(r);
}

/** The leader is gone: reads that were to be asked there can be asked again elsewhere. */
export function failForwardedReads(r: Replica): void {
  const { asked, waiting } = r.forwarded;
  r.forwarded.asked = null;
  r.forwarded.waiting = [];
  for (const id of asked?.ids ?? []) r.reply(id, { ok: false, error: "no-leader" });
  for (const { id } of waiting) r.reply(id, { ok: false, error: "no-leader" });
}

export function onReadIndexResponse(
  r: Replica,
  from: NodeId,
  message: MessageOf<"read-index-response">,
): void {
  const { forwarded } = r;
  const { asked } = forwarded;
  if (asked === null || message.life !== r.life || asked.read !== message.read || r.leader !== from) return;
  if (message.index === null) {
    failForwardedReads(r);
    return;
  }
  forwarded.asked = null;
  // The leader has committed up to there; what of it we know to equal its log, is committed here too.
  r.commitTo(Math.min(message.index, r.matchedIndex));
  r.applyCommitted();
  r.emit({ type: "read-ready", ids: asked.ids, index: message.index });
  askLeader(r);
}

// ---- a follower's question at the leader

function answer(r: Replica, to: NodeId, { life, read }: ReadId, index: LogIndex | null): void {
  r.send(to, { type: "read-index-response", term: r.term, life, read, index });
}

export function onReadIndex(r: Replica, from: NodeId, message: MessageOf<"read-index">): void {
  const { lead } = r;
  if (lead === null || !lead.progress.has(from)) {
    answer(r, from, message, null);
    return;
  }
  const validUntil = message.lease ? leaseEnd(r, lead) : null;
  if (validUntil !== null) {
    answer(r, from, message, r.commitIndex);
    return;
  }
  // A repeated question whose round is under way will be answered by that round.
  const asked = lead.confirming?.remote.get(from);
  if (asked?.life === message.life && asked.read === message.read) return;
  lead.waiting.remote.set(from, { life: message.life, read: message.read });
  startConfirmation(r, lead);
}
