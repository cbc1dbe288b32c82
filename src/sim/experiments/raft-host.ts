/**
 * The smallest host that a Raft machine can have: timers, a network without losses and a disk, as delays in virtual time.
 * It keeps the rules of the contract (core/machine.ts), unless its world asks for an exception.
 */
import { unreachable } from "../../core/assert.ts";
import type { NodeId, WriteId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";
import type { RaftEffect, RaftInput, RaftMessage, RaftTimer } from "../../protocols/raft/messages.ts";
import type { RaftOptions } from "../../protocols/raft/options.ts";
import { Raft } from "../../protocols/raft/raft.ts";
import type { RaftRecovered } from "../../protocols/raft/recovery.ts";
import type { ScheduledEvent, Scheduler } from "../scheduler.ts";
import type { SimulatedRandom } from "../simulated-random.ts";

export interface HostWorld {
  readonly scheduler: Scheduler;
  readonly random: SimulatedRandom;
  /** How long the next sync takes. One runs at a time; what is written meanwhile shares the next. */
  syncDelay(): Millis;
  /**
   * Requests for votes leave while the candidate writes its own, against H3: fit for trials in which no candidate
   * restarts, and for nothing else.
   */
  readonly overlapsOwnVote: boolean;
  /** H6 says a millisecond. */
  readonly shortestTimer: Millis;
  send(from: NodeId, to: NodeId, message: RaftMessage): void;
  /** A machine has taken an input, its effects have run. */
  stepped(host: RaftHost, input: RaftInput): void;
}

export class RaftHost {
  readonly id: NodeId;
  readonly raft: Raft;
  readonly #world: HostWorld;
  readonly #timers = new Map<RaftTimer, ScheduledEvent>();
  #held: { readonly after: WriteId; readonly effect: RaftEffect }[] = [];
  #written: WriteId | null = null;
  #syncing = false;
  #alive = true;

  constructor(options: RaftOptions, recovered: RaftRecovered, world: HostWorld) {
    this.id = options.id;
    this.raft = new Raft(options, recovered);
    this.#world = world;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** For good: nothing of it happens any more. */
  crash(): void {
    this.#alive = false;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  step(input: RaftInput): void {
    if (!this.#alive) return;
    for (const effect of this.raft.step(this.#world.scheduler.now(), input)) {
      const after = this.#waitsFor(effect);
      if (after === undefined) this.#run(effect);
      else this.#held.push({ after, effect });
    }
    this.#world.stepped(this, input);
  }

  #waitsFor(effect: RaftEffect): WriteId | undefined {
    if (!("after" in effect)) return undefined;
    const isRequest = effect.type === "send" && effect.message.type === "vote-request";
    return isRequest && this.#world.overlapsOwnVote ? undefined : effect.after;
  }

  #run(effect: RaftEffect): void {
    switch (effect.type) {
      case "persist":
        this.#written = effect.id;
        if (!this.#syncing) this.#sync();
        return;
      case "send":
        this.#world.send(this.id, effect.to, effect.message);
        return;
      case "set-timer":
        this.#setTimer(effect.timer, effect.min, effect.max);
        return;
      case "cancel-timer":
        this.#timers.get(effect.timer)?.cancel();
        return;
      case "apply":
      case "read-ready":
      case "reply":
      case "leader":
      case "snapshot-load":
      case "snapshot-store":
      case "snapshot-release":
        // An election needs no state machine, no clients and no snapshots.
        return;
      default:
        unreachable(effect);
    }
  }

  #setTimer(timer: RaftTimer, min: Millis, max: Millis): void {
    const { scheduler, random, shortestTimer } = this.#world;
    this.#timers.get(timer)?.cancel();
    const delay = Math.max(shortestTimer, random.between(min, max));
    this.#timers.set(
      timer,
      scheduler.after(delay, () => this.step({ type: "timer", timer })),
    );
  }

  #sync(): void {
    const { scheduler } = this.#world;
    const upTo = this.#written!;
    this.#syncing = true;
    this.#written = null;
    scheduler.after(this.#world.syncDelay(), () => {
      if (!this.#alive) return;
      this.#syncing = false;
      const released = this.#held.filter(({ after }) => after <= upTo);
      this.#held = this.#held.filter(({ after }) => after > upTo);
      for (const { effect } of released) this.#run(effect);
      this.step({ type: "persisted", upTo });
      if (this.#written !== null && !this.#syncing) this.#sync();
    });
  }
}
