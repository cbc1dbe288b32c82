/**
 * Membership (section 6 of the paper): a change of the voters goes through a joint configuration, a change of the learners
 * alone is one entry. A configuration is in force as soon as it is in the log.
 *
 *   C_old ──append──▶ C_old,new ──committed by both majorities──▶ append C_new ──committed──▶ done
 */
import type { NodeId, RequestId } from "../../core/ids.ts";
import { configuration, configurationProblem, isJoint, members, sameIds } from "./configuration.ts";
import type { Configuration } from "./configuration.ts";
import type { Leadership } from "./leadership.ts";
import { entryBytes } from "./log.ts";
import type { Entry } from "./messages.ts";
import { Progress } from "./progress.ts";
import { broadcastAppends } from "./replication.ts";
import type { Replica } from "./replica.ts";
import { abandonSnapshot } from "./snapshot-sender.ts";

export function requestChange(
  r: Replica,
  id: RequestId,
  voters: readonly NodeId[],
  learners: readonly NodeId[],
): void {
  const { lead } = r;
  if (lead === null || lead.transfer !== null) {
    r.reply(id, { ok: false, error: "not-leader", leader: lead === null ? r.leader : null });
    return;
  }
  const wanted = configuration(voters, learners);
  if (voters.length === 0 || configurationProblem(wanted) !== null) {
    r.reply(id, { ok: false, error: "bad-request" });
    return;
  }
  // Before the first commit of the own term, an unfinished change of an earlier one may be in the log (thesis, 4.1).
  const now = r.configuration;
  if (!r.ready || isJoint(now) || r.configurations.latestIndex > r.commitIndex) {
    r.reply(id, { ok: false, error: "config-change-pending" });
    return;
  }
  const sameVoters = sameIds(wanted.voters, now.voters);
  if (sameVoters && sameIds(wanted.learners, now.learners)) {
    r.reply(id, { ok: true, configuration: now });
    return;
  }
  const next = sameVoters ? wanted : configuration(voters, learners, now.voters);
  r.changes.push({ id, index: r.log.lastIndex + 1, term: r.term, joint: false });
  appendConfiguration(r, lead, next);
}

/** The joint configuration is committed: its old half has done its duty. */
export function leaveJoint(r: Replica, lead: Leadership): void {
  if (!r.ready || !isJoint(r.configuration) || r.configurations.latestIndex > r.commitIndex) return;
  appendConfiguration(r, lead, configuration(r.configuration.voters, r.configuration.learners));
}

function appendConfiguration(r: Replica, lead: Leadership, next: Configuration): void {
  appendAsLeader(r, lead, { kind: "configuration", term: r.term, configuration: next });
  syncProgress(r, lead);
  broadcastAppends(r, lead);
}

export function appendAsLeader(r: Replica, lead: Leadership, entry: Entry): void {
  lead.uncommittedBytes += entryBytes(entry);
  r.append([entry]);
}

/** Brings the table of peers in line with the configuration. Those removed stay until they can know it: `dropLeavers`. */
export function syncProgress(r: Replica, lead: Leadership): void {
  const all = new Set(members(r.configuration));
  all.delete(r.id);
  for (const id of all) {
    const progress = lead.progress.get(id);
    if (progress === undefined) lead.progress.set(id, new Progress(r.log.lastIndex + 1, r.now));
    else progress.leavingUntil = null;
  }
  for (const [id, progress] of lead.progress) {
    if (!all.has(id)) progress.leavingUntil ??= Number.POSITIVE_INFINITY;
  }
}

/**
 * A removed peer is served until it has the entry that removes it and was told of its commit, or for one election timeout
 * after that commit. It may miss the news: then it can only ask for pre-votes, which nobody gives it.
 */
export function dropLeavers(r: Replica, lead: Leadership, tick: boolean): void {
  const removedAt = r.configurations.latestIndex;
  if (removedAt > r.commitIndex) return;
  for (const [id, progress] of lead.progress) {
    if (progress.leavingUntil === null) continue;
    if (tick && progress.leavingUntil === Number.POSITIVE_INFINITY) {
      progress.leavingUntil = r.now + r.options.electionTimeoutMax;
    }
    const told = progress.match >= removedAt && progress.sentCommit >= removedAt;
    if (!told && r.now < progress.leavingUntil) continue;
    abandonSnapshot(r, id, progress);
    lead.progress.delete(id);
  }
}
