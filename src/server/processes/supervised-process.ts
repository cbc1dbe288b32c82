/**
 * One of the processes of a machine, as its supervisor sees it. It is brought back when it ends without having been told to.
 *
 *   stopped ──start──▶ starting ──doors open──▶ open ──node ready──▶ ready
 *      ▲                  │                       │                    │
 *      └──stop, then it ends                      └────── dies ────────┘──▶ waiting to be started again
 */
import { spawn, type ChildProcess } from "node:child_process";
import type { Socket } from "node:net";
import type { Logger } from "../../core/world.ts";
import type { Millis } from "../../core/machine.ts";
import type { ServerOptions } from "../options.ts";
import type { RunningServer } from "../start-server.ts";
import type { FromProcess, ToProcess } from "./channel.ts";
import { RestartDelay } from "./restart-delay.ts";
import type { Taker } from "./shared-port.ts";

export interface ProcessSettings {
  readonly options: ServerOptions;
  /** The program and its arguments; the options come over the channel. */
  readonly command: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly log: Logger;
  /** Also each time it has come back. */
  readonly ready: (addresses: RunningServer["addresses"], afterMs: Millis) => void;
  /** It ended by itself before it was ever ready, and said why on standard error: starting it again would not help. */
  readonly failed: () => void;
}

interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

type State = "stopped" | "starting" | "open" | "ready" | "resting";

export class SupervisedProcess implements Taker {
  readonly name: string;
  readonly #settings: ProcessSettings;
  readonly #delay = new RestartDelay();
  #child: ChildProcess | null = null;
  #exited: Promise<Exit> = Promise.resolve({ code: 0, signal: null });
  #state: State = "stopped";
  #waitingFor = "";
  #stopping = false;
  #wasReady = false;
  #startedAt = 0;
  #readySince: number | null = null;
  #restart: NodeJS.Timeout | null = null;

  constructor(settings: ProcessSettings) {
    this.#settings = settings;
    this.name = settings.options.name;
  }

  get takesClients(): boolean {
    return (this.#state === "open" || this.#state === "ready") && this.#child?.connected === true;
  }

  get isReady(): boolean {
    return this.#state === "ready";
  }

  /** Why it is not ready, as far as it has said. */
  get waitingFor(): string {
    return this.#waitingFor;
  }

  start(): void {
    const { command, env, options, log } = this.#settings;
    const [program, ...args] = command;
    const child = spawn(program, [...args, this.name], {
      // A group of its own: Ctrl-C is for the supervisor, which then stops its processes in order. The channel tells the process
      // when the supervisor is gone.
      detached: true,
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      env: { ...env },
    });
    this.#child = child;
    this.#state = "starting";
    this.#startedAt = performance.now();
    this.#waitingFor = "its process to start";
    this.#exited = new Promise((resolve) => {
      const gone = (exit: Exit): void => {
        resolve(exit);
        if (this.#child === child) this.#ended(exit);
      };
      child.once("exit", (code, signal) => gone({ code, signal }));
      child.on("error", (error) => {
        log.warn(
          { process: this.name, error: error.message },
          "a process cannot be started or told something",
        );
        // Without a process there will be no exit either.
        if (child.pid === undefined) gone({ code: null, signal: null });
      });
    });
    child.on("message", (message) => this.#heard(child, message as FromProcess));
    this.#send(child, { type: "start", options });
  }

  take(socket: Socket): void {
    const child = this.#child;
    if (child === null) socket.destroy();
    else this.#send(child, { type: "client" }, socket);
  }

  /** Asks it to end, and ends it after `patience` milliseconds. True: it ended in order. */
  async stop(patience: Millis): Promise<boolean> {
    this.#stopping = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const child = this.#child;
    if (child === null) return true;
    // A process that has not come as far as to listen to signals just ends, and has nothing to put in order.
    const young = this.#state === "starting";
    child.kill("SIGTERM");
    const impatient = setTimeout(() => {
      this.#settings.log.error(
        { process: this.name, patience },
        "a process did not end in time, and is killed",
      );
      child.kill("SIGKILL");
    }, patience);
    const exit = await this.#exited;
    clearTimeout(impatient);
    return exit.code === 0 || (young && exit.signal === "SIGTERM");
  }

  #heard(child: ChildProcess, message: FromProcess): void {
    if (this.#child !== child) return;
    if (message.type === "waiting") this.#waitingFor = message.reason;
    if (message.type === "open") this.#state = "open";
    if (message.type === "ready") {
      this.#state = "ready";
      this.#wasReady = true;
      this.#readySince = performance.now();
      this.#settings.ready(message.addresses, this.#readySince - this.#startedAt);
    }
  }

  #send(child: ChildProcess, message: ToProcess, socket?: Socket): void {
    child.send(message, socket, {}, (error) => {
      if (error === null) return;
      // It is ending; its exit says the rest.
      this.#settings.log.debug({ process: this.name, error: error.message }, "a process was not reached");
      socket?.destroy();
    });
  }

  #ended(exit: Exit): void {
    const { log, failed } = this.#settings;
    this.#child = null;
    this.#state = "stopped";
    if (this.#stopping) return;
    if (!this.#wasReady && exit.signal === null && exit.code !== 0) {
      log.error({ process: this.name, ...exit }, "a process could not begin to serve");
      failed();
      return;
    }
    const servedFor = this.#readySince === null ? 0 : performance.now() - this.#readySince;
    this.#readySince = null;
    const delay = this.#delay.after(servedFor);
    log.error({ process: this.name, ...exit, delay }, "a process died; it is started again");
    this.#state = "resting";
    this.#restart = setTimeout(() => this.start(), delay);
  }
}
