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
 *
 * Every write comes by here, and hardly any is ever watched: so events are bytes in blocks, and objects only for those who
 * read. As objects that live for some thousand writes they cost the garbage collector more than everything else in a write.
 */
import { binaryString } from "../core/bytes.ts";
import { bodyOffset, type Header, isCollection, readU32, stringValue, writeU32 } from "./header.ts";

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
  /** Memory of all events; at most two blocks more. */
  readonly bytes: number;
  /** Changes in all events. */
  readonly changes: number;
}

export const DEFAULT_HISTORY_LIMITS: HistoryLimits = { bytes: 4 * 1024 * 1024, changes: 10_000 };

/** A longer value is not remembered: only that the key was set. */
export const MOST_VALUE_BYTES = 64 * 1024;

/** An event that would take more than this share of the history is remembered without values. */
const LARGEST_SHARE = 1 / 4;

/** Events stand in blocks of at most so many bytes; those of a small history are smaller. */
const LARGEST_BLOCK = 64 * 1024;
const SMALLEST_BLOCK = 1024;
const BLOCKS = 8;

/** What follows the key: nothing, or the header with the value in it. */
const KIND = { set: 0, setWithHeader: 1, delete: 2, expire: 3, flush: 4 } as const;

/** Enough for the length, revision and count of an event, and for kind and lengths of a change. */
const EVENT_HEADER_BYTES = 20;
const CHANGE_HEADER_BYTES = 12;
/** A history that remembers only that keys came and went is bounded as well. */
const FLUSH_BYTES = CHANGE_HEADER_BYTES;

/**
 * ```
 * event   = bytes of all that follows u32 | revision varint | count varint | change × count
 * change  = kind u8 | (not of a flush:) key length varint | key | (of setWithHeader:) header length varint | header
 * ```
 */
interface Block {
  readonly bytes: Uint8Array;
  length: number;
  /** The revision of its last event. */
  last: number;
}

