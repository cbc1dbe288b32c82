/** What a replica of a merging shard keeps in its log, and the way back from records to its durable state. */
import { invariant, unreachable } from "../../core/assert.ts";
import type { ReplicaId } from "../../core/ids.ts";
import type { LogIndex } from "../../core/machine.ts";

export type EntryKind = "command" | "merge" | "adopt";

export interface EntryRecord {
  readonly type: "entry";
  /** From 1, without gaps. Two entries never have the same index. */
  readonly index: LogIndex;
  readonly kind: EntryKind;
  /** The command, the delta, or the context. */
  readonly bytes: Uint8Array;
}

export type MergingRecord =
  /** The first of all. */
  | { readonly type: "born"; readonly replica: ReplicaId; readonly founder: boolean }
  /** Has had all that some other holder had. */
  | { readonly type: "ready" }
  | EntryRecord;

export interface MergingRecovered {
  readonly replica: ReplicaId;
  readonly founder: boolean;
  readonly ready: boolean;
  /** The host's state includes everything up to here. */
  readonly applied: LogIndex;
  /** Consecutive. Those above `applied` have to be applied again. */
  readonly entries: readonly EntryRecord[];
  readonly lastIndex: LogIndex;
}

/** What every new replica is given. `founder`: the group begins with it, so there is nothing that it could have missed. */
export function born(replica: ReplicaId, founder: boolean): readonly MergingRecord[] {
  return [{ type: "born", replica, founder }];
}

/**
 * Replays records in the order in which they were persisted; a checkpoint repeats some. `applied`: what the host's state includes. Throws
 * `InvariantError` when an entry above `applied` is missing, when one index has two entries, and without a birth.
 */
export function recover(records: readonly MergingRecord[], applied: LogIndex): MergingRecovered {
  let birth: { readonly replica: ReplicaId; readonly founder: boolean } | null = null;
  let ready = false;
  let entries: EntryRecord[] = [];
  for (const record of records) {
    switch (record.type) {
      case "born":
        invariant(
          birth === null || birth.replica === record.replica,
          `born as ${birth?.replica} and ${record.replica}`,
        );
        birth = record;
        break;
      case "ready":
        ready = true;
        break;
      case "entry":
        entries = withEntry(entries, record);
        break;
      default:
        unreachable(record);
    }
  }
  invariant(birth !== null, "a replica that was never born");
  const first = entries[0]?.index ?? applied + 1;
  invariant(first <= applied + 1, `entries from ${first} on, the state ends at ${applied}`);
  const lastIndex = Math.max(applied, entries.at(-1)?.index ?? 0);
  return { replica: birth.replica, founder: birth.founder, ready, applied, entries, lastIndex };
}

function withEntry(entries: EntryRecord[], record: EntryRecord): EntryRecord[] {
  const last = entries.at(-1);
  if (last === undefined || record.index > last.index + 1) return [record];
  if (record.index === last.index + 1) {
    entries.push(record);
    return entries;
  }
  const earlier = entries[record.index - entries[0]!.index];
  invariant(
    earlier === undefined || (earlier.kind === record.kind && sameBytes(earlier.bytes, record.bytes)),
    `two entries with the index ${record.index}`,
  );
  return entries;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
