import { invariant } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";

export type Reliability = "best-effort" | "reliable";
export type Order = "none" | "fifo" | "causal" | "total";

/** All members of a group have the same `reliability` and `order`; the limits may differ. */
export interface BroadcastOptions {
  readonly id: NodeId;
  readonly reliability: Reliability;
  readonly order: Order;
  /**
   * Reliable: so many messages of one publisher may be under way, that is, not known to be delivered by all. Further ones are refused as
   * `overloaded`. Bounds what every member keeps: this many messages of each member, and of each that has left and is not settled.
   */
  readonly maxUnstable: number;
  /** Best effort: so many messages wait for earlier ones; when one more comes, the one that waited longest waits no longer. */
  readonly maxHeldBack: number;
  /** Best effort: so many numbers behind a gap are remembered of each publisher, to know repetitions. */
  readonly maxRemembered: number;
  /** Larger payloads are refused as `too-large`. Bytes. */
  readonly maxPayloadBytes: number;
  /** A repair carries at most so many bytes of payload, but one message at least. */
  readonly maxRepairBytes: number;
  /** Best effort: how long a message waits for what should come before it. */
  readonly patience: Millis;
  /** A round lasts a random time between the two. There are rounds only while something is open. */
  readonly roundMin: Millis;
  readonly roundMax: Millis;
}

export const DEFAULT_BROADCAST_OPTIONS: Omit<BroadcastOptions, "id" | "reliability" | "order"> = {
  maxUnstable: 1024,
  maxHeldBack: 1024,
  maxRemembered: 1024,
  maxPayloadBytes: 1 << 20,
  maxRepairBytes: 256 << 10,
  patience: 500,
  roundMin: 90,
  roundMax: 110,
};

/** Throws `InvariantError`: options are checked where users give them; here a bad one is a defect. */
export function checkBroadcastOptions(options: BroadcastOptions): void {
  const { maxUnstable, maxHeldBack, maxRemembered, maxPayloadBytes, maxRepairBytes } = options;
  invariant(
    [maxUnstable, maxHeldBack, maxRemembered, maxPayloadBytes, maxRepairBytes].every(
      (limit) => Number.isSafeInteger(limit) && limit >= 1,
    ),
    `broadcast with ${JSON.stringify(options)}`,
  );
  const { patience, roundMin, roundMax } = options;
  invariant(
    patience >= 0 && roundMin > 0 && roundMin <= roundMax,
    `rounds of ${roundMin} to ${roundMax} ms, patience of ${patience} ms`,
  );
}
