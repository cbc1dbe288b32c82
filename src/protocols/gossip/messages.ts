/** What goes into the machine of rumor mongering and what comes out of it. All of it is plain data. */
import type { NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";

/** Names an update for ever, in the whole group. Two updates never share an id; how it is made is the host's own. */
export type RumorId = string;

export interface Rumor {
  readonly id: RumorId;
  /** Opaque; the machine never changes it. */
  readonly payload: Uint8Array;
}

/** A rumor on its way. `age`: the rounds since it began, along the path that it took. */
export interface ToldRumor extends Rumor {
  readonly age: number;
}

export type RumorMessage =
  /** Push: `rumors` without asking. Pull: nothing but asking; the answer is rumors without asking. Push-pull: both. */
  | { readonly type: "rumors"; readonly rumors: readonly ToldRumor[]; readonly asks: boolean }
  /** What the receiver of rumors thought of them, if the stop rule wants to know. */
  | {
      readonly type: "feedback";
      readonly needed: readonly RumorId[];
      readonly unneeded: readonly RumorId[];
    };

/** One round ("cycle" in the paper) begins. */
export type RumorTimer = "round";

export type RumorInput =
  | { readonly type: "start" }
  /** The whole group, this node included or not; replaces what was said before. */
  | { readonly type: "peers"; readonly peers: readonly NodeId[] }
  /** An update of this node that all others shall hear of. An id that it remembers is ignored. */
  | { readonly type: "spread"; readonly rumor: Rumor }
  | { readonly type: "timer"; readonly timer: RumorTimer }
  | { readonly type: "message"; readonly from: NodeId; readonly message: RumorMessage };

/**
 * Why a rumor is no longer spread here. `stopped`: the stop rule, the intended end. `aged`: it has lived for `maxRounds`.
 * `crowded-out`: more rumors came than may be infective at a time. The last two leave more to anti-entropy than the first.
 */
export type RemovalReason = "stopped" | "aged" | "crowded-out";

export type RumorEffect =
  | { readonly type: "send"; readonly to: NodeId; readonly message: RumorMessage }
  /**
   * A rumor from another node, heard for the first time as far as the memory reaches: after it fell out of the memory it
   * may come again, so what the host does with it must be idempotent.
   */
  | { readonly type: "deliver"; readonly from: NodeId; readonly rumor: Rumor }
  | { readonly type: "removed"; readonly id: RumorId; readonly reason: RemovalReason }
  | {
      readonly type: "set-timer";
      readonly timer: RumorTimer;
      readonly min: Millis;
      readonly max: Millis;
    };

/** Chance: uniform in [0, 1), drawn anew by each call. */
export type Chance = () => number;
