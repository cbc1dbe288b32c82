/** What a merging shard remembers besides its records; the host stores its bytes together with the applied index. */
import { ByteReader, ByteWriter, CodecError } from "../../core/bytes.ts";
import type { ReplicaId } from "../../core/ids.ts";
import {
  type CausalContext,
  causalContexts,
  clockOf,
  compareStamps,
  counts,
  EMPTY_CONTEXT,
  observe,
  type Stamp,
  stampProblem,
  stamps,
  tick,
  toBytes,
} from "../lattices/index.ts";
import { Hearsay } from "./hearsay.ts";

const FORMAT = 2;

/** Clocks may differ by so much, in milliseconds. A stamp from further ahead takes no clock with it. */
export const MAX_AHEAD_MS = 60_000;

/** Changes only with entries of the replica's log, so that their repetition gives the same bytes. */
export class Meta {
  readonly hearsay = new Hearsay();
  #context: CausalContext = EMPTY_CONTEXT;
  /** Of a replica that is being filled it is long, and most entries leave it as it is. */
  #encodedContext: Uint8Array | null = null;
  /** Keys of the shard, due ones included. */
  keys = 0;
  clock: Stamp;
  /**
   * The greatest stamp of each replica that came with a merge since the last batch. A merge has no time of its own, and which
   * stamps are to be believed only a time can tell.
   */
  readonly #received = new Map<ReplicaId, Stamp>();

  constructor(replica: ReplicaId) {
    this.clock = clockOf(replica);
  }

  /** Which events this replica knows. */
  get context(): CausalContext {
    return this.#context;
  }

  set context(context: CausalContext) {
    this.#context = context;
    this.#encodedContext = null;
    this.hearsay.settle(context);
  }

  encodedContext(): Uint8Array {
    this.#encodedContext ??= toBytes(causalContexts, this.#context);
    return this.#encodedContext;
  }

  receive(stamp: Stamp): void {
    const last = this.#received.get(stamp.node);
    if (last === undefined || compareStamps(stamp, last) > 0) this.#received.set(stamp.node, stamp);
  }

  /** Before a batch of this time (milliseconds). What is too far ahead now may be believed later. */
  observeReceived(now: number): void {
    for (const [node, stamp] of [...this.#received].sort(([a], [b]) => a - b)) {
      if (stampProblem(stamp, now, MAX_AHEAD_MS) !== null) continue;
      this.clock = observe(this.clock, stamp, now);
      this.#received.delete(node);
    }
  }

  /** Above all stamps that were made here, and all believable ones that were merged here. */
  stamp(now: number): Stamp {
    this.clock = tick(this.clock, now);
    return this.clock;
  }

  encode(): Uint8Array {
    const writer = new ByteWriter();
    writer.u8(FORMAT);
    stamps.encode(writer, this.clock);
    writer.varint(this.keys);
    writer.raw(this.encodedContext());
    writer.varint(this.#received.size);
    for (const [, stamp] of [...this.#received].sort(([a], [b]) => a - b)) stamps.encode(writer, stamp);
    this.hearsay.encode(writer);
    return writer.finish();
  }

  /** Throws `CodecError` when the bytes are malformed, of a newer format or of another replica. */
  static decode(bytes: Uint8Array, replica: ReplicaId): Meta {
    const reader = new ByteReader(bytes);
    const format = reader.u8();
    if (format !== FORMAT) throw new CodecError(`a merging shard's meta has format ${format}`);
    const meta = new Meta(replica);
    meta.clock = stamps.decode(reader);
    if (meta.clock.node !== replica)
      throw new CodecError(
        `the state of replica ${meta.clock.node} was opened as that of replica ${replica}`,
      );
    meta.keys = counts.decode(reader);
    meta.context = causalContexts.decode(reader);
    for (let left = counts.decode(reader); left > 0; left--) meta.receive(stamps.decode(reader));
    meta.hearsay.decode(reader);
    reader.end();
    return meta;
  }
}
