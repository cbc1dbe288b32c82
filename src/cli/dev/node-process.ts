/** One node of a development cluster as a process of its own. */
import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { rotateLog } from "./directory.ts";
import { serveArguments, type DevNode, type Entry } from "./layout.ts";

export type ProcessState = "running" | "paused" | "stopped" | "died";

export interface ExitInfo {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It went because `kvorum dev` told it to. */
  readonly expected: boolean;
}

export interface NodeProcessSettings {
  readonly node: DevNode;
  readonly self: readonly [program: string, ...args: string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logLevel: string;
  readonly onExit: (exit: ExitInfo) => void;
}

/** Variables that would contradict what a node of `kvorum dev` is told by flags. */
const INHERITED = /^KVORUM_(LIMITS|RAFT|STORAGE)_/;

export class NodeProcess {
  readonly node: DevNode;
  readonly #settings: NodeProcessSettings;
  #child: ChildProcess | null = null;
  #state: ProcessState = "stopped";
  #since = performance.now();
  #expected = false;
  #exited: Promise<void> = Promise.resolve();
  #lastExit: ExitInfo | null = null;

  constructor(settings: NodeProcessSettings) {
    this.#settings = settings;
    this.node = settings.node;
  }

  get state(): ProcessState {
    return this.#state;
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Is there a process, paused or not? */
  get alive(): boolean {
    return this.#state === "running" || this.#state === "paused";
  }

  get lastExit(): ExitInfo | null {
    return this.#lastExit;
  }

  /** How long it has been in its state, in milliseconds. */
  get age(): number {
    return performance.now() - this.#since;
  }

  start(entry: Entry): void {
    if (this.alive) return;
    const { node, self, logLevel } = this.#settings;
    rotateLog(node.logFile);
    const log = openSync(node.logFile, "a");
    try {
      const [program, ...first] = self;
      const child = spawn(program, [...first, ...serveArguments(node, entry, logLevel)], {
        // The log is what the node writes to standard error; standard output is for people in front of it.
        // A group of its own: Ctrl-C is for `kvorum dev`, which then stops its nodes in order. The channel tells the
        // node when `kvorum dev` is gone.
        detached: true,
        stdio: ["ignore", "ignore", log, "ipc"],
        env: this.#environment(),
      });
      this.#follow(child);
    } finally {
      closeSync(log);
    }
  }

  /** Asks it to end gracefully, and makes it end if it has not within `patience` milliseconds. False: it had to be killed. */
  async stop(patience: number): Promise<boolean> {
    if (!this.alive) return true;
    this.#expected = true;
    const graceful = { value: true };
    this.#signal("SIGTERM");
    // A stopped process sees no signal until it continues.
    if (this.#state === "paused") this.#signal("SIGCONT");
    const timer = setTimeout(() => {
      graceful.value = false;
      this.#signal("SIGKILL");
    }, patience);
    await this.#exited;
    clearTimeout(timer);
    return graceful.value;
  }

  /** SIGKILL: no goodbye, as in a power cut. */
  async kill(): Promise<void> {
    if (!this.alive) return;
    this.#expected = true;
    this.#signal("SIGKILL");
    await this.#exited;
  }

  pause(): void {
    this.#signal("SIGSTOP");
    this.#become("paused");
  }

  resume(): void {
    this.#signal("SIGCONT");
    this.#become("running");
  }

  #signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  #become(state: ProcessState): void {
    this.#state = state;
    this.#since = performance.now();
  }

  #follow(child: ChildProcess): void {
    this.#child = child;
    this.#expected = false;
    this.#lastExit = null;
    this.#become("running");
    this.#exited = new Promise((resolve) => {
      const gone = (code: number | null, signal: NodeJS.Signals | null) => {
        if (this.#child !== child) return;
        this.#child = null;
        this.#become(this.#expected && signal !== "SIGKILL" ? "stopped" : "died");
        this.#lastExit = { code, signal, expected: this.#expected };
        resolve();
        this.#settings.onExit(this.#lastExit);
      };
      child.once("exit", gone);
      // It could not even be started.
      child.once("error", () => gone(null, null));
    });
  }

  #environment(): NodeJS.ProcessEnv {
    const own = Object.entries(this.#settings.env).filter(
      ([name]) => !name.startsWith("KVORUM_") || INHERITED.test(name),
    );
    return Object.fromEntries(own);
  }
}
