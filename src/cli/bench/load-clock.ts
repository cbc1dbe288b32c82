/**
 * The clock of the load generator. Node's timers know whole milliseconds, which is longer than many a request takes; so alarms come from a thread
 * that sleeps exactly so long (to about a tenth of a millisecond) and costs next to nothing.
 */
import { Worker } from "node:worker_threads";
import type { LoadClock } from "../../bench/generator.ts";
import type { Millis } from "../../core/machine.ts";
import type { TimerHandle } from "../../core/world.ts";
import { NodeClock } from "../../world/node-clock.ts";

/**
 * `memory`: 4 bytes with the number of the latest alarm, 8 bytes with the time at which it is to ring, in milliseconds of `hrtime`, which is the
 * same in all threads. As text, since a thread's file would have to be JavaScript also where the rest runs as TypeScript.
 */
const METRONOME = `
const { parentPort, workerData: memory } = require("node:worker_threads");
const alarm = new Int32Array(memory, 0, 1);
const due = new Float64Array(memory, 8, 1);
const now = () => Number(process.hrtime.bigint()) / 1e6;
for (let rung = 0; ; ) {
  const latest = Atomics.load(alarm, 0);
  const left = latest === rung ? Infinity : due[0] - now();
  if (left > 0) Atomics.wait(alarm, 0, latest, left);
  else parentPort.postMessage((rung = latest));
}`;

const hrtime = (): Millis => Number(process.hrtime.bigint()) / 1e6;

export class MetronomeClock implements LoadClock {
  readonly #clock = new NodeClock();
  readonly #memory = new SharedArrayBuffer(16);
  readonly #number = new Int32Array(this.#memory, 0, 1);
  readonly #due = new Float64Array(this.#memory, 8, 1);
  /** Only a run with a rate needs it. */
  #worker: Worker | null = null;
  #ring: (() => void) | null = null;

  now(): Millis {
    return this.#clock.now();
  }

  setTimer(delay: Millis, fire: () => void): TimerHandle {
    return this.#clock.setTimer(delay, fire);
  }

  alarm(at: Millis, ring: () => void): void {
    this.#worker ??= this.#start();
    this.#ring = ring;
    this.#due[0] = hrtime() + (at - this.now());
    Atomics.add(this.#number, 0, 1);
    Atomics.notify(this.#number, 0);
  }

  close(): void {
    this.#ring = null;
    void this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(METRONOME, { eval: true, workerData: this.#memory, execArgv: [] });
    worker.on("message", (rung: number) => {
      if (rung !== this.#number[0]) return;
      const ring = this.#ring;
      this.#ring = null;
      ring?.();
    });
    return worker;
  }
}