export class History {
  readonly #limits: HistoryLimits;
  #blocks: Block[] = [];
  /** Where the oldest event stands in the first block. */
  #head = 0;
  #bytes = 0;
  #changes = 0;
  /** Of the operation under way, in the order of each key's last change; a header: it was set. */
  readonly #pending = new Map<string, Header | "delete" | "expire">();
  /** Most operations change one key by setting it: that one needs no map. Never set while `#pending` has anything. */
  #onlyKey = "";
  #onlyHeader: Header | null = null;
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
    if (this.#pending.size === 0 && (this.#onlyHeader === null || this.#onlyKey === key)) {
      this.#onlyKey = key;
      this.#onlyHeader = header;
    } else {
      this.#note(key, header);
    }
  }

  noteRemoval(key: string, kind: "delete" | "expire"): void {
    this.#note(key, kind);
  }

  noteFlush(): void {
    this.#onlyHeader = null;
    this.#pending.clear();
    this.#flushed = true;
  }

  #note(key: string, state: Header | "delete" | "expire"): void {
    if (this.#onlyHeader !== null) {
      this.#pending.set(this.#onlyKey, this.#onlyHeader);
      this.#onlyHeader = null;
    }
    this.#pending.delete(key);
    this.#pending.set(key, state);
  }

  /** Ends the operation under way: its last command was the one with this number. */
  commit(revision: number): void {
    this.#revision = revision;
    const only = this.#onlyHeader;
    if (only !== null && !this.#flushed) {
      const bytes = EVENT_HEADER_BYTES + CHANGE_HEADER_BYTES + this.#onlyKey.length;
      const carried = carriedBytes(only);
      const withValue = carried > 0 && bytes + carried <= this.#limits.bytes * LARGEST_SHARE;
      const block = this.#blockWithRoom(withValue ? bytes + carried : bytes);
      const at = putVarint(block.bytes, putVarint(block.bytes, block.length + 4, revision), 1);
      this.#end(block, revision, putChange(block.bytes, at, this.#onlyKey, only, withValue), 1);
      this.#onlyHeader = null;
      return;
    }
    if (only !== null) this.#note(this.#onlyKey, only);
    if (this.#pending.size === 0 && !this.#flushed) return;
    let bytes = EVENT_HEADER_BYTES + (this.#flushed ? FLUSH_BYTES : 0);
    let valueBytes = 0;
    for (const [key, state] of this.#pending) {
      bytes += CHANGE_HEADER_BYTES + key.length;
      valueBytes += carriedBytes(state);
    }
    // One event must not push out all others.
    const withValues = bytes + valueBytes <= this.#limits.bytes * LARGEST_SHARE;
    this.#write(revision, withValues, withValues ? bytes + valueBytes : bytes);
    this.#pending.clear();
    this.#flushed = false;
  }

  /** `most`: no less than the event will take. */
  #write(revision: number, withValues: boolean, most: number): void {
    const block = this.#blockWithRoom(most);
    const { bytes } = block;
    const count = this.#pending.size + (this.#flushed ? 1 : 0);
    let at = putVarint(bytes, putVarint(bytes, block.length + 4, revision), count);
    if (this.#flushed) bytes[at++] = KIND.flush;
    for (const [key, state] of this.#pending) {
      at = putChange(bytes, at, key, state, withValues && carriedBytes(state) > 0);
    }
    this.#end(block, revision, at, count);
  }

  /** The event that begins at the end of the block ends at `at`. */
  #end(block: Block, revision: number, at: number, changes: number): void {
    const begin = block.length;
    writeU32(block.bytes, begin, at - begin - 4);
    block.length = at;
    block.last = revision;
    this.#bytes += at - begin;
    this.#changes += changes;
    this.#trim();
  }

  #blockWithRoom(most: number): Block {
    const last = this.#blocks.at(-1);
    if (last !== undefined && last.bytes.length - last.length >= most) return last;
    // A history that has just begun does not take the memory of a full one.
    const usual = Math.max(SMALLEST_BLOCK, Math.min(LARGEST_BLOCK, this.#limits.bytes / BLOCKS));
    const grown = last === undefined ? SMALLEST_BLOCK : Math.min(usual, last.bytes.length * 2);
    const block = { bytes: new Uint8Array(Math.max(Math.ceil(grown), most)), length: 0, last: 0 };
    this.#blocks.push(block);
    return block;
  }

  #trim(): void {
    while (this.#bytes > this.#limits.bytes || this.#changes > this.#limits.changes) {
      const oldest = this.#blocks[0]!;
      const { bytes } = oldest;
      const end = this.#head + 4 + readU32(bytes, this.#head);
      // Read in place: for every operation that is remembered another one is forgotten.
      this.#start = varintAt(bytes, this.#head + 4);
      this.#changes -= varintAt(bytes, behindVarint);
      this.#bytes -= end - this.#head;
      this.#head = end;
      if (this.#head < oldest.length) continue;
      this.#blocks.shift();
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
    for (let i = this.#blockAfter(revision); i < this.#blocks.length; i++) {
      const block = this.#blocks[i]!;
      for (let at = i === 0 ? this.#head : 0; at < block.length;) {
        const event = eventAt(block.bytes, at);
        const size = event.end - at;
        at = event.end;
        if (event.revision <= revision) continue;
        const changes = changesUnder(block.bytes, event, prefix);
        if (changes.length === 0) continue;
        if (taken >= bytes) return { events, upTo: events.at(-1)!.revision };
        events.push({ revision: event.revision, changes });
        taken += size;
      }
    }
    return { events, upTo: Math.max(revision, this.#revision) };
  }

  /** The first block with an event after `revision`. */
  #blockAfter(revision: number): number {
    let low = 0;
    let high = this.#blocks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#blocks[middle]!.last <= revision) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

/** What the header takes, if its value is to be carried; 0: it is not. */
function carriedBytes(state: Header | "delete" | "expire"): number {
  if (typeof state === "string" || isCollection(state)) return 0;
  return state.length - bodyOffset(state) <= MOST_VALUE_BYTES ? state.length : 0;
}

interface StoredEvent {
  readonly revision: number;
  readonly count: number;
  /** Where its changes begin, and where the next event does. */
  readonly changes: number;
  readonly end: number;
}

function eventAt(bytes: Uint8Array, at: number): StoredEvent {
  const size = readU32(bytes, at);
  const revision = varintAt(bytes, at + 4);
  const count = varintAt(bytes, behindVarint);
  return { revision, count, changes: behindVarint, end: at + 4 + size };
}

function changesUnder(
  bytes: Uint8Array,
  { changes: begin, count }: StoredEvent,
  prefix: string,
): KeyChange[] {
  const changes: KeyChange[] = [];
  let at = begin;
  for (let left = count; left > 0; left--) {
    const kind = bytes[at++]!;
    if (kind === KIND.flush) {
      changes.push({ kind: "flush" });
      continue;
    }
    const keyBytes = varintAt(bytes, at);
    at = behindVarint + keyBytes;
    const key = binaryString(bytes.subarray(behindVarint, at));
    let value: Uint8Array | null = null;
    if (kind === KIND.setWithHeader) {
      const headerBytes = varintAt(bytes, at);
      at = behindVarint + headerBytes;
      value = stringValue(bytes.subarray(behindVarint, at));
    }
    if (!key.startsWith(prefix)) continue;
    if (kind === KIND.delete) changes.push({ kind: "delete", key });
    else if (kind === KIND.expire) changes.push({ kind: "expire", key });
    else changes.push({ kind: "set", key, value });
  }
  return changes;
}

function putVarint(bytes: Uint8Array, at: number, value: number): number {
  let next = at;
  let rest = value;
  while (rest >= 0x80) {
    bytes[next++] = (rest % 0x80) | 0x80;
    rest = Math.floor(rest / 0x80);
  }
  bytes[next++] = rest;
  return next;
}

/** `carried`: with the value of the key, which is a string. */
function putChange(
  bytes: Uint8Array,
  begin: number,
  key: string,
  state: Header | "delete" | "expire",
  carried: boolean,
): number {
  bytes[begin] = typeof state === "string" ? KIND[state] : carried ? KIND.setWithHeader : KIND.set;
  let at = putVarint(bytes, begin + 1, key.length);
  for (let i = 0; i < key.length; i++) bytes[at++] = key.charCodeAt(i);
  return carried ? putBytes(bytes, at, state as Header) : at;
}

/** With their length before them. */
function putBytes(bytes: Uint8Array, at: number, part: Uint8Array): number {
  const begin = putVarint(bytes, at, part.length);
  bytes.set(part, begin);
  return begin + part.length;
}

/** Where the varint that was read last ends. */
let behindVarint = 0;

function varintAt(bytes: Uint8Array, at: number): number {
  let value = 0;
  let scale = 1;
  for (let end = at; ; scale *= 0x80) {
    const byte = bytes[end++]!;
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      behindVarint = end;
      return value;
    }
  }
}
