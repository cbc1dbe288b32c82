/**
 * The state machine of a shard: applies batches in their order and answers reads.
 *
 * ```
 *            start(batch)                 next() → done
 *   idle ───────────────────▶ running ───────────────────▶ idle
 *    ▲ read(call)              │    ▲
 *    └────────────┘            │    │ next(loaded)
 *             next() → load    ▼    │
 *                            waiting for the host to load ranges
 * ```
 *
 * Most batches go from `start` to done in one call of `next`. While a run is under way the state may be in the middle of a
 * transaction: the host serves no read and takes no meta (both are refused), and starts no other batch.
 */
import { invariant } from "../core/assert.ts";
import { binaryString } from "../core/bytes.ts";
import type { LoadedRange, RangeRequest, RecordWriter } from "../core/records.ts";
import { NULL_ARRAY, type Reply } from "../core/reply.ts";
import type { Batch, Operation } from "./batch.ts";
import type { CommandCall, WatchedKey } from "./contract.ts";
import { digestOf } from "./digest.ts";
import { NOTHING_TO_LOAD } from "./elements.ts";
import type { History, HistoryLimits } from "./history.ts";
import { keyVersion } from "./keys.ts";
import { SeededRandom } from "./random.ts";
import { recall, remember } from "./remembered.ts";
import { decodeShardState, encodeShardState, ShardState, type ShardContext } from "./shard-state.ts";

/** The host loads these from the shard's records, as they are now, and goes on with what it found, in that order. */
export interface LoadStep {
  readonly type: "load";
  readonly requests: readonly RangeRequest[];
}

export type RunStep =
  | LoadStep
  | {
      readonly type: "done";
      /** One per operation, in order. */
      readonly replies: readonly Reply[];
    };

export type ReadStep = LoadStep | { readonly type: "done"; readonly reply: Reply };

export interface ShardMachineOptions {
  /** What `encodeMeta` gave for these records; without it the shard is new and empty. */
  readonly meta?: Uint8Array;
  /** Called with the time (milliseconds) at which a key expires: by then the leader orders `.expire`. */
  readonly noteExpiry?: (at: number) => void;
  /** How much is remembered for watchers. */
  readonly history?: HistoryLimits;
}

/** What ranges loaded, for commands that asked for nothing. */
const NOTHING_LOADED: readonly LoadedRange[] = [];

/** For reads, whose limit no log entry fixes: Redis' own default for proto-max-bulk-len. */
const READ_LIMIT = 512 * 1024 * 1024;

export class ShardMachine {
  readonly #records: RecordWriter;
  readonly #state: ShardState;
  readonly #applying: OperationContext;
  readonly #reading: OperationContext;
  #run: BatchRun | null = null;

  /** Throws `CodecError` when `meta` is malformed or of a newer format. */
  constructor(
    records: RecordWriter,
    { meta, noteExpiry = () => undefined, history }: ShardMachineOptions = {},
  ) {
    this.#records = records;
    this.#state = meta === undefined ? new ShardState(history) : decodeShardState(meta, history);
    this.#applying = new OperationContext(this.#state, noteExpiry);
    this.#reading = new OperationContext(this.#state, noteExpiry);
  }

  /** Wall-clock milliseconds of the newest batch; what expires is decided by it. */
  get logTime(): number {
    return this.#state.logTime;
  }

  /** Keys of the shard, including those that are due but not yet freed. */
  get keys(): number {
    return this.#state.keys;
  }

  /** What changed lately. It grows in the course of a batch too, with every operation that is done. */
  get history(): History {
    return this.#state.history;
  }

  /** A batch is under way. */
  get busy(): boolean {
    return this.#run !== null;
  }

