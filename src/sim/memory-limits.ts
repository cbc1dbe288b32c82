/** What the gauges of a simulated node must never exceed, from the limits that it was started with. */
import { DEFAULT_NODE_LIMITS } from "../node/options.ts";
import type { ClusterOptions } from "./simulated-cluster.ts";
import { SMALL_LIMITS } from "./simulated-host.ts";

/** A limit stops what comes next; what was let in before it may be over by this much: some batches of large values. */
const SLACK_BYTES = 8 * 1024 * 1024;

export function memoryLimits(options: ClusterOptions): Readonly<Record<string, number>> {
  const limits = { ...DEFAULT_NODE_LIMITS, ...SMALL_LIMITS, ...options.limits };
  return {
    requests_in_flight: limits.maxInFlight,
    requests_waiting_for_leader: limits.maxInFlight,
    overlay_bytes: limits.maxOverlayBytes + SLACK_BYTES,
    log_unsynced_bytes: limits.maxUnsyncedBytes + SLACK_BYTES,
    log_bytes: 2 * limits.logRetainBytes + 4 * limits.logSegmentBytes + SLACK_BYTES,
  };
}
