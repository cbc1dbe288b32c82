/**
 * Handing over leadership (thesis, 3.10): wait until no promised lease is left, stop taking proposals, bring the target up
 * to date, tell it to campaign at once. Every vote of that election ignores leases, and it may come late: from then on the
 * leader promises no lease in its term, even if the transfer fails.
 */
import type { NodeId, RequestId } from "../../core/ids.ts";
import type { Leadership } from "./leadership.ts";
import type { Replica } from "./replica.ts";
import { becomeFollower } from "./roles.ts";

export function requestTransfer(r: Replica, id: RequestId, to: NodeId): void {
  const { lead } = r;
  if (lead === null) {
    r.reply(id, { ok: false, error: "not-leader", leader: r.leader });
  } else if (!r.configuration.voters.includes(to)) {
    r.reply(id, { ok: false, error: "bad-request" });
  } else if (to === r.id) {
    r.reply(id, { ok: true });
  } else if (lead.transfer !== null || r.handover !== null) {
    r.reply(id, { ok: false, error: "config-change-pending" });
  } else {
    r.handover = { id, to, term: r.term };
    startTransfer(r, lead, to, false);
  }
}

function startTransfer(r: Replica, lead: Leadership, to: NodeId, retiring: boolean): void {
  const readyAt = Math.max(r.now, lead.leasePromisedUntil);
  const deadline = readyAt + r.options.electionTimeoutMax;
  lead.transfer = { to, readyAt, deadline, retiring, sent: false };
  const wait = (readyAt > r.now ? readyAt : deadline) - r.now;
  r.setTimer("transfer", wait, wait);
}

/** While true, proposals are refused: the target must be able to catch up. */
export function handsOver(r: Replica, lead: Leadership): boolean {
  return lead.transfer !== null && r.now >= lead.transfer.readyAt;
}

/** Runs at the end of every step of a leader: tells the target as soon as it may. */
export function driveTransfer(r: Replica, lead: Leadership): void {
  const { transfer } = lead;
  if (transfer === null || transfer.sent || !handsOver(r, lead)) return;
  const progress = lead.progress.get(transfer.to);
  if (progress === undefined || progress.match < r.log.lastIndex) return;
  transfer.sent = true;
  lead.timeoutNowSent = true;
  r.send(transfer.to, { type: "timeout-now", term: r.term });
  if (transfer.retiring) becomeFollower(r, r.term, null);
}

/** The message may have been lost. */
export function repeatTimeoutNow(r: Replica, lead: Leadership): void {
  if (lead.transfer?.sent === true) {
    r.send(lead.transfer.to, { type: "timeout-now", term: r.term });
  }
}

export function onTransferTimer(r: Replica): void {
  const transfer = r.lead?.transfer ?? null;
  if (transfer !== null && r.now < transfer.deadline) {
    const wait = (r.now < transfer.readyAt ? transfer.readyAt : transfer.deadline) - r.now;
    r.setTimer("transfer", wait, wait);
    return;
  }
  if (r.handover !== null) {
    // The target may still be elected.
    r.reply(r.handover.id, { ok: false, error: "timeout" });
    r.handover = null;
  }
  if (r.lead === null || transfer === null) return;
  r.lead.transfer = null;
  if (transfer.retiring) becomeFollower(r, r.term, null);
}

/**
 * The committed configuration has no place for this leader (section 6 of the paper: it steps down): its most complete
 * voter takes over.
 */
export function retire(r: Replica, lead: Leadership): void {
  if (lead.transfer !== null || r.configuration.voters.includes(r.id)) return;
  if (r.configuration.outgoing.length > 0 || r.configurations.latestIndex > r.commitIndex) return;
  let best: NodeId | null = null;
  let bestMatch = -1;
  for (const id of r.configuration.voters) {
    const match = lead.progress.get(id)?.match ?? -1;
    if (match > bestMatch) {
      best = id;
      bestMatch = match;
    }
  }
  if (best === null) becomeFollower(r, r.term, null);
  else startTransfer(r, lead, best, true);
}
