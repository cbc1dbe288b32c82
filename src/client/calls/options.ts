/** What a caller can say about one call. What would contradict itself does not compile. */
import type { Millis } from "../../core/machine.ts";
import type { Consistency } from "../../node/api.ts";
import type { Delivery } from "../machine/outcome.ts";

interface Bounds {
  /** Milliseconds until the call is over, whatever is known by then; at most ten minutes. */
  readonly timeout?: Millis;
  /** Aborted before the call was sent: a definite `aborted`. Later: a read is `aborted`, a write `unknown`. */
  readonly signal?: AbortSignal;
}

/**
 * `linearizable` (default): what was acknowledged before the read began, by anyone. `sequential`: any replica's state that
 * contains everything this client has written and read. `stale`: any replica's state, with `maxStaleness` one that contains
 * what was acknowledged so many milliseconds before the read.
 */
type Freshness =
  | { readonly consistency?: Exclude<Consistency, "stale">; readonly maxStaleness?: never }
  | { readonly consistency: "stale"; readonly maxStaleness?: Millis };

interface Hedging {
  /** Milliseconds after which the read is also sent to a second node; the first answer counts. */
  readonly hedgeAfter?: Millis;
}

export type ReadOptions = Bounds & Freshness & Hedging;

interface Delivered<D extends Delivery> {
  /** Default: the client's, which is exactly-once unless it was opened with another one. */
  readonly delivery?: D;
  readonly idempotencyKey?: never;
  readonly idempotencyLifetime?: never;
}

interface Keyed {
  /**
   * In place of the client's own session: the write is done once for this key, also when another process repeats it with the
   * same key and the same arguments. 1 to 256 bytes of UTF-8.
   */
  readonly idempotencyKey: string;
  /** Milliseconds for which the key is remembered, at most a week. Default: a day. */
  readonly idempotencyLifetime?: Millis;
  readonly delivery?: "exactly-once";
}

export type WriteOptions = Bounds & (Delivered<Delivery> | Keyed);

/**
 * For writes that depend on a version. Not `at-least-once`: a repetition would meet the version that the first attempt left,
 * and report as refused what was done.
 */
export type ConditionalWriteOptions = Bounds & (Delivered<"exactly-once" | "at-most-once"> | Keyed);

/** How many replicas one call reaches. */
export interface OfQuorum {
  /**
   * Of quorum keyspaces: how many replicas a read asks (R), or how many have a write on disk before it is acknowledged (W), from 1 to the keyspace's
   * replicas. Default: what the keyspace says. On a gossip keyspace it is a `contradiction`.
   */
  readonly quorum?: number;
}

/** Of keyspaces that merge: their replicas share no order, so no read can ask for the newest state, or for one that it has seen. */
export type MergingReadOptions = Bounds &
  OfQuorum &
  Hedging & { readonly consistency?: never; readonly maxStaleness?: never };

/**
 * Of keyspaces that merge: no replica knows what another one has done, so nothing is exactly-once. By default an increment is
 * at-most-once, and everything else, which can be repeated without harm, at-least-once.
 */
export type MergingWriteOptions = Bounds & OfQuorum & Delivered<"at-most-once" | "at-least-once">;

interface Defaults {
  /** Default 5000 ms. */
  readonly timeout?: Millis;
  /** Of writes; default exactly-once. Conditional writes are never at-least-once: they are exactly-once then. */
  readonly delivery?: Delivery;
  /** Of reads; default: never. */
  readonly hedgeAfter?: Millis;
}

/** What holds for calls that do not say otherwise. */
export type CallDefaults = Defaults & Freshness;
