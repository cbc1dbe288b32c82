/**
 * The node's one point of durability: a segmented, preallocated, checksummed log that all groups share. FORMAT.md tells
 * how it looks on the disk, recovery.ts what is made of it after a crash.
 *
 *   append ──> queue ──(nothing under way)──> one batch, one write, one sync ──> callbacks, in order
 *                             │ no room in the segment: go on in the next one, prepared in the background
 *                             │ `full`: everything waiting is refused, definitely; later appends may succeed
 *                             └ any other error: failed for good
 */
import { DiskError } from "../../core/world.ts";
import type { Clock, Disk, Done } from "../../core/world.ts";
import type { GroupId } from "../../core/ids.ts";
import { writeDurably } from "../disk/durable-file.ts";
import { BATCH_HEADER_BYTES, SEGMENT_HEADER_BYTES, batchBytes, checksumSeed, encodeBatch } from "./format.ts";
import type { LogRecord } from "./format.ts";
import { recoverLog } from "./recovery.ts";
import type { RecoveredLog } from "./recovery.ts";
import { Retention } from "./retention.ts";
import { createSegment, segmentPath } from "./segment.ts";
import type { OpenSegment, SegmentInfo } from "./segment.ts";

export type { LogRecord } from "./format.ts";

export interface LogOptions {
  readonly clock: Clock;
  /** The identity of the data directory, 32 hex digits. Segments of another one are refused. */
  readonly instance: string;
  /** Size to which segments are preallocated. A batch that does not fit into an empty one makes it larger. Default 16 MiB. */
  readonly segmentBytes?: number;
  /** Total size above which the oldest segments should go. Default 256 MiB. */
  readonly retainBytes?: number;
  /**
   * The log is over `retainBytes`, and these groups' newest checkpoints keep the oldest segments: append new checkpoints
   * for them, or drop them. Called once a segment while that is so, never within `append`.
   */
  readonly onPressure: (groups: readonly GroupId[]) => void;
}

export interface LogStats {
  /** Sizes of all segments, the prepared one included. */
  readonly bytes: number;
  readonly segments: number;
  readonly oldestSegment: number;
  /** Appends that were acknowledged. */
  readonly appends: number;
  /** Batches written, each with one sync. */
  readonly syncs: number;
  /** Why the log takes no more appends for good; null while it does. */
  readonly failed: DiskError | null;
}

const DEFAULT_SEGMENT_BYTES = 16 * 1024 * 1024;
const DEFAULT_RETAIN_BYTES = 256 * 1024 * 1024;
/** Appends are put together up to this size, so that the first of them does not wait for all. */
const MAX_COALESCED_BYTES = 4 * 1024 * 1024;
/** The next segment is prepared when this share of the current one is used: early enough to be ready, and never by an idle node. */
const PREPARE_AT = 0.25;
const ERASE_RETRY_MS = 1000;

interface Append {
  readonly records: readonly LogRecord[];
  readonly done: Done;
}

/** The segment after the current one. `wanted`: a batch waits for it. */
type NextSegment =
  | { readonly type: "none" }
  | { readonly type: "preparing"; wanted: Done<OpenSegment> | null }
  | { readonly type: "ready"; readonly segment: OpenSegment };

/**
 * Opens the log in `folder`, making it if there is none. `visit` gets all records that survived, in their order; on a
 * record with `checkpoint` the caller forgets what it has of that group. Their bytes are views into whole segments: copy
 * what is kept for long. If `done` gets an error, what was visited means nothing.
 */
export function openLog(
  disk: Disk,
  folder: string,
  options: LogOptions,
  visit: (record: LogRecord) => void,
  done: Done<WriteAheadLog>,
): void {
  const retention = new Retention();
  const visitAndNote = (record: LogRecord, segment: number): void => {
    retention.note(record.group, record.checkpoint, segment);
    visit(record);
  };
  recoverLog(disk, folder, options.instance, visitAndNote, (error, recovered) => {
    if (error !== null) {
      done(error);
      return;
    }
    const open = (current: OpenSegment): void => {
      done(null, new WriteAheadLog(disk, folder, options, retention, recovered!, current));
    };
    const { tail, nextNumber } = recovered!;
    if (tail !== null) open(tail);
    else {
      const bytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
      createSegment(disk, folder, nextNumber, options.instance, bytes, (createError, segment) => {
        if (createError !== null) done(createError);
        else open(segment!);
      });
    }
  });
}

