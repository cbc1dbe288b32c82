/**
 * Group commit: the records that all replicas of the node emit in one turn become one append to the shared log, with one
 * sync, and each replica hears when its writes are durable.
 */
import type { GroupId, WriteId } from "../core/ids.ts";
import type { Clock, DiskError, Logger } from "../core/world.ts";
import type { LogRecord } from "../storage/log/write-ahead-log.ts";

/** The part of the write-ahead log that the persister uses. */
export interface Appendable {
  append(records: readonly LogRecord[], done: (error: DiskError | null) => void): void;
}

export interface PersistSink {
  readonly group: GroupId;
  onPersisted(upTo: WriteId): void;
}

interface Write {
  readonly sink: PersistSink;
  readonly id: WriteId;
}

interface Batch {
  readonly records: LogRecord[];
  readonly writes: Write[];
  bytes: number;
}

const RETRY_FULL_MS = 250;

const emptyBatch = (): Batch => ({ records: [], writes: [], bytes: 0 });

export class Persister {
  readonly #log: Appendable;
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #turn: (work: () => void) => void;
  readonly #onFailed: (error: DiskError) => void;
  #open: Batch = emptyBatch();
  /** One append at a time: what comes meanwhile is the next one. So a refused batch never has a later one before it. */
  #inFlight: Batch | null = null;
  #state: "healthy" | "full" | "failed" = "healthy";

  /** `turn`: does work as a part of a turn, which ends with `flush`. */
  constructor(
    log: Appendable,
    clock: Clock,
    logger: Logger,
    turn: (work: () => void) => void,
    onFailed: (error: DiskError) => void,
  ) {
    this.#log = log;
    this.#clock = clock;
    this.#logger = logger;
    this.#turn = turn;
    this.#onFailed = onFailed;
  }

  /** The log has no room: nothing new should be accepted until it has. */
  get full(): boolean {
    return this.#state === "full";
  }

  /** Bytes handed in and not yet durable. */
  get pendingBytes(): number {
    return this.#open.bytes + (this.#inFlight?.bytes ?? 0);
  }

  /** `checkpoint`: these records describe the group completely; everything the log has of it before is superseded. */
  add(sink: PersistSink, id: WriteId, records: readonly Uint8Array[], checkpoint = false): void {
    let first = checkpoint;
    for (const bytes of records) {
      this.#open.records.push({ group: sink.group, checkpoint: first, bytes });
      this.#open.bytes += bytes.length;
      first = false;
    }
    this.#open.writes.push({ sink, id });
  }

  /** Ends the turn: everything added since the last append goes to the log as one batch, as soon as the log is free. */
  flush(): void {
    if (this.#inFlight !== null || this.#state !== "healthy" || this.#open.writes.length === 0) return;
    this.#append();
  }

  #append(): void {
    const batch = this.#open;
    this.#open = emptyBatch();
    this.#inFlight = batch;
    this.#log.append(batch.records, (error) => {
      this.#inFlight = null;
      if (error === null) this.#succeeded(batch);
      else if (error.kind === "full") this.#refused(batch, error);
      else {
        this.#state = "failed";
        this.#onFailed(error);
      }
    });
  }

  #succeeded(batch: Batch): void {
    if (this.#state === "full") this.#logger.info({}, "the disk has space again: writes go on");
    this.#state = "healthy";
    // What waited for this write leaves now. Records that came meanwhile follow at the turn's end, after its messages.
    this.#turn(() => {
      for (const { sink, id } of batch.writes) sink.onPersisted(id);
    });
  }

  /** Nothing of the batch was written: it goes back to the front and is tried again, together with what came since. */
  #refused(batch: Batch, error: DiskError): void {
    if (this.#state !== "full") {
      this.#logger.warn({ problem: error.message }, "the disk is full: writes wait until it has space again");
    }
    this.#state = "full";
    for (const record of this.#open.records) batch.records.push(record);
    for (const write of this.#open.writes) batch.writes.push(write);
    batch.bytes += this.#open.bytes;
    this.#open = batch;
    this.#clock.setTimer(RETRY_FULL_MS, () => this.#append());
  }
}
