/** What the gauges of a simulated node must never exceed, from the limits that it was started with. */
import { DEFAULT_NODE_LIMITS } from "../node/options.ts";
import type { ClusterOptions } from "./simulated-cluster.ts";
import { SMALL_LIMITS } from "./simulated-host.ts";

/** A limit stops what comes next; what was let in before it may be over by some requests. */
const SLACK_VALUES = 160;
const SLACK_BYTES = 1024 * 1024;

/** `valueBytes`: the size of the largest values that clients write. */
export function memoryLimits(options: ClusterOptions, valueBytes: number): Readonly<Record<string, number>> {
  const limits = { ...DEFAULT_NODE_LIMITS, ...SMALL_LIMITS, ...options.limits };
  const slack = SLACK_BYTES + SLACK_VALUES * valueBytes;
  return {
    requests_in_flight: limits.maxInFlight,
    overlay_bytes: limits.maxOverlayBytes + slack,
    log_unsynced_bytes: limits.maxUnsyncedBytes + slack,
    log_bytes: 2 * limits.logRetainBytes + 4 * limits.logSegmentBytes + slack,
  };
}