  /** The host stores this together with the applied index and the records, in one atomic write, and in snapshots. */
  encodeMeta(): Uint8Array {
    invariant(!this.busy, "the meta of a shard was asked for in the middle of a batch");
    return encodeShardState(this.#state);
  }

  /** Begins the next batch of the log. */
  start(batch: Batch): BatchRun {
    invariant(!this.busy, "a batch was started in the middle of another one");
    this.#state.logTime = Math.max(this.#state.logTime, batch.time);
    this.#run = new BatchRun(this.#records, this.#state, this.#applying, batch, () => {
      this.#run = null;
    });
    return this.#run;
  }

  /**
   * Answers a read from the present state, or asks for ranges; then the host calls again with what it loaded, and holds
   * batches back in between (or repeats the read from the start). `now` (wall clock) only makes times to live count down
   * while nothing is written; it never decides whether a key exists.
   */
  read({ spec, args }: CommandCall, loaded?: readonly LoadedRange[], now = 0): ReadStep {
    invariant(spec.access === "read", `${spec.name} is no read`);
    invariant(!this.busy, "a read was served in the middle of a batch");
    const context = this.#reading;
    context.beginRead(now);
    if (loaded === undefined) {
      const requests = spec.ranges?.(this.#records, args, context) ?? NOTHING_TO_LOAD;
      if (requests.length > 0) return { type: "load", requests };
    } else {
      context.loaded = loaded;
    }
    return { type: "done", reply: spec.run(this.#records, args, context) };
  }
}

/** A batch being applied. */
export class BatchRun {
  readonly #records: RecordWriter;
  readonly #state: ShardState;
  readonly #context: OperationContext;
  readonly #batch: Batch;
  readonly #finished: () => void;
  readonly #replies: Reply[] = [];
  /** Replies of the transaction that is under way. */
  #collected: Reply[] = [];
  /** Counts commands, those in transactions one by one. */
  #position = 0;
  #waiting = false;
  #done = false;

  constructor(
    records: RecordWriter,
    state: ShardState,
    context: OperationContext,
    batch: Batch,
    finished: () => void,
  ) {
    this.#records = records;
    this.#state = state;
    this.#context = context;
    this.#batch = batch;
    this.#finished = finished;
  }

  /** Goes on until ranges have to be loaded or the batch is done. `loaded` answers the last `load` step, and only that. */
  next(loaded?: readonly LoadedRange[]): RunStep {
    invariant(!this.#done, "a finished batch was continued");
    invariant(
      this.#waiting === (loaded !== undefined),
      "ranges were given that nobody asked for, or the other way round",
    );
    if (loaded !== undefined) this.#context.loaded = loaded;
    const { operations } = this.#batch;
    while (this.#replies.length < operations.length) {
      const requests = this.#advance(operations[this.#replies.length]!);
      if (requests.length > 0) return { type: "load", requests };
      this.#state.history.commit(this.#state.version);
    }
    this.#done = true;
    this.#finished();
    return { type: "done", replies: this.#replies };
  }

  /** Does the operation to its end, or up to a command that needs the ranges it returns. */
  #advance(operation: Operation): readonly RangeRequest[] {
    const atStart = this.#collected.length === 0 && !this.#waiting;
    if (atStart && this.#answerFromMemory(operation)) return NOTHING_TO_LOAD;
    if (operation.kind === "command") {
      const requests = this.#prepare(operation);
      if (requests.length === 0) this.#finish(operation, this.#execute(operation));
      return requests;
    }
    if (atStart && !this.#unchanged(operation.watched)) {
      this.#finish(operation, NULL_ARRAY);
      return NOTHING_TO_LOAD;
    }
    while (this.#collected.length < operation.calls.length) {
      const call = operation.calls[this.#collected.length]!;
      const requests = this.#prepare(call);
      if (requests.length > 0) return requests;
      this.#collected.push(this.#execute(call));
    }
    const collected = this.#collected;
    this.#collected = [];
    this.#finish(operation, collected);
    return NOTHING_TO_LOAD;
  }

  /** True: it was done before, or may not be done any more, and has its reply. */
  #answerFromMemory(operation: Operation): boolean {
    if (operation.envelope === undefined) return false;
    const reply = recall(this.#records, this.#state, operation.envelope, () => digestOf(operation));
    if (reply === undefined) return false;
    this.#replies.push(reply);
    return true;
  }

  #finish(operation: Operation, reply: Reply): void {
    this.#replies.push(reply);
    if (operation.envelope === undefined) return;
    // A transaction that was refused by its watched keys has run no command yet.
    this.#context.begin(this.#batch, this.#position);
    remember(this.#records, this.#context, operation.envelope, reply, () => digestOf(operation));
  }

  /** Opens the command's context, unless it is waiting for ranges already. */
  #prepare({ spec, args }: CommandCall): readonly RangeRequest[] {
    if (this.#waiting) {
      this.#waiting = false;
      return NOTHING_TO_LOAD;
    }
    this.#state.version++;
    this.#context.begin(this.#batch, this.#position++);
    const requests = spec.ranges?.(this.#records, args, this.#context) ?? NOTHING_TO_LOAD;
    this.#waiting = requests.length > 0;
    return requests;
  }

  #execute({ spec, args }: CommandCall): Reply {
    return spec.run(this.#records, args, this.#context);
  }

  #unchanged(watched: readonly WatchedKey[]): boolean {
    if (watched.length === 0) return true;
    this.#context.begin(this.#batch, this.#position);
    return watched.every(
      ({ key, version }) => keyVersion(this.#records, this.#context, binaryString(key)) === version,
    );
  }
}

/** One context serves all commands of a run in turn, so that a command costs no allocation here. */
class OperationContext implements ShardContext {
  readonly shard: ShardState;
  readonly noteExpiry: (at: number) => void;
  time = 0;
  clock = 0;
  version = 0;
  maxValueBytes = 0;
  loaded: readonly LoadedRange[] = NOTHING_LOADED;
  readonly #random = new SeededRandom();
  #seed = 0;
  #position = 0;
  #seeded = false;
  #reads = 0;

  constructor(shard: ShardState, noteExpiry: (at: number) => void) {
    this.shard = shard;
    this.noteExpiry = noteExpiry;
  }

  /** For the command at this position of the batch. */
  begin({ seed, maxValueBytes }: Batch, position: number): void {
    this.maxValueBytes = maxValueBytes;
    this.#open(this.shard.logTime, seed, position);
  }

  /** For a read outside the log: it may differ between replicas, so any seed will do. */
  beginRead(now: number): void {
    this.maxValueBytes = READ_LIMIT;
    this.#open(now, this.shard.version, this.#reads++);
  }

  #open(clock: number, seed: number, position: number): void {
    this.time = this.shard.logTime;
    this.clock = Math.max(this.time, clock);
    this.version = this.shard.version;
    this.loaded = NOTHING_LOADED;
    this.#seed = seed;
    this.#position = position;
    this.#seeded = false;
  }

  random(): number {
    if (!this.#seeded) {
      this.#seeded = true;
      this.#random.reseed(this.#seed, this.#position);
    }
    return this.#random.next();
  }
}
