import type { NodeId } from "../core/ids.ts";
import type { MemberRecord } from "./messages.ts";

/**
 * News that waits to be piggy-backed (SWIM, section 4.1): at most one piece about each member, handed out a bounded number of times,
 * those first that were handed out least often.
 */
export class News {
  /** By how often they were handed out. */
  readonly #byAge: Map<NodeId, MemberRecord>[] = [];
  readonly #ages = new Map<NodeId, number>();

  get size(): number {
    return this.#ages.size;
  }

  /** Replaces what waited about that member, and counts from the start. */
  add(record: MemberRecord): void {
    this.drop(record.id);
    this.#put(record, 0);
  }

  drop(id: NodeId): void {
    const age = this.#ages.get(id);
    if (age === undefined) return;
    this.#byAge[age]!.delete(id);
    this.#ages.delete(id);
  }

  /** As many as fit into `bytes`, without the one about `except`. What was handed out `limit` times is dropped. */
  take(
    bytes: number,
    limit: number,
    except: NodeId | null,
    sizeOf: (record: MemberRecord) => number,
  ): MemberRecord[] {
    const taken: MemberRecord[] = [];
    if (this.#ages.size === 0) return taken;
    let left = bytes;
    for (const records of this.#byAge) {
      for (const record of records.values()) {
        if (record.id === except) continue;
        const size = sizeOf(record);
        if (size > left) continue;
        left -= size;
        taken.push(record);
      }
      if (left < SMALLEST_RECORD) break;
    }
    for (const record of taken) {
      const age = this.#ages.get(record.id)! + 1;
      this.drop(record.id);
      if (age < limit) this.#put(record, age);
    }
    return taken;
  }

  #put(record: MemberRecord, age: number): void {
    while (this.#byAge.length <= age) this.#byAge.push(new Map());
    this.#byAge[age]!.set(record.id, record);
    this.#ages.set(record.id, age);
  }
}

/** Less room than any record takes: a search for more is in vain. */
const SMALLEST_RECORD = 8;
