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
import type { SimulatedRandom } from "./simulated-random.ts";
import { TypedClient } from "./typed/typed-client.ts";
import type { PlannedOperation, Workload } from "./workloads/workload.ts";

export interface ClientOptions {
  readonly clients: number;
  /** Milliseconds between two operations of a client, uniform in [0, 2 × pause]. */
  readonly pause: number;
}

/** The node died or hangs: its client gives up. Longer than any request may take. */
const ABANDON_AFTER_MS = 15_000;
const USERS_OF_A_TYPED_CLIENT = 3;

export class Clients {
  readonly events: HistoryEvent[] = [];
  readonly #cluster: SimulatedCluster;
  readonly #workload: Workload;
  readonly #options: ClientOptions;
  readonly #random: SimulatedRandom;
  readonly #typed = new Map<number, TypedClient>();
  #healed = false;
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
    for (let place = 0; place < this.#options.clients; place++) this.#think(place, this.#processes++);
  }

  /** What lies between typed clients and nodes works from now on. */
  heal(): void {
    this.#healed = true;
    for (const client of this.#typed.values()) client.heal();
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
    this.#execute(this.#processes++, null, host, first, () => this.inTurn(host, rest, timeout), { timeout });
  }

  /** As `inTurn`, by every typed client there is, in its own session. */
  inSessions(operations: readonly PlannedOperation[]): void {
    for (const client of this.#typed.values()) this.#inSession(client, operations);
  }

  #inSession(client: TypedClient, [first, ...rest]: readonly PlannedOperation[]): void {
    if (first === undefined) return;
    const host = this.#cluster.hosts[0]!.name;
    this.#execute(this.#processes++, client, host, first, () => this.#inSession(client, rest));
  }

  /** `place`: which of the clients it is, whatever its process is called by now. */
  #think(place: number, process: number): void {
    if (!this.#running) return;
    const pause = this.#random.next() * 2 * this.#options.pause;
    this.#cluster.scheduler.after(pause, () => this.#next(place, process));
  }

  #next(place: number, process: number): void {
    if (!this.#running) return;
    const { hosts } = this.#cluster;
    const host = hosts[Math.floor(this.#random.next() * hosts.length)]!;
    const operation = this.#workload.plan(this.#random, ++this.#unique);
    const client = operation.repetition === undefined ? null : this.#typedClientOf(place);
    if (host.node === null && client === null) this.#think(place, process);
    else
      this.#execute(process, client, host.name, operation, (alive) =>
        this.#think(place, alive ? process : this.#processes++),
      );
  }

  /** Each serves several users at a time. */
  #typedClientOf(place: number): TypedClient {
    const number = Math.floor(place / USERS_OF_A_TYPED_CLIENT);
    let client = this.#typed.get(number);
    if (client === undefined) {
      client = new TypedClient(this.#cluster, this.#random.fork(`typed ${number}`), `client ${number}`);
      if (this.#healed) client.heal();
      this.#typed.set(number, client);
    }
    return client;
  }

  /** A node that dies with the request answers nobody: then the outcome stays open, and the process ends. */
  #execute(
    process: number,
    client: TypedClient | null,
    hostName: string,
    operation: PlannedOperation,
    done: (alive: boolean) => void,
    options: CallOptions = {},
  ): void {
    const { node, clock } = this.#cluster.host(hostName);
    if (client === null && (node === null || clock === null)) return;
    const { f, key, value, aftermath } = operation;
    const origin = client === null ? { node: hostName } : { session: client.session };
    const note = (
      type: HistoryEvent["type"],
      result: HistoryValue,
      more: Pick<HistoryEvent, "error" | "version"> = {},
    ): void => {
      const time = this.#cluster.scheduler.now();
      this.events.push({ process, type, f, key, value: result, time, ...origin, ...more });
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
    if (client !== null) client.execute(operation, answered);
    else if (node !== null && clock !== null) {
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
