/** Processes of one store, in a folder that is gone with them when they stop. */
import { spawn } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { sleep, ticks } from "./cluster.mjs";

const PATIENCE_MS = 5000;

/** Without a listener a signal ends the process at once, and what it has started stays. */
function endOnSignals() {
  for (const signal of ["SIGINT", "SIGTERM"]) {
    if (process.listenerCount(signal) === 0) process.once(signal, () => process.exit(1));
  }
}

export class Processes {
  #children = [];
  #directory = mkdtempSync(join(tmpdir(), "kvorum-peers-"));
  #onExit = () => this.#end("SIGKILL");

  /** `commands(directory)`: of each process the program and its arguments. */
  start(commands) {
    process.once("exit", this.#onExit);
    endOnSignals();
    for (const [i, [program, ...args]] of commands(this.#directory).entries()) {
      const output = openSync(this.#logOf(i), "w");
      this.#children.push(spawn(program, args, { stdio: ["ignore", output, output], cwd: this.#directory }));
      closeSync(output);
    }
  }

  #logOf(i) {
    return join(this.#directory, `output-${i}`);
  }

  /** What they said last, for whoever has to find out why they do not work. */
  output() {
    return this.#children.map((_child, i) => readFileSync(this.#logOf(i), "utf8").slice(-1000)).join("\n");
  }

  /** Microseconds of processor time of all of them since their start. */
  cpu() {
    return this.#children.reduce((sum, { pid }) => sum + ticks(`/proc/${pid}/stat`), 0);
  }

  async stop() {
    const gone = this.#children
      .filter((child) => child.exitCode === null && child.signalCode === null)
      .map((child) => new Promise((done) => child.once("exit", done)));
    for (const child of this.#children) child.kill("SIGTERM");
    await Promise.race([Promise.all(gone), sleep(PATIENCE_MS)]);
    this.#end("SIGKILL");
    process.removeListener("exit", this.#onExit);
  }

  #end(signal) {
    for (const child of this.#children) child.kill(signal);
    rmSync(this.#directory, { recursive: true, force: true });
  }
}
