/**
 * What was promised, checked on what the members delivered. The definitions are the textbook's (Hadzilacos and Toueg, "Fault-Tolerant Broadcasts
 * and Related Problems", 1993), with one addition: a loss that was told at its place in the log counts as known.
 *
 * Each checker returns the first contradiction in words, or null.
 */
import type { Member } from "./messages.ts";
import type { Reliability } from "./options.ts";

export type LogEvent =
  | { readonly type: "published"; readonly number: number; readonly content: string }
  | {
      readonly type: "delivered";
      readonly from: Member;
      readonly number: number;
      readonly content: string;
    }
  | { readonly type: "lost"; readonly from: Member; readonly first: number; readonly last: number };

/** What one member published, delivered and was told to be lost, in this order. */
export interface DeliveryLog {
  readonly member: Member;
  /** It came when others were there already: it takes part in what they publish from some message on. */
  readonly isLate: boolean;
  readonly events: readonly LogEvent[];
}

/** Every message is delivered at most once, and only if its publisher published it with this content. */
export function integrity(logs: readonly DeliveryLog[]): string | null {
  const published = new Map<string, string>();
  for (const { member, events } of logs)
    for (const event of events)
      if (event.type === "published") published.set(messageName(member, event.number), event.content);
  for (const { member, events } of logs) {
    const seen = new Set<string>();
    for (const event of events) {
      if (event.type !== "delivered") continue;
      const message = messageName(event.from, event.number);
      if (seen.has(message)) return `${name(member)} delivered ${message} twice`;
      seen.add(message);
      if (published.get(message) !== event.content)
        return `${name(member)} delivered ${message} as ${event.content}, which nobody published`;
    }
  }
  return null;
}

/** Who publishes a message delivers it. For the logs of correct members. */
export function validity(logs: readonly DeliveryLog[]): string | null {
  for (const { member, events } of logs) {
    const delivered = positionsOf(events);
    for (const event of events)
      if (event.type === "published" && !delivered.has(messageName(member, event.number)))
        return `${name(member)} never delivered its own ${messageName(member, event.number)}`;
  }
  return null;
}

/** What one of them delivers, all of them deliver; one who came late, from its first message of each publisher on. */
export function agreement(logs: readonly DeliveryLog[]): string | null {
  const all = new Map<string, { readonly from: Member; readonly number: number; readonly by: Member }>();
  for (const { member, events } of logs)
    for (const event of events)
      if (event.type === "delivered")
        all.set(messageName(event.from, event.number), {
          from: event.from,
          number: event.number,
          by: member,
        });
  for (const { member, events, isLate } of logs) {
    const delivered = positionsOf(events);
    const firsts = new Map<string, number>();
    for (const event of events) {
      if (event.type !== "delivered") continue;
      const from = name(event.from);
      firsts.set(from, Math.min(firsts.get(from) ?? Infinity, event.number));
    }
    for (const [message, { from, number, by }] of all) {
      if (delivered.has(message)) continue;
      if (isLate && number < (firsts.get(name(from)) ?? Infinity)) continue;
      return `${name(by)} delivered ${message}, ${name(member)} never did`;
    }
  }
  return null;
}

/** Of one publisher, nothing is delivered before an earlier message is delivered or told to be lost. */
export function fifo(logs: readonly DeliveryLog[]): string | null {
  for (const { member, events, isLate } of logs) {
    const lasts = new Map<string, number>();
    const losses: Loss[] = [];
    for (const [at, event] of events.entries()) {
      if (event.type === "lost") losses.push({ ...event, at });
      if (event.type !== "delivered") continue;
      const { from, number } = event;
      const last = lasts.get(name(from)) ?? (isLate ? number - 1 : 0);
      lasts.set(name(from), number);
      let next = last + 1;
      while (next < number && losses.some((it) => covers(it, { from, number: next }))) next += 1;
      if (next !== number) return `${name(member)} delivered ${messageName(from, number)} after #${last}`;
    }
  }
  return null;
}

/**
 * Nothing is delivered before what its publisher had published or delivered before it; where that is never delivered, it was told to be lost, or
 * came before a late member took part. `best-effort`: what is never delivered need not have been told in time.
 */
export function causal(logs: readonly DeliveryLog[], reliability: Reliability = "reliable"): string | null {
  const causes = causesOf(logs);
  for (const { member, events, isLate } of logs) {
    const delivered = positionsOf(events);
    const lost = lossesOf(events);
    for (const [message, at] of delivered) {
      for (const cause of causes.get(message) ?? []) {
        const before = delivered.get(cause.name);
        if (before !== undefined ? before < at : isLate || reliability === "best-effort") continue;
        if (before === undefined && lost.some((it) => it.at < at && covers(it, cause))) continue;
        return `${name(member)} delivered ${message} before ${cause.name}, which came before it`;
      }
    }
  }
  return null;
}

/** Any two of them deliver what both deliver in the same order. */
export function total(logs: readonly DeliveryLog[]): string | null {
  const orders = logs.map(({ member, events }) => ({ member, order: positionsOf(events) }));
  for (const [at, one] of orders.entries()) {
    for (const other of orders.slice(at + 1)) {
      let last = -1;
      let lastMessage = "";
      for (const message of one.order.keys()) {
        const place = other.order.get(message);
        if (place === undefined) continue;
        if (place < last)
          return `${name(one.member)} delivered ${lastMessage} before ${message}, ${name(other.member)} after it`;
        last = place;
        lastMessage = message;
      }
    }
  }
  return null;
}

interface Cause {
  readonly name: string;
  readonly from: Member;
  readonly number: number;
}

/** Of each message, all that its publisher had published or delivered before it. */
function causesOf(logs: readonly DeliveryLog[]): ReadonlyMap<string, readonly Cause[]> {
  const causes = new Map<string, readonly Cause[]>();
  for (const { member, events } of logs) {
    const before: Cause[] = [];
    for (const event of events) {
      if (event.type === "lost") continue;
      const from = event.type === "published" ? member : event.from;
      const message = messageName(from, event.number);
      if (event.type === "published") causes.set(message, [...before]);
      before.push({ name: message, from, number: event.number });
    }
  }
  return causes;
}

interface Loss {
  readonly at: number;
  readonly from: Member;
  readonly first: number;
  readonly last: number;
}

const lossesOf = (events: readonly LogEvent[]): readonly Loss[] =>
  events.flatMap((event, at) => (event.type === "lost" ? { ...event, at } : []));

const covers = (
  { from, first, last }: Loss,
  it: { readonly from: Member; readonly number: number },
): boolean => name(from) === name(it.from) && first <= it.number && it.number <= last;

/** The messages that were delivered, in their order, and where. */
function positionsOf(events: readonly LogEvent[]): ReadonlyMap<string, number> {
  const positions = new Map<string, number>();
  for (const [at, event] of events.entries())
    if (event.type === "delivered") positions.set(messageName(event.from, event.number), at);
  return positions;
}

const name = ({ node, since }: Member): string => `n${node}@${since}`;

const messageName = (from: Member, number: number): string => `${name(from)}#${number}`;
