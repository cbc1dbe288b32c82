/**
 * Clients of a simulated cluster: each does one operation after the other through some node and writes down what it asked
 * for and what it was told. An indefinite outcome is `info`, and the client goes on as a new process, as after a crash.
 */
import { ERRORS } from "../core/errors.ts";
import { Failure } from "../core/reply.ts";
import type { CallOptions } from "../node/api.ts";
import { carryOut, type Outcome } from "./carry-out.ts";
import type { HistoryEvent, HistoryValue } from "./history/event.ts";
import type { SimulatedCluster } from "./simulated-cluster.ts";
import { SessionClient } from "./session-client.ts";
import type { SimulatedRandom } from "./simulated-random.ts";
import type { PlannedOperation, Workload } from "./workloads/workload.ts";

export interface ClientOptions {
  readonly clients: number;
  /** Milliseconds between two operations of a client, uniform in [0, 2 × pause]. */
  readonly pause: number;
}

/** The node died or hangs: its client gives up. Longer than any request may take. */
const ABANDON_AFTER_MS = 15_000;

export class Clients {
  readonly events: HistoryEvent[] = [];
  readonly #cluster: SimulatedCluster;
  readonly #workload: Workload;
  readonly #options: ClientOptions;
  readonly #random: SimulatedRandom;
  readonly #sessions = new Map<number, SessionClient>();
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

  /** These operations one after the other, by a process of its own that has patience, through the node with this name. */
  inTurn(host: string, operations: readonly PlannedOperation[], timeout: number): void {
    const [first, ...rest] = operations;
    if (first === undefined) return;
    this.#execute(this.#processes++, host, first, () => this.inTurn(host, rest, timeout), { timeout });
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

  #sessionOf(process: number): SessionClient {
    let session = this.#sessions.get(process);
    if (session === undefined) {
      session = new SessionClient(this.#cluster, this.#random.fork(process));
      this.#sessions.set(process, session);
    }
    return session;
  }

  /** A node that dies with the request answers nobody: then the outcome stays open, and the process ends. */
  #execute(
    process: number,
    hostName: string,
    operation: PlannedOperation,
    done: (alive: boolean) => void,
    options: CallOptions = {},
  ): void {
    const { node, clock } = this.#cluster.host(hostName);
    if (node === null || clock === null) return;
    const { f, key, value, aftermath } = operation;
    const note = (
      type: HistoryEvent["type"],
      result: HistoryValue,
      more: Pick<HistoryEvent, "error" | "version"> = {},
    ): void => {
      const time = this.#cluster.scheduler.now();
      this.events.push({ process, type, f, key, value: result, time, node: hostName, ...more });
      this.#cluster.scheduler.trace(`${type} ${process} ${f} ${String(key)} ${JSON.stringify(result)}`);
    };
    note("invoke", value);
    if (aftermath !== undefined) {
      const time = this.#cluster.scheduler.now();
      this.events.push({ process: this.#processes++, type: "invoke", ...aftermath, time });
    }
    this.#open++;
    let over = false;
    const finish = (alive: boolean): void => {
      over = true;
      this.#open--;
      done(alive);
    };
    const answered = (replies: Outcome): void => {
      if (over) return;
      const failure = replies?.find((reply) => reply instanceof Failure);
      if (failure === undefined) {
        const version = replies === null ? undefined : operation.version?.(replies);
        note("ok", operation.output(replies), version === undefined ? {} : { version });
        finish(true);
        return;
      }
      const definite = failure.code === null || ERRORS[failure.code].definite;
      note(definite ? "fail" : "info", value, { error: failure.code ?? failure.message });
      finish(definite);
    };
    if (operation.delivery === "exactly-once") this.#sessionOf(process).execute(operation, answered);
    else {
      // The request reaches the node's process, and the answer its client, like everything: not while it is stopped.
      clock.deliver(() => {
        carryOut(node, operation, options, (replies) => {
          if (!clock.killed) answered(replies);
        });
      });
    }
    this.#cluster.scheduler.after(ABANDON_AFTER_MS, () => {
      if (over) return;
      note("info", value, { error: "no-answer" });
      finish(false);
    });
  }
}
