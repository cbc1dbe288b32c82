/**
 * The state of a shard of a merging keyspace: runs batches of this replica's commands, joins what other replicas did, answers reads
 * and the questions of other replicas. See contract.ts for the model, and RECORDS.md for what is stored.
 */
import { invariant } from "../../core/assert.ts";
import type { ReplicaId } from "../../core/ids.ts";
import type { StateQuery, Summary } from "../../core/merging.ts";
import type { LoadedRange, RangeRequest, RecordWriter } from "../../core/records.ts";
import type { Batch } from "../batch.ts";
import type { CommandCall } from "../contract.ts";
import { causalContexts, fromBytes } from "../lattices/index.ts";
import { CommandBatch } from "./batch-run.ts";
import { mergingCommand } from "./commands.ts";
import type { BatchRun, MergeRun, MergingShardState, QueryRun, ReadRun } from "./contract.ts";
import { decodeDelta } from "./delta.ts";
import { Items } from "./items.ts";
import { type Conflicts, Look, Writing } from "./look.ts";
import { DeltaMerge } from "./merge-run.ts";
import { Meta } from "./meta.ts";
import { answering, CommandRead } from "./query-run.ts";

export interface MergingShardOptions {
  readonly replica: ReplicaId;
  /** What `encodeMeta` gave for these records; without it the shard is new and empty. */
  readonly meta?: Uint8Array;
  /** Concurrent writes are all kept until one that has seen them replaces them; `.siblings` shows them only with `siblings`. */
  readonly conflicts: Conflicts;
  /** How many events may be known beyond a gap, before deltas that add to them are refused. */
  readonly maxCloud?: number;
  /** What is kept decoded, besides the records; it makes nothing but speed. */
  readonly rememberedBytes?: number;
  /** Called with the time (milliseconds) at which a key expires. */
  readonly noteExpiry?: (at: number) => void;
}

const MAX_CLOUD = 10_000;

export class MergingShard implements MergingShardState {
  readonly summary: Summary;
  readonly #records: RecordWriter;
  readonly #meta: Meta;
  readonly #items: Items;
  readonly #work: Writing;
  readonly #maxCloud: number;
  #busy = false;
  #reads = 0;

  /** Throws `CodecError` when `meta` is malformed, of a newer format or of another replica. */
  constructor(
    records: RecordWriter,
    {
      replica,
      meta,
      conflicts,
      maxCloud = MAX_CLOUD,
      rememberedBytes,
      noteExpiry = () => undefined,
    }: MergingShardOptions,
  ) {
    this.#records = records;
    this.#meta = meta === undefined ? new Meta(replica) : Meta.decode(meta, replica);
    this.#items = new Items(records, this.#meta, noteExpiry, rememberedBytes);
    this.#work = new Writing(records, this.#items, this.#meta, conflicts);
    this.#maxCloud = maxCloud;
    this.summary = {
      tree: this.#items.tree,
      context: () => this.#meta.encodedContext(),
      covers: (context) => causalContexts.leq(fromBytes(causalContexts, context), this.#meta.context),
    };
  }

  /** The life of the replica that this is the state of. */
  get replica(): ReplicaId {
    return this.#meta.clock.node;
  }

  get keys(): number {
    return this.#meta.keys;
  }

  get busy(): boolean {
    return this.#busy;
  }

  encodeMeta(): Uint8Array {
    this.#beIdle();
    return this.#meta.encode();
  }

  get opening(): RangeRequest {
    return this.#items.opening;
  }

  open(loaded: LoadedRange): void {
    this.#items.open(loaded);
  }

  start(batch: Batch): BatchRun {
    this.#beIdle();
    this.#busy = true;
    return new CommandBatch(batch, this.#work, () => {
      this.#busy = false;
    });
  }

  merge(delta: Uint8Array): MergeRun {
    this.#beIdle();
    const decoded = decodeDelta(delta);
    this.#busy = true;
    return new DeltaMerge(this.#items, this.#meta, decoded, this.#maxCloud, () => {
      this.#busy = false;
    });
  }

  adopt(context: Uint8Array): void {
    this.#beIdle();
    this.#meta.context = causalContexts.join(this.#meta.context, fromBytes(causalContexts, context));
  }

  read(call: CommandCall, now: number, trace: boolean): ReadRun {
    this.#beIdle();
    const command = mergingCommand(call.spec.name);
    invariant(command !== undefined && command.access === "read", `${call.spec.name} is no read here`);
    const look = new Look(this.#records, this.#items, this.#meta, this.#work.conflicts);
    look.now = now;
    look.seed(now >>> 0, this.#reads++);
    return new CommandRead(call, command, look, this.#items, trace);
  }

  query(query: StateQuery): QueryRun {
    this.#beIdle();
    return answering(query, this.#items, this.#meta);
  }

  #beIdle(): void {
    invariant(!this.#busy, "a merging shard was asked in the middle of a batch or a merge");
  }
}
