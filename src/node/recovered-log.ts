/** What the log had of each group when the node started: as bytes, since which protocol they are of is known to the catalog. */
import type { GroupId } from "../core/ids.ts";
import { isMergingRecord } from "../core/merging.ts";
import type { LogRecord } from "../storage/log/write-ahead-log.ts";

export class RecoveredLog {
  readonly #groups = new Map<GroupId, Uint8Array[]>();
  readonly #deleted = new Set<GroupId>();

  /** A checkpoint starts a group's description anew; an empty one says that the group was deleted here. */
  visit(record: LogRecord): void {
    if (record.checkpoint) this.#groups.delete(record.group);
    if (record.bytes.length === 0) {
      this.#deleted.add(record.group);
      return;
    }
    this.#deleted.delete(record.group);
    const records = this.#groups.get(record.group) ?? [];
    // A copy: the bytes are a view of a whole segment, which one kept entry would hold in memory.
    records.push(record.bytes.slice());
    this.#groups.set(record.group, records);
  }

  /** A group's records, once; undefined where there are none. */
  take(group: GroupId): Uint8Array[] | undefined {
    const records = this.#groups.get(group);
    this.#groups.delete(group);
    return records;
  }

  has(group: GroupId): boolean {
    return this.#groups.has(group);
  }

  /** Groups that have records and were not taken yet, of the protocols of that kind. */
  groups(kind: "ordered" | "merging"): GroupId[] {
    const groups = [...this.#groups].filter(
      ([, [first]]) => isMergingRecord(first!) === (kind === "merging"),
    );
    return groups.map(([group]) => group).sort((a, b) => a - b);
  }

  /** Groups of which nothing is left but the word that they were deleted here. */
  deleted(): Iterable<GroupId> {
    return this.#deleted;
  }
}
