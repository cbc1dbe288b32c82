/** Drives load from a thread of its own, so that what the benchmark does besides does not delay it. */
import { Worker } from "node:worker_threads";

const WORKER = new URL("./load-worker.mjs", import.meta.url);

/**
 * Runs one load to its end.
 *
 *   ports        where to connect; connections go to them in turn
 *   connections  each with `pipeline` requests under way
 *   seconds or count   how long, or how many keys
 *   rate         requests a second in all, timed from when each was due (open loop); absent: as fast as answers come
 *   reads        share of reads
 *   valueBytes
 *   keys         { from, count, order: "random" | "sequential", prefix }
 *
 * Gives { ops, errors, firstError, seconds, perSecond, p50, p90, p99, p999, max } with latencies in microseconds.
 */
export function load(options) {
  const { done } = startLoad(options);
  return done;
}

/** The same while something else happens; `stop` ends it early. */
export function startLoad(options) {
  const worker = new Worker(WORKER, { workerData: options });
  const done = new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  return { done, stop: () => worker.postMessage("stop") };
}
