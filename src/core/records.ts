/**
 * A shard's state as its data types see it: records in named spaces. Every element of a collection is a record of its
 * own, so one change to a set of ten million members writes one record.
 *
 * A space and an id are binary strings (one char per byte; see `bytes.ts`); within a space, ids are ordered by byte.
 * Reads see all earlier writes at once. What is written here is durable only by way of the log that ordered it.
 */
export interface RecordReader {
  get(space: string, id: string): Uint8Array | undefined;
  /**
   * The first byte of the record, 0 of an empty one, -1 where there is none. Cheaper than reading it: for who will write
   * whatever the rest is.
   */
  firstByte(space: string, id: string): number;
}

export interface RecordWriter extends RecordReader {
  /** Keeps `value` itself, without copying: the caller no longer changes it. */
  put(space: string, id: string, value: Uint8Array): void;
  delete(space: string, id: string): void;
  /**
   * Frees a whole space, of any size, in constant time: its records are unreachable at once and are deleted from the disk
   * in the background, also after a restart. A dropped space must never be used again.
   */
  drop(space: string): void;
}

/** A part of a space that has to be loaded before a command can run: records with `from` <= id, in order. */
export interface RangeRequest {
  readonly space: string;
  /** Inclusive; the empty string is the start of the space. */
  readonly from: string;
  readonly limit: number;
}

export interface LoadedRange {
  readonly entries: readonly { readonly id: string; readonly value: Uint8Array }[];
  /** The space goes on beyond the last entry. */
  readonly more: boolean;
}
