/**
 * The log of one replica, in memory from `startIndex` (exclusive) on. What lies at or before the start is part of the
 * state and known only by its last index and term (thesis, section 5). Terms never decrease along the log.
 */
import { invariant } from "../../core/assert.ts";
import type { LogIndex } from "../../core/machine.ts";
import type { Entry } from "./messages.ts";

/** What an entry weighs beyond its payload, in memory and on the wire; an estimate on the safe side. */
const ENTRY_OVERHEAD_BYTES = 32;

export function entryBytes(entry: Entry): number {
  if (entry.kind === "command") return entry.command.length + ENTRY_OVERHEAD_BYTES;
  if (entry.kind === "noop") return ENTRY_OVERHEAD_BYTES;
  const { voters, outgoing, learners } = entry.configuration;
  return ENTRY_OVERHEAD_BYTES + 8 * (voters.length + outgoing.length + learners.length);
}

export class Log {
  #startIndex: LogIndex;
  #startTerm: number;
  #entries: Entry[];
  #bytes = 0;

  constructor(startIndex: LogIndex, startTerm: number, entries: readonly Entry[]) {
    this.#startIndex = startIndex;
    this.#startTerm = startTerm;
    this.#entries = [...entries];
    for (const entry of entries) this.#bytes += entryBytes(entry);
  }

  get startIndex(): LogIndex {
    return this.#startIndex;
  }

  get startTerm(): number {
    return this.#startTerm;
  }

  get lastIndex(): LogIndex {
    return this.#startIndex + this.#entries.length;
  }

  get lastTerm(): number {
    const last = this.#entries[this.#entries.length - 1];
    return last === undefined ? this.#startTerm : last.term;
  }

  /** What the entries in memory weigh. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The entries in memory, oldest first. */
  get entries(): readonly Entry[] {
    return this.#entries;
  }

  /** Undefined before the start and beyond the end; the start itself has a term. */
  termAt(index: LogIndex): number | undefined {
    if (index === this.#startIndex) return this.#startTerm;
    return this.#entries[index - this.#startIndex - 1]?.term;
  }

  /** The entry must be in memory. */
  at(index: LogIndex): Entry {
    const entry = this.#entries[index - this.#startIndex - 1];
    invariant(entry !== undefined, `no entry ${index} in a log of (${this.#startIndex}, ${this.lastIndex}]`);
    return entry;
  }

  append(entries: readonly Entry[]): void {
    for (const entry of entries) {
      invariant(
        entry.term >= this.lastTerm,
        `term ${entry.term} after ${this.lastTerm} at ${this.lastIndex}`,
      );
      this.#entries.push(entry);
      this.#bytes += entryBytes(entry);
    }
  }

  /** Removes the entry at `index` and all after it. */
  truncateFrom(index: LogIndex): void {
    invariant(
      index > this.#startIndex,
      `cannot truncate from ${index}: the log starts at ${this.#startIndex}`,
    );
    this.#release(this.#entries.splice(index - this.#startIndex - 1));
  }

  /** Forgets the entries up to `index`, which must be in the log. */
  compactTo(index: LogIndex): void {
    const term = this.termAt(index);
    invariant(
      term !== undefined,
      `cannot compact to ${index}: the log is (${this.#startIndex}, ${this.lastIndex}]`,
    );
    this.#release(this.#entries.splice(0, index - this.#startIndex));
    this.#startIndex = index;
    this.#startTerm = term;
  }

  /** A snapshot takes the place of the whole log. */
  reset(index: LogIndex, term: number): void {
    this.#entries = [];
    this.#bytes = 0;
    this.#startIndex = index;
    this.#startTerm = term;
  }

  /** Entries from `from` on: as many as fit into `maxBytes`, and at least one if there is one. */
  slice(from: LogIndex, maxBytes: number): readonly Entry[] {
    const first = from - this.#startIndex - 1;
    let end = first;
    let bytes = 0;
    while (end < this.#entries.length) {
      bytes += entryBytes(this.#entries[end]!);
      if (bytes > maxBytes && end > first) break;
      end++;
    }
    return this.#entries.slice(first, end);
  }

  /** The first index whose entry has this term or a later one; `lastIndex + 1` when there is none. Binary search. */
  firstIndexOf(term: number): LogIndex {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#entries[middle]!.term < term) low = middle + 1;
      else high = middle;
    }
    return this.#startIndex + 1 + low;
  }

  /** The last index with exactly this term, the start included; undefined when the log has none. */
  lastIndexOf(term: number): LogIndex | undefined {
    const index = this.firstIndexOf(term + 1) - 1;
    return this.termAt(index) === term ? index : undefined;
  }

  /** The log whose last entry is this one is at least as complete as ours (5.4.1). */
  isUpToDate(lastIndex: LogIndex, lastTerm: number): boolean {
    return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex);
  }

  #release(removed: readonly Entry[]): void {
    for (const entry of removed) this.#bytes -= entryBytes(entry);
  }
}
