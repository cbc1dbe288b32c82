/**
 * A shard of a merging keyspace as its replica sees it: a flat map from *items* to dot stores, under one causal context of the whole shard
 * (Almeida, Shoker, Baquero 2018; one context for many objects: Gonçalves et al. 2017, "DottedDB", without its per-node logs).
 *
 * An item is the smallest thing that merges: a register, a key's counter, one member of a set, one field of a hash. Its address is the
 * key, the kind and the part. Every write of an item takes a dot of its own, so that a dot has one address for ever. **Removal leaves nothing
 * behind**: a dot that the context knows and the item does not hold was removed. No tombstone is kept and none has to be collected; a
 * replica that comes back after a year brings dots that everybody knows, and they do not return.
 */
import type { StateAnswer, StateQuery, Summary } from "../../core/merging.ts";
import type { Hash64 } from "../../core/hash64.ts";
import type { LoadedRange, RangeRequest } from "../../core/records.ts";
import type { Reply } from "../../core/reply.ts";
import type { Batch } from "../batch.ts";
import type { CommandCall } from "../contract.ts";

export interface LoadStep {
  readonly type: "load";
  readonly requests: readonly RangeRequest[];
}

/** What a batch of commands came to. */
export interface BatchDone {
  readonly type: "done";
  /** One per operation, in order. */
  readonly replies: readonly Reply[];
  /** Of all operations together; null when nothing changed. */
  readonly delta: Uint8Array | null;
}

export interface BatchRun {
  next(loaded?: readonly LoadedRange[]): LoadStep | BatchDone;
}

export interface MergeRun {
  /** `taken`: false when it was refused, because more than `maxCloud` events before it would be missing. Nothing changes before it is done. */
  next(loaded?: readonly LoadedRange[]): LoadStep | { readonly type: "done"; readonly taken: boolean };
}

export interface ReadDone {
  readonly type: "done";
  readonly reply: Reply;
  /** Which items and ranges the read looked at, for `StateQuery`; and what it saw, in short. Null: the read did not ask for it. */
  readonly reading: { readonly what: Uint8Array; readonly digest: Hash64 } | null;
}

export interface ReadRun {
  next(loaded?: readonly LoadedRange[]): LoadStep | ReadDone;
}

export interface QueryRun {
  next(loaded?: readonly LoadedRange[]): LoadStep | { readonly type: "done"; readonly answer: StateAnswer };
}

/** Mirrors `ShardMachine`: while a batch or a merge is under way nothing else is asked of it, and reads and queries run between them. */
export interface MergingShardState {
  readonly summary: Summary;
  /** Keys of the shard, including those that are due but not yet freed. */
  readonly keys: number;
  /** A batch or a merge is under way. */
  readonly busy: boolean;
  /** Small; the host stores it with the applied index, in one atomic write with the records. */
  encodeMeta(): Uint8Array;
  /** What has to be loaded before anything else, and then goes to `open`: the leaves of the tree. */
  readonly opening: RangeRequest;
  open(loaded: LoadedRange): void;
  /** Begins a batch of commands of this replica. */
  start(batch: Batch): BatchRun;
  /** Begins to join a delta. Throws `CodecError` on anything malformed, before anything has changed. */
  merge(delta: Uint8Array): MergeRun;
  /** Takes over the knowledge of a replica that has nothing which this one lacks. */
  adopt(context: Uint8Array): void;
  /** `now`: the wall clock; what expires is decided by it. `trace`: the reading is wanted. */
  read(call: CommandCall, now: number, trace: boolean): ReadRun;
  query(query: StateQuery): QueryRun;
}