export class WriteAheadLog {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #options: LogOptions;
  readonly #segmentBytes: number;
  readonly #retainBytes: number;
  readonly #seed: number;
  readonly #retention: Retention;
  /** Full segments that are still needed, oldest first. */
  readonly #closed: SegmentInfo[];
  #current: OpenSegment;
  #next: NextSegment = { type: "none" };
  /** Preparing found the disk full: tried again only when a batch needs it. */
  #prepareRefused = false;
  /** Groups dropped while records of them may be under way. */
  readonly #dropped = new Set<GroupId>();
  /** The groups that have a checkpoint in the last batch. */
  #fresh: readonly GroupId[] = [];
  #freshSegment = 0;
  #sequence: number;
  #queue: Append[] = [];
  /** A batch, a change of segments, or the callbacks of a batch are under way. */
  #busy = false;
  #removing = false;
  /** A segment was entered by the batch under way. */
  #entered = false;
  /** The oldest segment when groups were last told to move on. */
  #reported = 0;
  #failure: DiskError | null = null;
  #closing: Done | null = null;
  #appends = 0;
  #syncs = 0;

  /** Use `openLog`. */
  constructor(
    disk: Disk,
    folder: string,
    options: LogOptions,
    retention: Retention,
    recovered: RecoveredLog,
    current: OpenSegment,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#options = options;
    this.#segmentBytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
    this.#retainBytes = options.retainBytes ?? DEFAULT_RETAIN_BYTES;
    this.#seed = checksumSeed(options.instance);
    this.#retention = retention;
    this.#closed = [...recovered.closed];
    this.#current = current;
    this.#sequence = recovered.nextSequence;
  }

  /**
   * Appends `records` as a unit: after a crash all of them are there or none. `done` without an error: they are durable.
   * With `full`: nothing of them was written, nor of any append that waited behind; the same may be tried again.
   * With anything else: it is unknown whether they will be there, and the log has failed for good. Callbacks come in the
   * order of the appends. The bytes must not change until then.
   */
  append(records: readonly LogRecord[], done: Done): void {
    if (this.#failure !== null || this.#closing !== null) {
      const error = this.#failure ?? new DiskError("io", this.#folder, "the log is closed");
      this.#options.clock.defer(() => done(error));
      return;
    }
    this.#queue.push({ records, done });
    this.#work();
  }

  /**
   * The group no longer exists: its records keep no segment from the next append on. They may still be visited when the
   * log is opened again.
   */
  drop(group: GroupId): void {
    if (this.#busy) this.#dropped.add(group);
    this.#fresh = this.#fresh.filter((other) => other !== group);
    this.#retention.drop(group);
  }

  stats(): LogStats {
    const prepared = this.#next.type === "ready" ? this.#next.segment.bytes : 0;
    return {
      bytes: this.#usedBytes() + prepared,
      segments: this.#closed.length + (prepared > 0 ? 2 : 1),
      oldestSegment: this.#closed[0]?.number ?? this.#current.number,
      appends: this.#appends,
      syncs: this.#syncs,
      failed: this.#failure,
    };
  }

  /** Finishes what was appended, then closes the files. */
  close(done: Done): void {
    this.#closing = done;
    if (!this.#busy) this.#options.clock.defer(() => this.#work());
  }

  // --- One batch at a time ---

  #work(): void {
    if (this.#busy) return;
    if (this.#failure !== null) {
      this.#busy = true;
      this.#answer(this.#queue.splice(0), this.#failure);
      this.#busy = false;
    }
    if (this.#queue.length > 0) {
      this.#busy = true;
      const batch = this.#takeBatch();
      const records = batch.length === 1 ? batch[0]!.records : batch.flatMap((append) => append.records);
      if (records.length === 0) this.#options.clock.defer(() => this.#succeeded(batch));
      else this.#place(batch, records);
      return;
    }
    this.#dropped.clear();
    if (this.#closing !== null) this.#closeFiles(this.#closing);
  }

  /** Appends that come while a write is under way share the next one. */
  #takeBatch(): Append[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#queue.length) {
      for (const record of this.#queue[count]!.records) bytes += record.bytes.length;
      if (count > 0 && bytes > MAX_COALESCED_BYTES) break;
      count++;
    }
    if (count < this.#queue.length) return this.#queue.splice(0, count);
    const all = this.#queue;
    this.#queue = [];
    return all;
  }

  #place(batch: readonly Append[], records: readonly LogRecord[]): void {
    const { position } = this.#current;
    const bytes = batchBytes(records);
    const fits = position + bytes <= this.#segmentBytes;
    // An empty segment takes a batch of any size: its file grows.
    if (fits || position === SEGMENT_HEADER_BYTES) {
      this.#write(batch, records, bytes);
      return;
    }
    this.#withNext((error, next) => {
      if (error === null) {
        this.#goOnIn(next!);
        this.#write(batch, records, bytes);
      } else if (error.kind === "full") this.#refuse(batch, error);
      else this.#failed(batch, error);
    });
  }

