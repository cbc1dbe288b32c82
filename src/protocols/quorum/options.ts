import { invariant } from "../../core/assert.ts";
import type { NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";
import { checkMergingOptions, DEFAULT_ANTI_ENTROPY, DEFAULT_HANDOVER } from "../merging/options.ts";
import type { AntiEntropyOptions, HandoverOptions } from "../merging/options.ts";

/** Times are milliseconds, sizes bytes. */
export interface QuorumOptions extends AntiEntropyOptions, HandoverOptions {
  readonly id: NodeId;
  /** Of this process's chance: 32 bits that the host has drawn. */
  readonly seed: number;
  /** A fallback may take a write for a holder, and counts for W. Then R + W > N no longer says that a read sees it. */
  readonly sloppy: boolean;
  /** A holder that has not answered for so long is sent the write again, and a fallback gets a hint. */
  readonly hintAfter: Millis;
  /** What W replicas have not taken by then is answered with `timeout`; it may still come to be. */
  readonly writeTimeout: Millis;
  readonly readTimeout: Millis;
  /** What a replica that is no holder keeps for others; beyond it hints are refused. */
  readonly maxHintBytes: number;
  /** Entries that wait to be applied, and writes that wait for holders; beyond either proposals are refused as `overloaded`. */
  readonly maxPendingBytes: number;
  /** Reads under way; beyond it they are refused as `overloaded`. */
  readonly maxPendingReads: number;
}

export const DEFAULT_QUORUM_OPTIONS: Omit<QuorumOptions, "id" | "seed"> = {
  ...DEFAULT_ANTI_ENTROPY,
  ...DEFAULT_HANDOVER,
  sloppy: true,
  hintAfter: 200,
  writeTimeout: 2000,
  readTimeout: 2000,
  maxHintBytes: 64 << 20,
  maxPendingBytes: 64 << 20,
  maxPendingReads: 16_384,
};

/** Throws `InvariantError`: options are checked where users give them; here a bad one is a defect. */
export function checkQuorumOptions(options: QuorumOptions): void {
  checkMergingOptions(options);
  const { hintAfter, writeTimeout, readTimeout } = options;
  invariant(
    [hintAfter, writeTimeout, readTimeout].every((time) => time > 0),
    `quorums with ${JSON.stringify(options)}`,
  );
  invariant(options.maxPendingReads >= 1, "no read may be under way");
}
