/**
 * Hosts the broadcast machine of one guarantee: its timer, its messages, and what has to wait until this process is in the group.
 *
 *   publish ──▶ (waits until the machine takes it) ──▶ machine ──▶ deliver
 *   message ──▶ (waits for its view, if it is of a later one) ──▶ machine
 */
import { invariant, unreachable } from "../../core/assert.ts";
import { type NodeId, requestId } from "../../core/ids.ts";
import type { PlainData } from "../../core/machine.ts";
import type { Failure } from "../../core/reply.ts";
import type { Clock, Random, TimerHandle } from "../../core/world.ts";
import {
  Broadcast,
  type BroadcastEffect,
  type BroadcastInput,
  type BroadcastMessage,
  decodeBroadcastMessage,
  encodeBroadcastMessage,
  type View,
} from "../../protocols/broadcast/index.ts";
import { failureReply } from "../failures.ts";
import { type Guarantee, optionsOf } from "./guarantees.ts";

export interface GroupHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly self: NodeId;
  /** Milliseconds that a publication waits at most for this process to be a member. */
  readonly patience: number;
  send(to: NodeId, message: Uint8Array): void;
  deliver(payload: Uint8Array): void;
  /** So many messages will not be delivered here. */
  lost(count: number): void;
  /** It takes part from now on. */
  joined(): void;
  /** This process was out of the group: whoever listens here may have missed messages. */
  interrupted(): void;
}

interface Publication {
  readonly payload: Uint8Array;
  readonly done: (failure: Failure | null) => void;
  readonly deadline: TimerHandle;
}

const MAX_WAITING = 1024;
/** Messages of a view that is not known here yet. */
const MAX_EARLY = 512;
const MAX_EARLY_BYTES = 8 << 20;

export class ChannelGroup {
  readonly #host: GroupHost;
  readonly #machine: Broadcast;
  readonly #inputs: BroadcastInput[] = [];
  readonly #waiting: Publication[] = [];
  #early: { readonly from: NodeId; readonly message: BroadcastMessage; readonly bytes: number }[] = [];
  #earlyBytes = 0;
  #epoch = 0;
  /** This process' membership; null: it is in no view. */
  #since: number | null = null;
  #timer: TimerHandle | null = null;
  #requests = 0;
  #outcome: "published" | Failure | null = null;
  #busy = false;
  #wasJoined = false;
  #closed = false;
  /** A message goes to all others in a row: it is encoded once. */
  #encoded: { readonly message: BroadcastMessage; readonly bytes: Uint8Array } | null = null;

  constructor(host: GroupHost, guarantee: Guarantee) {
    this.#host = host;
    this.#machine = new Broadcast({ ...optionsOf(guarantee), id: host.self });
    this.#take({ type: "start" });
  }

