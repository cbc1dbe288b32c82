/**
 * How much garbage V8 lets gather in the old generation before it marks and sweeps all of it.
 *
 * By itself it waits until the heap has grown by about three quarters, array buffers included: in a node whose live heap is 30 MiB, and
 * which keeps each write for some seconds in buffers (history, overlay, the log's memory), that is a collection a second at 20,000 writes
 * a second, each of which marks 30 MiB for 50 ms on all cores. So the room is made larger than what lives, by a fixed
 * number of bytes, which is all the memory that it costs.
 */
import { getHeapStatistics, setFlagsFromString } from "node:v8";

const ROOM_BYTES = 128 * 1024 * 1024;
/** Of what lives, in percent: a large heap keeps about V8's own room. */
const MIN_PERCENT = 75;
/** V8 itself grows a heap by no more than four times. */
const MAX_PERCENT = 400;
/** What lives changes slowly: keyspaces come, caches fill. */
const PERIOD_MS = 10_000;
const FLAG = "--heap-growing-percent";

export function growthPercent(liveBytes: number): number {
  const percent = Math.round((100 * ROOM_BYTES) / Math.max(1, liveBytes));
  return Math.min(MAX_PERCENT, Math.max(MIN_PERCENT, percent));
}

/**
 * Of this process; V8 reads the flag anew at the end of each collection. Whoever started Node with the flag has decided for himself, and nothing is
 * done. The timer does not keep the process alive.
 */
export function keepGarbageRoom(
  given: readonly string[] = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""],
): { stop(): void } {
  if (given.some((option) => option.replaceAll("_", "-").includes(FLAG))) return { stop: () => undefined };
  const adapt = (): void =>
    setFlagsFromString(`${FLAG}=${growthPercent(getHeapStatistics().used_heap_size)}`);
  adapt();
  const timer = setInterval(adapt, PERIOD_MS);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
