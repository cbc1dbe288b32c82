/** Runs the processes of one machine, and the port that they share. Stores nothing and serves nothing itself. */
import type { Millis } from "../../core/machine.ts";
import type { Address, Logger } from "../../core/world.ts";
import type { RunningServer } from "../start-server.ts";
import type { MachinePlan } from "./plan.ts";
import { SharedPort } from "./shared-port.ts";
import { SupervisedProcess } from "./supervised-process.ts";

export interface SupervisorSettings {
  readonly plan: MachinePlan;
  /** Starts a process that waits for its options on the channel; its name is added. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** Also each time it has come back. */
  readonly onReady: (name: string, addresses: RunningServer["addresses"], afterMs: Millis) => void;
  /** A process cannot begin to serve, and has said why on standard error. */
  readonly onFailed: (name: string) => void;
}

/** How long processes may take to answer what is under way and to hand over what they lead. */
const CLOSE_PATIENCE_MS = 10_000;

export class Supervisor {
  /** Where the shared port is. */
  readonly address: Address;
  readonly #processes: readonly SupervisedProcess[];
  readonly #port: SharedPort;

  private constructor(processes: readonly SupervisedProcess[], port: SharedPort, address: Address) {
    this.#processes = processes;
    this.#port = port;
    this.address = address;
  }

  /** Takes the shared port and starts the processes. Rejects with a sentence when the port cannot be had; nothing runs then. */
  static async start(settings: SupervisorSettings): Promise<Supervisor> {
    const { plan, command, env, log, onReady, onFailed } = settings;
    const processes = plan.processes.map((options): SupervisedProcess => {
      const { name } = options;
      return new SupervisedProcess({
        options,
        command,
        env,
        log,
        ready: (addresses, afterMs) => onReady(name, addresses, afterMs),
        failed: () => onFailed(name),
      });
    });
    const port = new SharedPort(processes, log);
    const address = await port.listen(plan.shared);
    for (const process of processes) process.start();
    return new Supervisor(processes, port, address);
  }

  /** By name, why each process does not serve yet; empty when all do. */
  get waiting(): ReadonlyMap<string, string> {
    return new Map(
      this.#processes.filter(({ isReady }) => !isReady).map(({ name, waitingFor }) => [name, waitingFor]),
    );
  }

  /** Ends all processes, and those that do not end in time anyhow. True: all of them ended in order. */
  async close(): Promise<boolean> {
    this.#port.close();
    const orderly = await Promise.all(this.#processes.map((process) => process.stop(CLOSE_PATIENCE_MS)));
    return !orderly.includes(false);
  }
}
