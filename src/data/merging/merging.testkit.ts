/** Replicas of one merging shard in memory: commands in words, deltas by hand. */
import type { StateAnswer, StateQuery } from "../../core/merging.ts";
import { replicaId } from "../../core/ids.ts";
import type { Reply } from "../../core/reply.ts";
import type { LoadedRange } from "../../core/records.ts";
import { BatchBuilder, decodeBatch } from "../batch.ts";
import type { CommandCall } from "../contract.ts";
import { call, MapRecords, type Plain, plain, type Word } from "../data.testkit.ts";
import type { LoadStep, ReadDone } from "./contract.ts";
import { MergingShard } from "./shard.ts";

/** What a replica's own log holds, for replaying. */
export type Entry =
  | { readonly type: "command"; readonly payload: Uint8Array }
  | { readonly type: "merge"; readonly delta: Uint8Array }
  | { readonly type: "adopt"; readonly context: Uint8Array };

export class Replica {
  readonly records: MapRecords;
  readonly shard: MergingShard;
  readonly id: number;
  readonly expiries: number[] = [];
  /** The event deltas of this replica, in their order. */
  readonly deltas: Uint8Array[] = [];
  readonly log: Entry[] = [];
  readonly #maxCloud: number;
  time = 1_700_000_000_000;
  seed = 1;

  constructor(id: number, maxCloud = 10_000, records = new MapRecords(), meta?: Uint8Array) {
    this.id = id;
    this.#maxCloud = maxCloud;
    this.records = records;
    this.shard = new MergingShard(records, {
      replica: replicaId(id),
      conflicts: "siblings",
      maxCloud,
      // What is remembered may change nothing: one remembers all, one little, one nothing.
      rememberedBytes: [1 << 20, 0, 1000][id % 3]!,
      noteExpiry: (at) => void this.expiries.push(at),
      ...(meta === undefined ? {} : { meta }),
    });
    this.shard.open(records.load(this.shard.opening));
  }

  /** Runs one command and answers its reply. */
  run(name: string, ...words: readonly Word[]): Plain {
    const asked = call(name, ...words);
    return plain(asked.spec.access === "read" ? this.read(asked).reply : this.write(asked)[0]!);
  }

  read(asked: CommandCall, trace = false): ReadDone {
    return this.#finish(this.shard.read(asked, this.time, trace));
  }

  write(...calls: readonly CommandCall[]): readonly Reply[] {
    const builder = new BatchBuilder();
    for (const each of calls) builder.add({ kind: "command", ...each });
    const payload = builder.finish({ time: this.time, seed: this.seed++, maxValueBytes: 1 << 20 });
    return this.apply({ type: "command", payload });
  }

  merge(delta: Uint8Array): boolean {
    this.log.push({ type: "merge", delta });
    return this.#finish(this.shard.merge(delta)).taken;
  }

  adopt(context: Uint8Array): void {
    this.log.push({ type: "adopt", context });
    this.shard.adopt(context);
  }

  /** Answers the replies of a batch; none for other entries. */
  apply(entry: Entry): readonly Reply[] {
    if (entry.type === "merge") this.merge(entry.delta);
    if (entry.type === "adopt") this.adopt(entry.context);
    if (entry.type !== "command") return [];
    this.log.push(entry);
    const { replies, delta } = this.#finish(this.shard.start(decodeBatch(entry.payload)));
    if (delta !== null) this.deltas.push(delta);
    return replies;
  }

  /** The same state in another process: from what was stored. */
  reopened(): Replica {
    return new Replica(this.id, this.#maxCloud, this.records.snapshot(), this.shard.encodeMeta());
  }

  /** Takes over all that the other has, and then what it knows: anti-entropy without a fault. */
  pull(from: Replica): void {
    this.merge(from.page());
    this.adopt(from.shard.summary.context());
  }

  query(query: StateQuery): StateAnswer {
    return this.#finish(this.shard.query(query)).answer;
  }

  /** Everything of it, by a page without a bound. */
  page(): Uint8Array {
    const answer = this.query({ type: "page", from: "", maxBytes: Number.POSITIVE_INFINITY });
    if (answer.type !== "page" || answer.next !== null) throw new Error("a page without a bound ended early");
    return answer.delta;
  }

  items(): Record<string, string> {
    const all = this.records.dump();
    return Object.fromEntries(Object.entries(all).filter(([id]) => id.startsWith("m/")));
  }

  #finish<Done extends { readonly type: "done" }>(run: {
    next(loaded?: readonly LoadedRange[]): LoadStep | Done;
  }): Done {
    let step = run.next();
    while (step.type === "load") step = run.next(step.requests.map((request) => this.records.load(request)));
    return step;
  }
}
