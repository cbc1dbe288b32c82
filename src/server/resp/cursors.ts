/**
 * Positions of unfinished scans. RESP clients carry a cursor as a 64-bit number, too small for the key at which a scan goes
 * on, so the number stands for an entry of this table. It is bounded: the position that was used longest ago is forgotten,
 * and whoever comes back with it gets a definite error instead of wrong results.
 */
import { randomInt } from "node:crypto";

export interface ScanPosition {
  /** What the cursor belongs to: "SCAN", or the command and its key. A cursor is of no use elsewhere. */
  readonly scope: string;
  /** The shard that is being walked, in a scan over shards; else 0. */
  readonly group: number;
  /** Where the shard's own scan goes on. */
  readonly from: Uint8Array;
}

interface Entry {
  readonly position: ScanPosition;
  readonly bytes: number;
  /** The cursor from which this one was reached: its holder has got this one by now and will not go back. */
  readonly previous: number;
}

const SERIAL_BITS = 31;
/** All positions together; only keys of kilobytes come near it. */
const MAX_BYTES = 64 * 1024 * 1024;

export class CursorTable {
  readonly #limit: number;
  /** In order of last use. */
  readonly #entries = new Map<number, Entry>();
  /** Cursors of one server carry its own random number above the serial, so that another server does not take them for its. */
  readonly #base = randomInt(1, 2 ** 21) * 2 ** SERIAL_BITS;
  #serial = 0;
  #bytes = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** A number below 2^53, never 0. `previous` is the cursor that the client came with, or 0. */
  save(position: ScanPosition, previous: number): number {
    const reached = this.#entries.get(previous);
    // A step may be asked for again when its answer was lost, so the last cursor stays good; the one before it is done.
    if (reached !== undefined) this.#forget(reached.previous);
    this.#serial = (this.#serial + 1) % 2 ** SERIAL_BITS;
    const cursor = this.#base + this.#serial;
    const bytes = position.scope.length + position.from.length + 128;
    this.#entries.set(cursor, { position, bytes, previous });
    this.#bytes += bytes;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#limit && this.#bytes <= MAX_BYTES) break;
      this.#forget(oldest);
    }
    return cursor;
  }

  #forget(cursor: number): void {
    const entry = this.#entries.get(cursor);
    if (entry === undefined) return;
    this.#entries.delete(cursor);
    this.#bytes -= entry.bytes;
  }

  find(cursor: number, scope: string): ScanPosition | undefined {
    const entry = this.#entries.get(cursor);
    if (entry === undefined || entry.position.scope !== scope) return undefined;
    this.#entries.delete(cursor);
    this.#entries.set(cursor, entry);
    return entry.position;
  }
}
