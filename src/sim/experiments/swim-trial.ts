/**
 * A group of our own SWIM machines on virtual time: the smallest host that such a machine can have, and a network without
 * losses. Members begin knowing each other. While a member is blocked its clock runs on, but no message gets in or out until it is
 * released; then all do at once, as in the Lifeguard paper's anomalies.
 */
import { unreachable } from "../../core/assert.ts";
import { nodeId } from "../../core/ids.ts";
import type { NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";
import { encodeSwimMessage } from "../../membership/codec.ts";
import type { MemberRecord, SwimEffect, SwimEvent, SwimInput, SwimTimer } from "../../membership/messages.ts";
import { DEFAULT_SWIM_OPTIONS } from "../../membership/options.ts";
import type { SwimOptions } from "../../membership/options.ts";
import { Swim } from "../../membership/swim.ts";
import { Scheduler } from "../scheduler.ts";
import type { ScheduledEvent } from "../scheduler.ts";
import { SimulatedRandom } from "../simulated-random.ts";

export interface SwimTrialOptions {
  readonly members: number;
  readonly swim: Partial<SwimOptions>;
  /** All periods begin at the same moments, as the SWIM paper's analysis counts them; otherwise each at its own. */
  readonly inStep: boolean;
  /** One way. */
  readonly latency: Millis;
}

export interface SwimTraffic {
  messages: number;
  bytes: number;
}

export class SwimTrial {
  readonly scheduler = new Scheduler();
  readonly traffic: SwimTraffic = { messages: 0, bytes: 0 };
  readonly options: SwimTrialOptions;
  readonly random: SimulatedRandom;
  readonly #hosts = new Map<number, Host>();

  /** `heard` is told of every event of every member. */
  constructor(
    seed: string,
    options: SwimTrialOptions,
    heard: (member: number, event: SwimEvent, at: Millis) => void,
  ) {
    this.options = options;
    this.random = new SimulatedRandom(seed);
    const known = Array.from({ length: options.members }, (_, at) => recordOf(at + 1));
    for (const { id } of known) this.#hosts.set(id, new Host(this, id, known, heard));
    for (const host of this.#hosts.values()) host.step({ type: "start" });
  }

  run(until: Millis): void {
    this.scheduler.run(until);
  }

  crash(id: number): void {
    this.#hosts.get(id)!.alive = false;
  }

  /** No message gets in or out until then. */
  block(id: number, until: Millis): void {
    this.#hosts.get(id)!.blockedUntil = until;
  }

  /** What a member holds of another. */
  held(by: number, of: number): MemberRecord | undefined {
    return this.#hosts.get(by)!.swim.member(nodeId(of));
  }

  send(from: number, effect: SwimEffect & { readonly type: "send" }): void {
    this.traffic.messages++;
    this.traffic.bytes += encodeSwimMessage(effect.message).length;
    const to = this.#hosts.get(effect.to.port)!;
    const { scheduler } = this;
    scheduler.at(this.#hosts.get(from)!.blockedUntil, () =>
      scheduler.after(this.options.latency, () =>
        scheduler.at(to.blockedUntil, () => to.step({ type: "message", message: effect.message })),
      ),
    );
  }
}

class Host {
  readonly swim: Swim;
  alive = true;
  blockedUntil: Millis = 0;
  readonly #id: NodeId;
  readonly #trial: SwimTrial;
  readonly #heard: (member: number, event: SwimEvent, at: Millis) => void;
  readonly #timers = new Map<SwimTimer, ScheduledEvent>();

  constructor(
    trial: SwimTrial,
    id: NodeId,
    known: readonly MemberRecord[],
    heard: (member: number, event: SwimEvent, at: Millis) => void,
  ) {
    const { swim } = trial.options;
    const options = { ...DEFAULT_SWIM_OPTIONS, id, address: recordOf(id).address, known, ...swim };
    this.#id = id;
    this.#trial = trial;
    this.#heard = heard;
    this.swim = new Swim(options, trial.random.fork(id));
  }

  step(input: SwimInput): void {
    if (!this.alive) return;
    const { scheduler } = this.#trial;
    for (const effect of this.swim.step(scheduler.now(), input)) this.#run(effect);
  }

  #run(effect: SwimEffect): void {
    const { scheduler, random, options } = this.#trial;
    switch (effect.type) {
      case "send":
        this.#trial.send(this.#id, effect);
        return;
      case "set-timer": {
        const { timer, min, max } = effect;
        this.#timers.get(timer)?.cancel();
        const delay = Math.max(1, options.inStep ? min : random.between(min, max));
        this.#timers.set(
          timer,
          scheduler.after(delay, () => this.step({ type: "timer", timer })),
        );
        return;
      }
      case "cancel-timer":
        this.#timers.get(effect.timer)?.cancel();
        this.#timers.delete(effect.timer);
        return;
      case "event":
        this.#heard(this.#id, effect.event, scheduler.now());
        return;
      default:
        unreachable(effect);
    }
  }
}

function recordOf(id: number): MemberRecord {
  const address = { host: "10.0.0.1", port: id };
  return { id: nodeId(id), address, incarnation: 0, status: "alive", by: null };
}
