/**
 * Clients of a simulated cluster: each does one operation after the other through some node and writes down what it asked
 * for and what it was told. An indefinite outcome is `info`, and the client goes on as a new process, as after a crash.
 */
import { ERRORS } from "../core/errors.ts";
import { Failure, type Reply } from "../core/reply.ts";
import type { CommandCall } from "../data/contract.ts";
import type { HistoryEvent, HistoryKey, HistoryValue } from "./history/event.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import type { SimulatedRandom } from "./simulated-random.ts";

/** One operation, in the words of the history and as a command. */
export interface PlannedOperation {
  readonly f: string;
  readonly key: HistoryKey;
  readonly value: HistoryValue;
  readonly call: CommandCall;
  /** What the reply means in the words of the history. */
  readonly output: (reply: Reply) => HistoryValue;
}

export interface Workload {
  readonly name: string;
  /** `unique` is a number that no other operation of the run gets. */
  plan(random: SimulatedRandom, unique: number): PlannedOperation;
}

export interface ClientOptions {
  readonly clients: number;
  /** Pause between two operations of a client, uniform in [0, 2 × pause]. */
  readonly pause: number;
}

export class Clients {
  readonly events: HistoryEvent[] = [];
  readonly #cluster: SimulatedCluster;
  readonly #workload: Workload;
  readonly #options: ClientOptions;
  readonly #random: SimulatedRandom;
  #unique = 0;
  #processes = 0;
  #running = false;
  #open = 0;

  constructor(cluster: SimulatedCluster, workload: Workload, options: ClientOptions) {
    this.#cluster = cluster;
    this.#workload = workload;
    this.#options = options;
    this.#random = cluster.random.fork("clients");
  }

  start(): void {
    this.#running = true;
    for (let i = 0; i < this.#options.clients; i++) this.#think(this.#processes++);
  }

  /** No new operations; `idle` tells when the last one has its outcome. */
  stop(): void {
    this.#running = false;
  }

  get idle(): boolean {
    return this.#open === 0;
  }

  /** One operation of a process of its own, through the node with this name. */
  once(host: string, operation: PlannedOperation): void {
    this.#execute(this.#processes++, host, operation, () => undefined);
  }

  #think(process: number): void {
    if (!this.#running) return;
    this.#cluster.scheduler.after(this.#random.next() * 2 * this.#options.pause, () => this.#next(process));
  }

  #next(process: number): void {
    if (!this.#running) return;
    const { hosts } = this.#cluster;
    const host = hosts[Math.floor(this.#random.next() * hosts.length)]!;
    const operation = this.#workload.plan(this.#random, ++this.#unique);
    if (host.node === null) this.#think(process);
    else
      this.#execute(process, host.name, operation, (alive) =>
        this.#think(alive ? process : this.#processes++),
      );
  }

  /** A node that dies with the request answers nobody: then the outcome stays open, and the process ends. */
  #execute(
    process: number,
    hostName: string,
    operation: PlannedOperation,
    done: (alive: boolean) => void,
  ): void {
    const host = this.#cluster.host(hostName);
    const { node, clock } = host;
    if (node === null || clock === null) return;
    const { f, key, value, call, output } = operation;
    const note = (type: HistoryEvent["type"], result: HistoryValue, error?: string): void => {
      const time = this.#cluster.scheduler.now();
      const event = { process, type, f, key, value: result, time, node: hostName };
      this.events.push(error === undefined ? event : { ...event, error });
      this.#cluster.scheduler.trace(`${type} ${process} ${f} ${String(key)} ${JSON.stringify(result)}`);
    };
    note("invoke", value);
    this.#open++;
    let over = false;
    const finish = (alive: boolean): void => {
      if (over) return;
      over = true;
      this.#open--;
      done(alive);
    };
    // The request reaches the node's process, and the answer its client, like everything: not while it is stopped.
    clock.deliver(() => {
      node.execute(call, {}, (reply) => {
        if (over) return;
        if (!(reply instanceof Failure)) {
          note("ok", output(reply));
          finish(true);
          return;
        }
        const definite = reply.code === null || ERRORS[reply.code].definite;
        note(definite ? "fail" : "info", value, reply.code ?? reply.message);
        finish(definite);
      });
    });
    this.#cluster.scheduler.after(ABANDON_AFTER_MS, () => {
      if (over) return;
      note("info", value, "no-answer");
      finish(false);
    });
  }
}

/** The node died or hangs: its client gives up. Longer than any request may take. */
const ABANDON_AFTER_MS = 15_000;
