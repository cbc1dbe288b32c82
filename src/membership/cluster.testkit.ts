/** Members on virtual time, with a network in memory that loses, repeats, delays and cuts as a test says. Every message goes as bytes. */
import { nodeId } from "../core/ids.ts";
import type { NodeId } from "../core/ids.ts";
import type { Address } from "../core/world.ts";
import { Scheduler } from "../sim/scheduler.ts";
import type { ScheduledEvent } from "../sim/scheduler.ts";
import { SimulatedRandom } from "../sim/simulated-random.ts";
import { decodeSwimMessage, encodeSwimMessage } from "./codec.ts";
import type { MemberStatus, SwimEffect, SwimEvent, SwimInput, SwimMessage, SwimTimer } from "./messages.ts";
import { DEFAULT_SWIM_OPTIONS } from "./options.ts";
import type { SwimOptions } from "./options.ts";
import { Swim } from "./swim.ts";

export interface NetworkFaults {
  loss: number;
  repeat: number;
  /** One way, uniform: messages overtake each other. */
  minDelay: number;
  maxDelay: number;
  /** True: nothing passes between the two. */
  cut: (from: number, to: number) => boolean;
}

export class TestHost {
  readonly id: NodeId;
  readonly swim: Swim;
  readonly events: { readonly at: number; readonly event: SwimEvent }[] = [];
  alive = true;
  /** Until then it takes nothing and its timers wait. */
  pausedUntil = 0;
  readonly #cluster: TestCluster;
  readonly #timers = new Map<SwimTimer, ScheduledEvent>();
  #incarnation = 0;

  constructor(cluster: TestCluster, options: SwimOptions, life: number) {
    this.id = options.id;
    this.#cluster = cluster;
    this.swim = new Swim(options, cluster.random.fork(`${options.id}/${life}`));
  }

  crash(): void {
    this.alive = false;
    for (const timer of this.#timers.values()) timer.cancel();
  }

  step(input: SwimInput): void {
    if (!this.alive) return;
    const { scheduler } = this.#cluster;
    if (scheduler.now() < this.pausedUntil) {
      scheduler.at(this.pausedUntil, () => this.step(input));
      return;
    }
    for (const effect of this.swim.step(scheduler.now(), input)) this.#run(effect);
    this.swim.check();
    if (this.swim.incarnation < this.#incarnation) throw new Error("an incarnation has shrunk");
    this.#incarnation = this.swim.incarnation;
  }

  #run(effect: SwimEffect): void {
    const { scheduler, random } = this.#cluster;
    switch (effect.type) {
      case "send":
        this.#cluster.send(this.id, effect.to, effect.message);
        return;
      case "set-timer": {
        const { timer, min, max } = effect;
        this.#timers.get(timer)?.cancel();
        const fire = () => {
          this.#timers.delete(timer);
          this.step({ type: "timer", timer });
        };
        this.#timers.set(timer, scheduler.after(Math.max(1, random.between(min, max)), fire));
        return;
      }
      case "cancel-timer":
        this.#timers.get(effect.timer)?.cancel();
        this.#timers.delete(effect.timer);
        return;
      case "event":
        this.events.push({ at: scheduler.now(), event: effect.event });
    }
  }
}

export class TestCluster {
  readonly scheduler = new Scheduler();
  readonly random: SimulatedRandom;
  readonly faults: NetworkFaults = { loss: 0, repeat: 0, minDelay: 1, maxDelay: 5, cut: () => false };
  readonly hosts = new Map<number, TestHost>();
  /** How many messages of each type. */
  readonly sent = new Map<SwimMessage["type"], number>();
  longestMessage = 0;
  /** Is told of every message, lost ones included. */
  listen: (from: number, message: SwimMessage) => void = () => undefined;
  readonly #options: Partial<SwimOptions>;
  #lives = 0;

  constructor(seed: string | number, options: Partial<SwimOptions> = {}) {
    this.random = new SimulatedRandom(seed);
    this.#options = options;
  }

  /** A member that knows one address: member 1's, unless said otherwise. */
  start(id: number, options: Partial<SwimOptions> = {}): TestHost {
    const host = new TestHost(
      this,
      {
        ...DEFAULT_SWIM_OPTIONS,
        id: nodeId(id),
        address: addressOf(id),
        seeds: id === 1 ? [] : [addressOf(1)],
        ...this.#options,
        ...options,
      },
      this.#lives++,
    );
    this.hosts.set(id, host);
    host.step({ type: "start" });
    return host;
  }

  /** Members 1 to `count`, and time for all to know all. */
  startAll(count: number): void {
    for (let id = 1; id <= count; id++) this.start(id);
    this.run(30);
  }

  host(id: number): TestHost {
    return this.hosts.get(id)!;
  }

  /** Seconds. */
  run(seconds: number): void {
    this.scheduler.run(this.scheduler.now() + seconds * 1000);
  }

  /** What each living member holds about that one, without repetitions. */
  views(of: number): readonly (MemberStatus | "unknown")[] {
    const views = new Set<MemberStatus | "unknown">();
    for (const host of this.hosts.values()) {
      if (host.alive && host.id !== of) views.add(host.swim.member(nodeId(of))?.status ?? "unknown");
    }
    return [...views].sort();
  }

  send(from: number, to: Address, message: SwimMessage): void {
    const { faults, random, scheduler } = this;
    const bytes = encodeSwimMessage(message);
    this.longestMessage = Math.max(this.longestMessage, bytes.length);
    this.sent.set(message.type, (this.sent.get(message.type) ?? 0) + 1);
    this.listen(from, message);
    if (faults.cut(from, to.port)) return;
    const copies = random.chance(faults.repeat) ? 2 : 1;
    for (let copy = 0; copy < copies; copy++) {
      if (random.chance(faults.loss)) continue;
      scheduler.after(random.between(faults.minDelay, faults.maxDelay), () =>
        this.hosts.get(to.port)?.step({ type: "message", message: decodeSwimMessage(bytes) }),
      );
    }
  }
}

export function addressOf(id: number): Address {
  return { host: "member", port: id };
}
