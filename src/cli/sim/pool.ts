/** Simulations side by side: one thread each, as one of them keeps a core busy. */
import { Worker } from "node:worker_threads";
import type { Report } from "../../sim/campaign.ts";
import type { SimulationOptions } from "../../sim/simulate.ts";

interface Work {
  /** The `index`-th simulation, from 0; null when there are no more. */
  next(index: number): SimulationOptions | null;
  /** False: this one failed, no further one is begun. */
  done(report: Report): boolean;
}

export const SimulationPool = {
  /** Resolves when every thread has ended: with the first failure, or null. */
  async run(threads: number, work: Work): Promise<Report | null> {
    let index = 0;
    let failed: Report | null = null;
    const runThread = (): Promise<void> =>
      new Promise((resolve, reject) => {
        const first = work.next(index);
        if (first === null) {
          resolve();
          return;
        }
        const worker = new Worker(new URL("../../sim/campaign-worker.js", import.meta.url));
        const give = (options: SimulationOptions): void => {
          index++;
          worker.postMessage(options);
        };
        worker.on("message", (report: Report) => {
          if (!work.done(report)) failed ??= report;
          const next = failed === null ? work.next(index) : null;
          if (next === null) void worker.terminate().then(() => resolve());
          else give(next);
        });
        worker.on("error", reject);
        give(first);
      });
    await Promise.all(Array.from({ length: threads }, runThread));
    return failed;
  },
};
