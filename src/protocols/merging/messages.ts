/**
 * What replicas of a merging group say to each other under any protocol. Everything is idempotent: it may come late, twice or never.
 * `session` is drawn by who begins, and never drawn again; `source` and `to` are lives of replicas, so that an answer of a replica that was
 * lost and began anew is not taken for one of the old.
 */
import type { Hash64 } from "../../core/hash64.ts";
import type { ReplicaId } from "../../core/ids.ts";
import type { MerkleFamily } from "../../core/merkle-comparison.ts";
import type { MerkleShape } from "../../core/merkle-tree.ts";

export type AntiEntropyMessage =
  | {
      readonly type: "compare";
      readonly session: number;
      readonly shape: MerkleShape;
      readonly root: Hash64;
    }
  /** The answerer's root was this one too, and it knew `context`. `ready`: the answerer is. */
  | {
      readonly type: "same";
      readonly session: number;
      readonly source: ReplicaId;
      readonly ready: boolean;
      readonly root: Hash64;
      readonly context: Uint8Array;
    }
  /** `context`: what the answerer knew, in the answer to `compare`; null in one to `ask`. */
  | {
      readonly type: "families";
      readonly session: number;
      readonly source: ReplicaId;
      readonly ready: boolean;
      readonly context: Uint8Array | null;
      readonly families: readonly MerkleFamily[];
    }
  /** Ascending. */
  | { readonly type: "ask"; readonly session: number; readonly parents: readonly number[] }
  | { readonly type: "fetch"; readonly session: number; readonly leaves: readonly number[] }
  /** `leaves`: those that `delta` has, the first ones of those asked for. */
  | {
      readonly type: "leaves";
      readonly session: number;
      readonly source: ReplicaId;
      readonly leaves: readonly number[];
      readonly delta: Uint8Array;
    }
  | { readonly type: "push"; readonly session: number; readonly delta: Uint8Array }
  /** The push is durable and part of the state, or was refused. */
  | {
      readonly type: "pushed";
      readonly session: number;
      readonly source: ReplicaId;
      readonly taken: boolean;
    };

export type HandoverMessage =
  /**
   * A page of all that a replica has which is no holder (any more). `to`: who took the pages before; null only with the first. `last`: what the giver
   * knew when it began, and whether it was ready; null before the last page.
   */
  | {
      readonly type: "handover";
      readonly session: number;
      readonly number: number;
      readonly to: ReplicaId | null;
      readonly delta: Uint8Array;
      readonly last: { readonly context: Uint8Array; readonly ready: boolean } | null;
    }
  /** The page is durable and part of the state (`taken`), or was refused. */
  | {
      readonly type: "taken";
      readonly session: number;
      readonly number: number;
      readonly source: ReplicaId;
      readonly taken: boolean;
    };

export type SharedMessage = AntiEntropyMessage | HandoverMessage;

/** `exchange`: anti-entropy begins. `patience`: an exchange heard nothing. `handover`: begin, or send again. */
export type SharedTimer = "exchange" | "patience" | "handover";

/** Unique for ever as far as chance goes: an answer to an earlier life's session must not be taken for one to the present. */
export function drawSession(chance: () => number): number {
  return Math.floor(chance() * 2 ** 26) * 2 ** 26 + Math.floor(chance() * 2 ** 26);
}
