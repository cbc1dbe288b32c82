/** What replicas say to each other under quorums, besides what all merging protocols say. All of it is idempotent. */
import type { NodeId } from "../../core/ids.ts";
import type { Hash64 } from "../../core/hash64.ts";

/** Drawn by the coordinator and never used again, so that a late answer is not taken for one to another request. */
export type CallId = number;

export type QuorumMessage =
  /** Take this write. Answered once it is durable and part of the state. */
  | { readonly type: "store"; readonly id: CallId; readonly delta: Uint8Array }
  /** Keep this write for a holder that does not answer. Answered like `store`. */
  | { readonly type: "hint"; readonly id: CallId; readonly for: NodeId; readonly delta: Uint8Array }
  | { readonly type: "stored"; readonly id: CallId }
  /** It was not taken: too much is held here already, or too much before it is missing. */
  | { readonly type: "refused"; readonly id: CallId }
  /** What have you of this? Only if it differs from the digest. */
  | { readonly type: "examine"; readonly id: CallId; readonly reading: Uint8Array; readonly digest: Hash64 }
  /** Null: the same as the digest. */
  | { readonly type: "examined"; readonly id: CallId; readonly delta: Uint8Array | null }
  /** Read repair: a read has found this to be missing. Not answered. */
  | { readonly type: "repair"; readonly delta: Uint8Array };

/** Looks after requests under way. */
export type QuorumTimer = "requests";
