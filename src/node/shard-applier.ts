/** A shard's state machine behind the node's `Applier`, and the leader's duty to free what expires. */
import { InvariantError } from "../core/assert.ts";
import type { LogIndex } from "../core/machine.ts";
import type { LoadedRange } from "../core/records.ts";
import type { Reply } from "../core/reply.ts";
import type { Clock, TimerHandle } from "../core/world.ts";
import { ShardMachine } from "../data/apply.ts";
import { type Operation, decodeBatch } from "../data/batch.ts";
import type { CommandCall } from "../data/contract.ts";
import type { History, HistoryLimits } from "../data/history.ts";
import type { ShardRecords } from "../storage/state/records.ts";
import type { Applier, Run } from "./applier.ts";
import { internalCall } from "./internal-call.ts";

export interface ShardApplierHost {
  readonly clock: Clock;
  /** This replica leads and has committed an entry of its own term. */
  isLeader(): boolean;
  readonly history: HistoryLimits;
  /** A batch was applied, or the state replaced: watchers may have something to hear. */
  onChanges(): void;
  /** Orders a command of the node's own; null: it was not done here. */
  propose(call: CommandCall, done: (reply: Reply | null) => void): void;
}

/** A due key is freed within about this time after its expiry, while its shard has a leader. */
const MIN_DELAY_MS = 1;
/** Timers are not set further ahead than this (a Node timer holds 2^31 ms). */
const MAX_DELAY_MS = 3_600_000;
const RETRY_MS = 100;

export class ShardApplier implements Applier {
  readonly #records: ShardRecords;
  readonly #host: ShardApplierHost;
  #machine: ShardMachine;
  /** When the next `.expire` is due, in wall-clock milliseconds. */
  #due = Number.POSITIVE_INFINITY;
  #timer: TimerHandle | null = null;
  #expiring = false;

  constructor(records: ShardRecords, host: ShardApplierHost) {
    this.#records = records;
    this.#host = host;
    this.#machine = this.#open();
  }

  get keys(): number {
    return this.#machine.keys;
  }

  get history(): History {
    return this.#machine.history;
  }

  apply(_index: LogIndex, command: Uint8Array, known: readonly Operation[] | null): Run {
    const run = this.#machine.start(decodeBatch(command, known));
    return {
      next: (loaded?: readonly LoadedRange[]) => {
        const step = run.next(loaded);
        if (step.type === "done") this.#host.onChanges();
        return step;
      },
    };
  }

  read(operation: Operation): Run {
    if (operation.kind !== "command") throw new InvariantError("a transaction is not a read");
    const now = Math.floor(this.#host.clock.wall());
    return {
      next: (loaded?: readonly LoadedRange[]) => {
        const step = this.#machine.read(operation, loaded, now);
        return step.type === "load" ? step : { type: "done", replies: [step.reply] };
      },
    };
  }

  meta(): Uint8Array {
    return this.#machine.encodeMeta();
  }

  restore(): void {
    this.#machine = this.#open();
    this.#host.onChanges();
  }

  /** This replica leads from now on: it orders what expires. */
  onLead(): void {
    // In the middle of a batch that waits for the disk nothing may be read; ordering `.expire` later finds out as well.
    if (this.#machine.busy) {
      this.#noteExpiry(this.#host.clock.wall() + RETRY_MS);
      return;
    }
    const call = internalCall(".next-expiry");
    const run = this.read({ kind: "command", ...call });
    const answer = (reply: Reply): void => {
      if (typeof reply === "number" && reply >= 0) this.#noteExpiry(reply);
    };
    const step = run.next();
    if (step.type === "done") {
      answer(step.replies[0]!);
      return;
    }
    this.#records.load(step.requests, (error, loaded) => {
      // A failing disk is reported by the records themselves; a busy machine has noted whatever expires since.
      if (error !== null || this.#machine.busy) {
        this.#noteExpiry(this.#host.clock.wall() + RETRY_MS);
        return;
      }
      const last = run.next(loaded);
      if (last.type === "done") answer(last.replies[0]!);
    });
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = null;
    this.#due = Number.POSITIVE_INFINITY;
  }

  #open(): ShardMachine {
    const { meta } = this.#records;
    const noteExpiry = (at: number): void => this.#noteExpiry(at);
    const options = { noteExpiry, history: this.#host.history };
    return new ShardMachine(this.#records, meta.length === 0 ? options : { ...options, meta });
  }

  #noteExpiry(at: number): void {
    if (at >= this.#due || !this.#host.isLeader()) return;
    this.#due = at;
    this.#timer?.cancel();
    const delay = Math.min(MAX_DELAY_MS, Math.max(MIN_DELAY_MS, at - this.#host.clock.wall()));
    this.#timer = this.#host.clock.setTimer(delay, () => this.#expire());
  }

  #expire(): void {
    this.#timer = null;
    this.#due = Number.POSITIVE_INFINITY;
    if (this.#expiring || !this.#host.isLeader()) return;
    this.#expiring = true;
    this.#host.propose(internalCall(".expire"), (reply) => {
      this.#expiring = false;
      if (typeof reply === "number") {
        if (reply >= 0) this.#noteExpiry(reply);
      } else if (this.#host.isLeader()) {
        this.#noteExpiry(this.#host.clock.wall() + RETRY_MS);
      }
    });
  }
}
