/** Runs the machine: gives it the time, carries its effects out, and calls each caller back once. No promises here. */
import { unreachable } from "../core/assert.ts";
import type { KvorumError } from "../core/errors.ts";
import type { Clock, Random, TimerHandle } from "../core/world.ts";
import type { WatchHandle } from "../node/api.ts";
import type { CallSpec } from "./machine/call.ts";
import {
  ClientMachine,
  type ClientStatus,
  DEFAULT_MACHINE_OPTIONS,
  type Effect,
  type Input,
  type MachineOptions,
} from "./machine/machine.ts";
import type { Outcome } from "./machine/outcome.ts";
import type { ClientTransport, Topology } from "./transport.ts";

/** Time and chance for the client. `Clock` and `Random` of a `World` fit. */
export interface ClientRuntime {
  readonly clock: Pick<Clock, "now" | "setTimer">;
  readonly random: Pick<Random, "next">;
}

export type OutcomeListener = (outcome: Outcome) => void;

export class ClientDriver {
  readonly clock: ClientRuntime["clock"];
  readonly random: ClientRuntime["random"];
  readonly #transport: ClientTransport;
  readonly #machine: ClientMachine;
  readonly #listeners = new Map<number, OutcomeListener>();
  #topology: Topology | null = null;
  readonly #topologyListeners = new Set<(topology: Topology) => void>();
  readonly #refusalListeners = new Set<(error: KvorumError) => void>();
  readonly #closing = new Set<() => void>();
  #closed = false;
  #effects: Effect[] = [];
  #running = false;
  #lastId = 0;
  #timer: TimerHandle | null = null;

  constructor(
    transport: ClientTransport,
    { clock, random }: ClientRuntime,
    options?: Partial<MachineOptions>,
  ) {
    this.clock = clock;
    this.random = random;
    this.#transport = transport;
    this.#machine = new ClientMachine(() => random.next(), { ...DEFAULT_MACHINE_OPTIONS, ...options });
    transport.listen({
      onTopology: (topology) => this.#onTopology(topology),
      onRefused: (error) => {
        for (const listener of this.#refusalListeners) listener(error);
      },
      onDown: (node) => this.#step({ type: "down", node }),
    });
  }

  /** Calls back exactly once, possibly before this returns. The number is for `abort`. */
  submit(call: CallSpec, done: OutcomeListener): number {
    const id = ++this.#lastId;
    this.#listeners.set(id, done);
    this.#step({ type: "call", id, call });
    return id;
  }

  /** Has no effect on a call that is settled. */
  abort(id: number, why: string): void {
    this.#step({ type: "abort", id, why });
  }

  /** The newest one; null before the first. */
  get topology(): Topology | null {
    return this.#topology;
  }

  /** Calls back with every topology from now on, until the function that it returns is called. */
  onTopology(listener: (topology: Topology) => void): () => void {
    this.#topologyListeners.add(listener);
    return () => this.#topologyListeners.delete(listener);
  }

  /** Calls back when a node refuses the client, until the function that it returns is called. */
  onRefused(listener: (error: KvorumError) => void): () => void {
    this.#refusalListeners.add(listener);
    return () => this.#refusalListeners.delete(listener);
  }

  /** Asks for the present topology. */
  refresh(): void {
    this.#transport.refresh();
  }

  status(): ClientStatus {
    return this.#machine.status();
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Calls back when the client is closed, unless the function that it returns is called before. */
  onClose(listener: () => void): () => void {
    this.#closing.add(listener);
    return () => this.#closing.delete(listener);
  }

  /** Watching is not the machine's business: a watch finds its way by itself. */
  watch(...watch: Parameters<ClientTransport["watch"]>): WatchHandle {
    return this.#transport.watch(...watch);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const listener of this.#closing) listener();
    this.#step({ type: "close" });
    this.#timer?.cancel();
    this.#transport.close();
  }

  #onTopology(topology: Topology): void {
    this.#topology = topology;
    this.#step({ type: "topology", topology });
    for (const listener of this.#topologyListeners) listener(topology);
  }

  #step(input: Input): void {
    this.#effects.push(...this.#machine.step(this.clock.now(), input));
    // A listener may make the next call: its effects have to come after the ones that are left.
    if (this.#running) return;
    this.#running = true;
    try {
      for (let next = 0; next < this.#effects.length; next++) this.#run(this.#effects[next]!);
    } finally {
      this.#running = false;
      this.#effects = [];
    }
  }

  #run(effect: Effect): void {
    switch (effect.type) {
      case "send": {
        const { attempt, node, request } = effect;
        this.#transport.send(node, request, (reply, leader, seen) => {
          this.#step({ type: "reply", attempt, reply, leader, seen });
        });
        return;
      }
      case "settle": {
        const done = this.#listeners.get(effect.id)!;
        this.#listeners.delete(effect.id);
        done(effect.outcome);
        return;
      }
      case "wake":
        this.#timer?.cancel();
        this.#timer =
          effect.at === null
            ? null
            : this.clock.setTimer(Math.max(0, effect.at - this.clock.now()), () => {
                this.#timer = null;
                this.#step({ type: "wake" });
              });
        return;
      case "refresh":
        this.#transport.refresh();
        return;
      default:
        unreachable(effect);
    }
  }
}
