/**
 * Reads a log after a stop of any kind.
 *
 * One write is under way at a time, and the next is begun only after the sync of the one before. So a crash can damage
 * only the last batch, which nobody was told of. From this follows the one rule: batches are numbered without a gap, and
 * the log ends where the next number is not found. If there is any intact batch header beyond that place, then the batch
 * in between was durable once: acknowledged data is damaged, and the log refuses to open.
 *
 * What no log can tell: whether the last batch was torn by a crash or rotted after it had been acknowledged.
 */
import { DiskError } from "../../core/world.ts";
import type { Disk, DiskFile, Done } from "../../core/world.ts";
import {
  SEGMENT_HEADER_BYTES,
  checksumSeed,
  decodeRecords,
  decodeSegmentHeader,
  findHeader,
  readBatch,
  segmentName,
  segmentNumber,
} from "./format.ts";
import type { LogRecord } from "./format.ts";
import { segmentPath } from "./segment.ts";
import type { OpenSegment, SegmentInfo } from "./segment.ts";

export interface RecoveredLog {
  /** Full ones, oldest first. */
  readonly closed: readonly SegmentInfo[];
  /** The segment to go on in. Null: there is no batch at all. */
  readonly tail: OpenSegment | null;
  /** For a new segment when there is no tail. */
  readonly nextNumber: number;
  readonly nextSequence: number;
}

export type VisitInSegment = (record: LogRecord, segment: number) => void;

/** Visits all records in order and leaves the log so that the next batch can be written. */
export function recoverLog(
  disk: Disk,
  folder: string,
  instance: string,
  visit: VisitInSegment,
  done: Done<RecoveredLog>,
): void {
  disk.list(folder, (error, names) => {
    if (error !== null) {
      done(error);
      return;
    }
    const numbers = names!.map(segmentNumber).filter((number) => number !== null);
    numbers.sort((a, b) => a - b);
    const gap = numbers.findIndex((number, i) => i > 0 && number !== numbers[i - 1]! + 1);
    if (gap > 0) {
      const lost = segmentName(numbers[gap - 1]! + 1);
      const detail = `segment ${lost} is missing: ${segmentName(numbers[gap]!)} follows. ${WHAT_TO_DO}`;
      done(new DiskError("corrupt", segmentPath(folder, numbers[gap - 1]! + 1), detail));
      return;
    }
    new Recovery(disk, folder, instance, numbers, visit, done).start();
  });
}

const WHAT_TO_DO =
  "Kvorum does not start on damaged data. If the other replicas are up, move this node's data directory away and let " +
  "it join again: it comes back empty and receives everything from them. Otherwise restore the directory from a backup.";

/** The end of the readable part of a segment. */
interface Stop {
  readonly segment: number;
  readonly offset: number;
  /** Null when there was nothing but free space. */
  readonly why: string | null;
}

interface LastBatch {
  readonly segment: number;
  readonly offset: number;
  /** Without the padding at its end where the file ends before it. */
  readonly bytes: Uint8Array;
  readonly end: number;
  /** Leftovers of a torn write lie between `end` and here. */
  readonly garbageEnd: number;
}

class Recovery {
  readonly #disk: Disk;
  readonly #folder: string;
  readonly #instance: string;
  readonly #seed: number;
  readonly #numbers: readonly number[];
  readonly #visit: VisitInSegment;
  readonly #done: Done<RecoveredLog>;
  readonly #read: SegmentInfo[] = [];
  #expected: number | null = null;
  #last: LastBatch | null = null;
  #stop: Stop | null = null;

  constructor(
    disk: Disk,
    folder: string,
    instance: string,
    numbers: readonly number[],
    visit: VisitInSegment,
    done: Done<RecoveredLog>,
  ) {
    this.#disk = disk;
    this.#folder = folder;
    this.#instance = instance;
    this.#seed = checksumSeed(instance);
    this.#numbers = numbers;
    this.#visit = visit;
    this.#done = done;
  }

  start(): void {
    this.#readFrom(0);
  }

