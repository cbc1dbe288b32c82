/** What a replica applies committed commands to: a shard's data types, or the catalog. */
import type { LogIndex } from "../core/machine.ts";
import type { LoadedRange, RangeRequest } from "../core/records.ts";
import type { Reply } from "../core/reply.ts";
import type { Operation } from "../data/batch.ts";

export type RunStep =
  | { readonly type: "load"; readonly requests: readonly RangeRequest[] }
  /** One reply per operation of the command. */
  | { readonly type: "done"; readonly replies: readonly Reply[] };

/** A command half way: `next` goes on until it needs records that have to be loaded, or is done. */
export interface Run {
  next(loaded?: readonly LoadedRange[]): RunStep;
}

export interface Applier {
  /** Starts a committed command. One at a time. `known`: what it was made of, where this node made it. */
  apply(index: LogIndex, command: Uint8Array, known: readonly Operation[] | null): Run;
  /** Starts a read of the present state. Never changes anything. */
  read(operation: Operation): Run;
  /** What has to survive besides the records; stored with the applied index, atomically. */
  meta(): Uint8Array;
  /** After a snapshot was installed: take over its records and meta. */
  restore(): void;
  /** Nothing is asked of it any more: stops what it has under way. */
  close(): void;
}