  #write(batch: readonly Append[], records: readonly LogRecord[], bytes: number): void {
    const segment = this.#current;
    const offset = segment.position;
    const place = { segment: segment.number, offset, sequence: this.#sequence };
    const pieces = encodeBatch(this.#seed, place, records);
    writeDurably(segment.file, pieces, offset, (error) => {
      if (error === null) {
        segment.position = offset + bytes;
        segment.bytes = Math.max(segment.bytes, segment.position);
        this.#sequence++;
        this.#syncs++;
        this.#noteRecords(records, segment.number);
        this.#succeeded(batch);
      } else if (error.kind === "full") this.#erase(batch, error);
      else this.#failed(batch, error);
    });
  }

  /**
   * A checkpoint counts only once there is a batch behind it: that the last batch of a log is damaged cannot be noticed,
   * and what it superseded must not be gone by then.
   */
  #noteRecords(records: readonly LogRecord[], segment: number): void {
    for (const group of this.#fresh) {
      if (!this.#dropped.has(group)) this.#retention.note(group, true, this.#freshSegment);
    }
    const fresh: GroupId[] = [];
    for (const { group, checkpoint } of records) {
      if (this.#dropped.has(group)) continue;
      this.#retention.note(group, false, segment);
      if (checkpoint) fresh.push(group);
    }
    this.#fresh = fresh;
    this.#freshSegment = segment;
  }

  /**
   * The disk became full within a segment: the batch did not fit into an empty one, or the file system writes every
   * change to a new place. The batch may be on the disk all the same, but its callers will be told that it is not: so its
   * header is cleared first. They wait until that has worked.
   */
  #erase(batch: readonly Append[], reason: DiskError): void {
    const { file, position, bytes } = this.#current;
    const finish: Done = (error) => {
      if (error === null) this.#refuse(batch, reason);
      else if (error.kind !== "full") this.#failed(batch, error);
      else if (this.#closing === null) {
        this.#options.clock.setTimer(ERASE_RETRY_MS, () => this.#erase(batch, reason));
      } else {
        const detail = "the disk is full; whether the last append will be there is unknown";
        this.#failed(batch, new DiskError("io", error.path, detail));
      }
    };
    file.truncate(Math.max(bytes, position + BATCH_HEADER_BYTES), (error) => {
      if (error !== null) finish(error);
      else writeDurably(file, [new Uint8Array(BATCH_HEADER_BYTES)], position, finish);
    });
  }

  // --- Outcomes ---

  #succeeded(batch: readonly Append[]): void {
    this.#appends += batch.length;
    this.#answer(batch, null);
    this.#removeOld();
    if (this.#entered) this.#reportPressure();
    this.#prepareEarly();
    this.#proceed();
  }

  /** What waits behind is refused as well: were it written, records of one group could become durable out of order. */
  #refuse(batch: readonly Append[], error: DiskError): void {
    this.#answer([...batch, ...this.#queue.splice(0)], error);
    this.#proceed();
  }

