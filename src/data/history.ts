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
import { bodyOffset, type Header, isCollection, stringValue } from "./header.ts";

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

/** What stands in the place of a key for a flush: the empty key is a key. */
const FLUSHED = null;

/** A header stands for the value in it: views are made for those who read, not for every write. */
interface Remembered {
  readonly revision: number;
  readonly keys: readonly (string | typeof FLUSHED)[];
  /** For each key; null: set, and not carried. */
  readonly states: readonly (Header | "delete" | "expire" | null)[];
  readonly bytes: number;
}

export class History {
  readonly #limits: HistoryLimits;
  #events: Remembered[] = [];
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
    const keys: (string | typeof FLUSHED)[] = [];
    const states: Remembered["states"][number][] = [];
    let bytes = EVENT_BYTES;
    let valueBytes = 0;
    if (this.#flushed) {
      keys.push(FLUSHED);
      states.push(null);
    }
    for (const [key, state] of this.#pending) {
      keys.push(key);
      bytes += CHANGE_BYTES + key.length;
      const carried = carriedBytes(state);
      valueBytes += carried;
      states.push(carried === 0 && typeof state !== "string" ? null : state);
    }
    this.#pending.clear();
    this.#flushed = false;
    // One event must not push out all others.
    if (bytes + valueBytes <= this.#limits.bytes * LARGEST_SHARE)
      this.#add({ revision, keys, states, bytes: bytes + valueBytes });
    else
      this.#add({ revision, keys, states: states.map((state) => (isHeader(state) ? null : state)), bytes });
  }

  #add(event: Remembered): void {
    this.#events.push(event);
    this.#bytes += event.bytes;
    this.#changes += event.keys.length;
    while (this.#bytes > this.#limits.bytes || this.#changes > this.#limits.changes) {
      const oldest = this.#events[this.#head]!;
      // Its values are not to stay in memory until the array is moved.
      this.#events[this.#head++] = FORGOTTEN;
      this.#bytes -= oldest.bytes;
      this.#changes -= oldest.keys.length;
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
      const remembered = this.#events[i]!;
      const changes = changesUnder(remembered, prefix);
      if (changes.length === 0) continue;
      if (taken >= bytes) return { events, upTo: events.at(-1)!.revision };
      events.push({ revision: remembered.revision, changes });
      taken += remembered.bytes;
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

const FORGOTTEN: Remembered = { revision: 0, keys: [], states: [], bytes: 0 };

const isHeader = (state: Remembered["states"][number]): state is Header =>
  state !== null && typeof state !== "string";

/** What the header keeps in memory, if its value is to be carried; 0: it is not. */
function carriedBytes(state: Header | "delete" | "expire"): number {
  if (typeof state === "string" || isCollection(state)) return 0;
  return state.length - bodyOffset(state) <= MOST_VALUE_BYTES ? state.length : 0;
}

function changesUnder({ keys, states }: Remembered, prefix: string): KeyChange[] {
  const changes: KeyChange[] = [];
  for (const [i, key] of keys.entries()) {
    const state = states[i] ?? null;
    if (key === FLUSHED) changes.push({ kind: "flush" });
    else if (!key.startsWith(prefix)) continue;
    else if (isHeader(state)) changes.push({ kind: "set", key, value: stringValue(state) });
    else changes.push(state === null ? { kind: "set", key, value: null } : { kind: state, key });
  }
  return changes;
}