  #readFrom(index: number): void {
    const number = this.#numbers[index];
    if (number === undefined) {
      this.#removeUnused();
      return;
    }
    this.#disk.readAll(this.#path(number), (error, bytes) => {
      const problem = error ?? this.#readSegment(number, bytes!, index === this.#numbers.length - 1);
      if (problem !== null) this.#done(problem);
      else this.#readFrom(index + 1);
    });
  }

  #readSegment(number: number, bytes: Uint8Array, newest: boolean): DiskError | null {
    this.#read.push({ number, bytes: bytes.length });
    const refusal = this.#checkHeader(number, bytes, newest);
    if (refusal !== null) return refusal;
    if (this.#stop !== null && this.#expected === null) {
      // The oldest segment had no batch, though none is left before its first batch: nothing may follow.
      const header = findHeader(bytes, SEGMENT_HEADER_BYTES, this.#seed);
      return header === null ? null : this.#lost(this.#stop, number, header.sequence);
    }

    let offset = SEGMENT_HEADER_BYTES;
    let reading = readBatch(bytes, number, offset, this.#expected, this.#seed);
    while (reading.type === "batch") {
      const records = decodeRecords(reading.payload, reading.records);
      if (records === null) return this.#corrupt(number, offset, "the records do not fit into their batch");
      for (const record of records) this.#visit(record, number);
      this.#expected = reading.sequence + 1;
      const end = offset + reading.bytes;
      this.#last = { segment: number, offset, bytes: bytes.subarray(offset, end), end, garbageEnd: end };
      offset = end;
      reading = readBatch(bytes, number, offset, this.#expected, this.#seed);
    }

    const why = reading.type === "invalid" ? reading.why : null;
    const torn = reading.type === "invalid" && reading.torn;
    const stop: Stop = { segment: number, offset, why };
    const began = offset > SEGMENT_HEADER_BYTES;
    // A segment in which the log does not go on: what is missing may be missing at the end of the segment before.
    if (began || this.#stop === null || (this.#stop.why === null && why !== null)) this.#stop = stop;
    const beyond = findHeader(bytes, torn ? offset + 1 : offset, this.#seed);
    if (beyond !== null) return this.#lost(this.#stop, number, beyond.sequence);
    if (began) this.#last = { ...this.#last!, garbageEnd: Math.max(offset, endOfContent(bytes, offset)) };
    return null;
  }

  /** Only of the newest segment may the header be incomplete: it was being made when the node stopped. */
  #checkHeader(number: number, bytes: Uint8Array, newest: boolean): DiskError | null {
    const header = decodeSegmentHeader(bytes);
    const path = this.#path(number);
    if (header.type === "newer") {
      const detail = `written by a newer Kvorum (log format ${header.version}; this version knows 1). Start that version, or move the data directory away.`;
      return new DiskError("corrupt", path, detail);
    }
    if (header.type === "damaged") {
      const used = findHeader(bytes, 0, this.#seed) !== null;
      return newest && !used ? null : this.#corrupt(number, 0, "the segment's header is damaged");
    }
    if (header.instance !== this.#instance) {
      const detail = `belongs to another data directory (its instance is ${header.instance}, this one's ${this.#instance}). Segments cannot be moved between directories.`;
      return new DiskError("corrupt", path, detail);
    }
    if (header.number !== number) {
      return this.#corrupt(number, 0, `the file is segment ${segmentName(header.number)}, renamed`);
    }
    return null;
  }

  #lost(stop: Stop, segment: number, sequence: number): DiskError {
    const why = stop.why ?? "a batch is missing";
    return this.#corrupt(
      stop.segment,
      stop.offset,
      `${why}; batch ${sequence} in segment ${segmentName(segment)} is intact, so what is damaged here had been acknowledged`,
    );
  }

  #corrupt(number: number, offset: number, why: string): DiskError {
    const detail = `segment ${segmentName(number)} offset ${offset}: ${why}. ${WHAT_TO_DO}`;
    return new DiskError("corrupt", this.#path(number), detail);
  }

  /** Segments after the last batch were prepared and never used. The newest goes first, so that no gap can appear. */
  #removeUnused(): void {
    const newest = this.#read.at(-1);
    if (newest === undefined || newest.number === this.#last?.segment) {
      this.#openTail();
      return;
    }
    this.#disk.remove(this.#path(newest.number), (error) => {
      if (error !== null) {
        this.#done(error);
        return;
      }
      this.#read.pop();
      this.#removeUnused();
    });
  }

  #openTail(): void {
    const last = this.#last;
    if (last === null) {
      const nextNumber = (this.#numbers.at(-1) ?? 0) + 1;
      this.#done(null, { closed: [], tail: null, nextNumber, nextSequence: 1 });
      return;
    }
    this.#disk.open(this.#path(last.segment), (error, file) => {
      if (error !== null) this.#done(error);
      else this.#mendTail(last, file!);
    });
  }

  /**
   * The last batch was read, but perhaps from the cache only: its sync may have failed, or the process was killed before
   * it. After a failed sync the cache counts as clean, and a sync alone would write nothing. So the batch is written
   * again; then what follows is cleared, for nothing but zeros may lie where the next batch will end.
   */
  #mendTail(last: LastBatch, file: DiskFile): void {
    const zeros = new Uint8Array(last.garbageEnd - last.offset - last.bytes.length);
    file.write([last.bytes, zeros], last.offset, (writeError) => {
      if (writeError !== null) {
        this.#done(writeError);
        return;
      }
      file.sync((error) => {
        if (error !== null) {
          this.#done(error);
          return;
        }
        const { number, bytes } = this.#read.at(-1)!;
        const tail = { number, bytes: Math.max(bytes, last.end), file, position: last.end };
        this.#done(null, {
          closed: this.#read.slice(0, -1),
          tail,
          nextNumber: number + 1,
          nextSequence: this.#expected!,
        });
      });
    });
  }

  #path(number: number): string {
    return segmentPath(this.#folder, number);
  }
}

const BLOCK = new Uint8Array(1 << 16);

/** The position after the last byte that is not zero, `from` if there is none. */
function endOfContent(bytes: Uint8Array, from: number): number {
  let end = bytes.length;
  while (end > from) {
    const start = Math.max(from, end - BLOCK.length);
    if (Buffer.compare(bytes.subarray(start, end), BLOCK.subarray(0, end - start)) !== 0) break;
    end = start;
  }
  while (end > from && bytes[end - 1] === 0) end--;
  return end;
}
