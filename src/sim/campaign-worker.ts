/** A thread that runs simulations for `kvorum sim`, one message each. */
import { parentPort } from "node:worker_threads";
import { runSeed } from "./campaign.ts";
import type { SimulationOptions } from "./simulate.ts";

parentPort?.on("message", (options: SimulationOptions) => {
  parentPort?.postMessage(runSeed(options).report);
});
