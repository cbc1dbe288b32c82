/**
 * What a shard changed lately, for those who watch it. Not part of the state: it is kept in memory, within bounds, and begins
 * anew when the state was loaded or installed. The revisions are the shard's command numbers, so that one event has the same
 * revision on every replica, and who has seen everything up to a revision can go on at another one.
 *
 * ```
 *        start                          revision
 *   ───────┼──event──event─────event────────┼──▶ command numbers
 *          └─ everything after it is here    └─ everything up to it is done
 * ```
 *
 * After a restart the start is the version of the state in the store; what is applied from the log after it is remembered as
 * it was the first time.
 */
import { type Header, isCollection, stringValue } from "./header.ts";

/** `expire`: the key was removed because its time had come. A flush removes every key of the shard. */
export type KeyChange =
  | {
      readonly kind: "set";
      readonly key: string;
      /** A view, never changed; null: a collection, or more than an event carries. */
      readonly value: Uint8Array | null;
    }
  | { readonly kind: "delete" | "expire"; readonly key: string }
  | { readonly kind: "flush" };

/** What one operation (a command or a transaction) changed, each key once: as it was in the end. */
export interface ChangeEvent {
  readonly revision: number;
  readonly changes: readonly KeyChange[];
}

/** Looked at with every event: they may change. */
export interface HistoryLimits {
  /** Approximate memory of all events. */
  readonly bytes: number;
  /** Changes in all events. */
  readonly changes: number;
}

export const DEFAULT_HISTORY_LIMITS: HistoryLimits = { bytes: 4 * 1024 * 1024, changes: 10_000 };

/** A longer value is not remembered: only that the key was set. */
export const MOST_VALUE_BYTES = 64 * 1024;

/** An event that would take more than this share of the history is remembered without values. */
const LARGEST_SHARE = 1 / 4;

/** What an event and a change take besides key and value. */
const EVENT_BYTES = 96;
const CHANGE_BYTES = 64;

const FLUSH: KeyChange = { kind: "flush" };

export class History {
  readonly #limits: HistoryLimits;
  #events: ChangeEvent[] = [];
  #head = 0;
  #bytes = 0;
  #changes = 0;
  /** Of the operation under way, in the order of each key's last change; a header: it was set. */
  readonly #pending = new Map<string, Header | "delete" | "expire">();
  #flushed = false;
  #start = 0;
  #revision = 0;

  constructor(limits: HistoryLimits = DEFAULT_HISTORY_LIMITS) {
    this.#limits = limits;
  }

  /** Every event after this revision is here. */
  get start(): number {
    return this.#start;
  }

  /** The last operation that is done. */
  get revision(): number {
    return this.#revision;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** For a new history: the state is that of `revision`, and nothing is known of what came before. */
  begin(revision: number): void {
    this.#start = revision;
    this.#revision = revision;
  }

  noteSet(key: string, header: Header): void {
    this.#pending.delete(key);
    this.#pending.set(key, header);
  }

  noteRemoval(key: string, kind: "delete" | "expire"): void {
    this.#pending.delete(key);
    this.#pending.set(key, kind);
  }

  noteFlush(): void {
    this.#pending.clear();
    this.#flushed = true;
  }

  /** Ends the operation under way: its last command was the one with this number. */
  commit(revision: number): void {
    this.#revision = revision;
    if (this.#pending.size === 0 && !this.#flushed) return;
    const changes: KeyChange[] = this.#flushed ? [FLUSH] : [];
    for (const [key, change] of this.#pending)
      changes.push(typeof change === "string" ? { kind: change, key } : setOf(key, change));
    this.#pending.clear();
    this.#flushed = false;
    this.#add(this.#withinShare({ revision, changes }));
  }

  /** One event must not push out all others. */
  #withinShare(event: ChangeEvent): ChangeEvent {
    if (eventBytes(event) <= this.#limits.bytes * LARGEST_SHARE) return event;
    const changes = event.changes.map((change) =>
      change.kind === "set" ? { ...change, value: null } : change,
    );
    return { revision: event.revision, changes };
  }

  #add(event: ChangeEvent): void {
    this.#events.push(event);
    this.#bytes += eventBytes(event);
    this.#changes += event.changes.length;
    while (this.#bytes > this.#limits.bytes || this.#changes > this.#limits.changes) {
      const oldest = this.#events[this.#head]!;
      // Its values are not to stay in memory until the array is moved.
      this.#events[this.#head++] = FORGOTTEN;
      this.#bytes -= eventBytes(oldest);
      this.#changes -= oldest.changes.length;
      this.#start = oldest.revision;
    }
    // Removing from the front one by one would move everything each time.
    if (this.#head > 1024 && this.#head * 2 > this.#events.length) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
  }

  /**
   * Events after `revision`, the oldest first, of at least one and about `bytes` at most; only what changed under `prefix`.
   * `upTo`: everything up to there is dealt with. Only for revisions from `start` on.
   */
  after(
    revision: number,
    prefix: string,
    bytes: number,
  ): { readonly events: ChangeEvent[]; readonly upTo: number } {
    const events: ChangeEvent[] = [];
    let taken = 0;
    for (let i = this.#find(revision); i < this.#events.length; i++) {
      const event = under(this.#events[i]!, prefix);
      if (event === null) continue;
      if (taken >= bytes) return { events, upTo: events.at(-1)!.revision };
      events.push(event);
      taken += eventBytes(event);
    }
    return { events, upTo: Math.max(revision, this.#revision) };
  }

  /** Where the first event after `revision` stands. */
  #find(revision: number): number {
    let low = this.#head;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#events[middle]!.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

const FORGOTTEN: ChangeEvent = { revision: 0, changes: [] };

function setOf(key: string, header: Header): KeyChange {
  if (isCollection(header)) return { kind: "set", key, value: null };
  const value = stringValue(header);
  return { kind: "set", key, value: value.length <= MOST_VALUE_BYTES ? value : null };
}

function under(event: ChangeEvent, prefix: string): ChangeEvent | null {
  if (prefix === "") return event;
  const changes = event.changes.filter((change) => change.kind === "flush" || change.key.startsWith(prefix));
  return changes.length === 0 ? null : { revision: event.revision, changes };
}

function eventBytes({ changes }: ChangeEvent): number {
  let bytes = EVENT_BYTES;
  for (const change of changes) {
    bytes += CHANGE_BYTES;
    if (change.kind !== "flush") bytes += change.key.length;
    if (change.kind === "set") bytes += change.value?.length ?? 0;
  }
  return bytes;
}
