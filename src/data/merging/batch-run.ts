/** A batch of commands of this replica being done. */
import { invariant } from "../../core/assert.ts";
import type { LoadedRange } from "../../core/records.ts";
import type { Reply } from "../../core/reply.ts";
import type { Batch, Operation } from "../batch.ts";
import { mergingCommand } from "./commands.ts";
import type { BatchDone, BatchRun, LoadStep } from "./contract.ts";
import type { Writing } from "./look.ts";

export class CommandBatch implements BatchRun {
  readonly #batch: Batch;
  readonly #work: Writing;
  readonly #finished: () => void;
  readonly #replies: Reply[] = [];
  #waiting = false;
  #done = false;

  constructor(batch: Batch, work: Writing, finished: () => void) {
    this.#batch = batch;
    this.#work = work;
    this.#finished = finished;
    work.now = batch.time;
    work.maxValueBytes = batch.maxValueBytes;
    work.meta.observeReceived(batch.time);
    work.begin();
  }

  next(loaded?: readonly LoadedRange[]): LoadStep | BatchDone {
    invariant(!this.#done, "a finished batch was continued");
    invariant(this.#waiting === (loaded !== undefined), "a batch was given ranges that it did not ask for");
    this.#work.loaded = loaded ?? NOTHING;
    const { operations, seed } = this.#batch;
    while (this.#replies.length < operations.length) {
      const { spec, args } = callOf(operations[this.#replies.length]!);
      const command = mergingCommand(spec.name);
      invariant(command !== undefined, "a command that cannot merge was ordered");
      if (!this.#waiting) {
        this.#work.seed(seed, this.#replies.length);
        const requests = command.ranges?.(this.#work, args) ?? NOTHING;
        this.#waiting = requests.length > 0;
        if (this.#waiting) {
          this.#work.commit();
          return { type: "load", requests };
        }
      }
      this.#waiting = false;
      this.#replies.push(command.run(this.#work, args));
      this.#work.loaded = NOTHING;
    }
    this.#done = true;
    const delta = this.#work.finish();
    this.#finished();
    return { type: "done", replies: this.#replies, delta };
  }
}

const NOTHING: readonly never[] = [];

/** Transactions and envelopes are refused before they come here. */
function callOf(operation: Operation): Extract<Operation, { kind: "command" }> {
  invariant(
    operation.kind === "command" && operation.envelope === undefined,
    "a transaction or an envelope came to a merging keyspace",
  );
  return operation;
}