  #failed(batch: readonly Append[], error: DiskError): void {
    this.#failure ??= error;
    this.#answer(batch, this.#failure);
    this.#proceed();
  }

  #proceed(): void {
    this.#busy = false;
    this.#work();
  }

  #answer(appends: readonly Append[], error: DiskError | null): void {
    for (const { done } of appends) done(error);
  }

  // --- Segments ---

  #goOnIn(next: OpenSegment): void {
    const { number, bytes, file } = this.#current;
    this.#closed.push({ number, bytes });
    this.#current = next;
    this.#next = { type: "none" };
    this.#prepareRefused = false;
    file.close((error) => {
      if (error !== null) this.#fail(error);
    });
    this.#entered = true;
  }

  #prepareEarly(): void {
    if (this.#next.type !== "none" || this.#prepareRefused || this.#failure !== null) return;
    if (this.#current.position >= this.#segmentBytes * PREPARE_AT) this.#prepare(null);
  }

  #withNext(wanted: Done<OpenSegment>): void {
    if (this.#next.type === "ready") wanted(null, this.#next.segment);
    else if (this.#next.type === "preparing") this.#next.wanted = wanted;
    else this.#prepare(wanted);
  }

  #prepare(wanted: Done<OpenSegment> | null): void {
    const preparing: NextSegment = { type: "preparing", wanted };
    this.#next = preparing;
    const number = this.#current.number + 1;
    const { instance } = this.#options;
    createSegment(this.#disk, this.#folder, number, instance, this.#segmentBytes, (error, segment) => {
      this.#next = error === null ? { type: "ready", segment: segment! } : { type: "none" };
      this.#prepareRefused = error !== null;
      if (preparing.wanted !== null) {
        if (error === null) preparing.wanted(null, segment!);
        else preparing.wanted(error);
        return;
      }
      if (error !== null && error.kind !== "full") this.#fail(error);
      else if (!this.#busy) this.#work();
    });
  }

  /** Oldest first and one after another, so that a crash in between leaves no gap. */
  #removeOld(): void {
    const oldest = this.#closed[0];
    if (oldest === undefined || this.#removing || this.#failure !== null) return;
    if (this.#retention.pins(oldest.number)) return;
    this.#removing = true;
    this.#disk.remove(segmentPath(this.#folder, oldest.number), (error) => {
      this.#removing = false;
      if (error === null) {
        this.#closed.shift();
        this.#removeOld();
        this.#work();
      } else if (error.kind === "full") this.#work();
      else this.#fail(error);
    });
  }

  #reportPressure(): void {
    this.#entered = false;
    let over = this.#usedBytes() - this.#retainBytes;
    const oldest = this.#closed[0]?.number;
    if (over <= 0 || oldest === undefined) return;
    let last = oldest;
    // While the oldest segment stays, checkpoints of others would free nothing and only make the log longer.
    if (oldest !== this.#reported) {
      for (const { number, bytes } of this.#closed) {
        if (over <= 0) break;
        over -= bytes;
        last = number;
      }
    }
    this.#reported = oldest;
    const fresh = new Set(this.#fresh);
    const groups = this.#retention.startingUpTo(last).filter((group) => !fresh.has(group));
    if (groups.length === 0) return;
    this.#options.clock.defer(() => {
      if (this.#failure === null && this.#closing === null) this.#options.onPressure(groups);
    });
  }

  /** A failure beside the appends. A batch under way may still succeed, and is answered for itself. */
  #fail(error: DiskError): void {
    this.#failure ??= error;
    this.#work();
  }

  #usedBytes(): number {
    let bytes = this.#current.bytes;
    for (const segment of this.#closed) bytes += segment.bytes;
    return bytes;
  }

  #closeFiles(done: Done): void {
    if (this.#next.type === "preparing" || this.#removing) return;
    this.#busy = true;
    const next = this.#next;
    this.#current.file.close((error) => {
      if (next.type === "ready") next.segment.file.close((nextError) => done(error ?? nextError));
      else done(error);
    });
  }
}
