/**
 * Clients of a real cluster, all in this process, so that one clock and one order hold for all they see. Each does one
 * operation after the other over a connection of its own. What became unclear is `info`, and its process id ends there.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { HistoryEvent, HistoryValue } from "../sim/history/event.ts";
import { SimulatedRandom } from "../sim/simulated-random.ts";
import type { PlannedOperation, Workload } from "../sim/workloads/workload.ts";
import { carryOut, type Caller } from "./carry-out.ts";

export interface ClientConnection extends Caller {
  readonly open: boolean;
  close(): void;
}

/** A node as clients know it. */
export interface Door {
  readonly name: string;
  /** Rejects when the node does not answer. */
  connect(): Promise<ClientConnection>;
}

export interface ClientsOptions {
  readonly seed: number;
  readonly clients: number;
  readonly workload: Workload;
  readonly doors: readonly Door[];
  /** Milliseconds since the beginning of the history. */
  readonly now: () => number;
}

/** Then a client tries another node: one that was away gets its clients back. */
const OPERATIONS_PER_CONNECTION = 100;
const RETRY_MS = 50;

interface Connected {
  readonly door: Door;
  readonly connection: ClientConnection;
}

export class ChaosClients {
  /** In the order in which they were observed. */
  readonly events: HistoryEvent[] = [];
  readonly #options: ClientsOptions;
  readonly #random: SimulatedRandom;
  #unique = 0;
  #processes = 0;
  #running = false;
  #loops: Promise<void>[] = [];

  constructor(options: ClientsOptions) {
    this.#options = options;
    this.#random = new SimulatedRandom(options.seed).fork("clients");
  }

  start(): void {
    this.#running = true;
    this.#loops = Array.from({ length: this.#options.clients }, (_, i) => this.#client(this.#random.fork(i)));
  }

  /** No new operations; resolves when the last one has its outcome. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
  }

  /**
   * These one after the other through this node, by a process of its own. False: it did not even let us connect, tried
   * again for `patience` milliseconds.
   */
  async inTurn(door: Door, operations: readonly PlannedOperation[], patience = 0): Promise<boolean> {
    const deadline = performance.now() + patience;
    let connection = await door.connect().catch(() => null);
    while (connection === null && performance.now() < deadline) {
      await sleep(RETRY_MS);
      connection = await door.connect().catch(() => null);
    }
    if (connection === null) return false;
    let process = this.#processes++;
    for (const operation of operations) {
      if (!(await this.#execute(process, { door, connection }, operation))) process = this.#processes++;
    }
    connection.close();
    return true;
  }

  async #client(dice: SimulatedRandom): Promise<void> {
    const { workload } = this.#options;
    let process = this.#processes++;
    let at: Connected | null = null;
    let left = 0;
    while (this.#running) {
      await sleep(dice.next() * 2 * workload.pause);
      if (at === null || left-- === 0 || !at.connection.open) {
        at?.connection.close();
        at = await this.#connect(dice, at?.door ?? null);
        left = OPERATIONS_PER_CONNECTION;
      }
      if (at === null) await sleep(RETRY_MS);
      else if (this.#running && !(await this.#execute(process, at, workload.plan(dice, ++this.#unique)))) {
        process = this.#processes++;
        at.connection.close();
      }
    }
    at?.connection.close();
  }

  /** To another node than the last one, if there is another. */
  async #connect(dice: SimulatedRandom, last: Door | null): Promise<Connected | null> {
    const { doors } = this.#options;
    const others = doors.length > 1 ? doors.filter((door) => door !== last) : doors;
    const door = dice.pick(others);
    const connection = await door.connect().catch(() => null);
    return connection === null ? null : { door, connection };
  }

  /** False: nobody knows what became of it. */
  async #execute(process: number, at: Connected, operation: PlannedOperation): Promise<boolean> {
    const { f, key, value, aftermath } = operation;
    const note = (
      type: HistoryEvent["type"],
      result: HistoryValue,
      more: Pick<HistoryEvent, "error" | "version"> = {},
    ): void => {
      const time = this.#options.now();
      this.events.push({ process, type, f, key, value: result, time, node: at.door.name, ...more });
    };
    note("invoke", value);
    if (aftermath !== undefined) {
      const time = this.#options.now();
      this.events.push({ process: this.#processes++, type: "invoke", ...aftermath, time });
    }
    const carried = await carryOut(at.connection, operation);
    if (carried.type === "ok") {
      const version = carried.replies === null ? undefined : operation.version?.(carried.replies);
      note("ok", operation.output(carried.replies), version === undefined ? {} : { version });
    } else note(carried.type, value, { error: carried.error });
    return carried.type !== "info";
  }
}
