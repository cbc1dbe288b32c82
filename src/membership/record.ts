import type { MemberRecord, MemberStatus } from "./messages.ts";

export const MAX_HOST_CHARS = 255;
/** Nobody gets there by honest means; what claims it is refused, so that a refutation has always room above it. */
export const MAX_INCARNATION = 2 ** 50;

const RANK = { alive: 0, suspect: 1, dead: 2, left: 3 } as const satisfies Record<MemberStatus, number>;

/**
 * Whether `news` replaces `held`, both about one member: the higher incarnation counts, within one the graver word (SWIM,
 * section 4.2, where a death is final; here a higher incarnation ends it, so that members can come back). A total order, so
 * what members hold converges in whichever order they hear it.
 */
export function supersedes(news: MemberRecord, held: MemberRecord): boolean {
  if (news.incarnation !== held.incarnation) return news.incarnation > held.incarnation;
  return RANK[news.status] > RANK[held.status];
}

/** Takes part, as far as is known: is probed and counted. */
export function isActive({ status }: MemberRecord): boolean {
  return status === "alive" || status === "suspect";
}

/** Equal for equal sets of members that take part, whatever their order; 32 bits. */
export function digestOf(records: Iterable<MemberRecord>): number {
  let sum = 0;
  for (const record of records) {
    if (!isActive(record)) continue;
    let word = Math.imul(record.id ^ 0x9e3779b9, 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13) ^ record.incarnation, 0xc2b2ae35);
    word = Math.imul(word ^ (word >>> 16) ^ Math.floor(record.incarnation / 2 ** 32), 0x85ebca6b);
    sum = (sum + (word ^ (word >>> 15))) >>> 0;
  }
  return sum;
}