  /** Views come in the order of their epochs. */
  enter(view: View): void {
    if (view.epoch <= this.#epoch) return;
    this.#epoch = view.epoch;
    const before = this.#since;
    this.#since = view.members.find(({ node }) => node === this.#host.self)?.since ?? null;
    this.#take({ type: "members", view });
    if (before !== null && before !== this.#since) this.#host.interrupted();
    const early = this.#early;
    this.#early = [];
    this.#earlyBytes = 0;
    for (const { from, message, bytes } of early) this.#onMessage(from, message, bytes);
  }

  /** Throws `CodecError` on what is malformed. */
  onMessage(from: NodeId, bytes: Uint8Array): void {
    this.#onMessage(from, decodeBroadcastMessage(bytes), bytes.length);
  }

  onUnreachable(peer: NodeId): void {
    this.#take({ type: "unreachable", peer });
  }

  /** `done`: it is on its way, or why nobody will ever deliver it. */
  publish(payload: Uint8Array, done: (failure: Failure | null) => void): void {
    if (this.#closed) {
      done(failureReply("closing"));
      return;
    }
    if (this.#waiting.length >= MAX_WAITING) {
      done(failureReply("overloaded", "Too many messages wait for this node to join the channels' group."));
      return;
    }
    const { clock, patience } = this.#host;
    const publication: Publication = {
      payload,
      done,
      deadline: clock.setTimer(patience, () => {
        this.#waiting.splice(this.#waiting.indexOf(publication), 1);
        done(failureReply("unreachable", "This node is not in the channels' group."));
      }),
    };
    this.#waiting.push(publication);
    this.#work();
  }

  /** It takes part: whoever listens here hears what is published from now on. */
  get joined(): boolean {
    return this.#machine.joined;
  }

  /** What came and is not delivered yet: the hold-back queue. */
  get heldBack(): number {
    return this.#machine.heldBack().length;
  }

  status(): PlainData {
    return this.#machine.status();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
    this.#early = [];
    for (const { deadline, done } of this.#waiting.splice(0)) {
      deadline.cancel();
      done(failureReply("closing"));
    }
  }

  #onMessage(from: NodeId, message: BroadcastMessage, bytes: number): void {
    if (message.epoch <= this.#epoch) {
      this.#take({ type: "message", from, message });
      return;
    }
    // The machine would not know its sender yet. Dropped is as if the network had lost it.
    if (this.#early.length >= MAX_EARLY || this.#earlyBytes + bytes > MAX_EARLY_BYTES) return;
    this.#early.push({ from, message, bytes });
    this.#earlyBytes += bytes;
  }

  #take(input: BroadcastInput): void {
    this.#inputs.push(input);
    this.#work();
  }

  /** One input at a time, also when a delivery makes somebody publish. */
  #work(): void {
    if (this.#busy || this.#closed) return;
    this.#busy = true;
    for (;;) {
      const input = this.#inputs.shift();
      if (input !== undefined) this.#step(input);
      else if (this.#closed || !this.#publishNext()) break;
    }
    this.#busy = false;
    if (this.joined === this.#wasJoined) return;
    this.#wasJoined = this.joined;
    if (this.joined) this.#host.joined();
  }

  /** False: there is none, or the machine takes none yet. */
  #publishNext(): boolean {
    const next = this.#waiting[0];
    if (next === undefined || this.#since === null) return false;
    this.#outcome = null;
    this.#requests += 1;
    this.#step({ type: "publish", id: requestId(this.#requests), payload: next.payload });
    // What the step delivered may have closed the group, and answered everybody.
    if (this.#waiting[0] !== next) return true;
    const outcome = this.#outcome as "published" | Failure | null;
    invariant(outcome !== null, "a publication has an outcome at once");
    if (outcome !== "published" && outcome.code === "unreachable") return false;
    this.#waiting.shift();
    next.deadline.cancel();
    next.done(outcome === "published" ? null : outcome);
    return true;
  }

  #step(input: BroadcastInput): void {
    for (const effect of this.#machine.step(this.#host.clock.now(), input)) this.#run(effect);
    this.#encoded = null;
  }

  #run(effect: BroadcastEffect): void {
    if (this.#closed) return;
    const { clock, random } = this.#host;
    switch (effect.type) {
      case "send":
        this.#host.send(effect.to, this.#encode(effect.message));
        return;
      case "deliver":
        this.#host.deliver(effect.payload);
        return;
      case "published":
        this.#outcome = "published";
        return;
      case "refused":
        this.#outcome = failureReply(effect.error, REFUSALS[effect.error]);
        return;
      case "lost":
        this.#host.lost(effect.last - effect.first + 1);
        return;
      case "set-timer": {
        const { timer, min, max } = effect;
        this.#timer?.cancel();
        this.#timer = clock.setTimer(min + (max - min) * random.next(), () =>
          this.#take({ type: "timer", timer }),
        );
        return;
      }
      default:
        unreachable(effect);
    }
  }

  #encode(message: BroadcastMessage): Uint8Array {
    const last = this.#encoded;
    if (last !== null && isSame(last.message, message)) return last.bytes;
    const bytes = encodeBroadcastMessage(message);
    this.#encoded = { message, bytes };
    return bytes;
  }
}

const REFUSALS: Partial<Record<string, string>> = {
  "too-large": "The message is larger than its channel's guarantee allows.",
  overloaded: "A member of the channels' group has not confirmed this node's last messages.",
  unreachable: "This node is not in the channels' group.",
};

/** Within one step the sender's view and membership do not change: the items say it all. */
const isSame = (one: BroadcastMessage, other: BroadcastMessage): boolean =>
  one.type === "items" &&
  other.type === "items" &&
  one.items.length === other.items.length &&
  one.items.every((item, at) => item === other.items[at]);
