/** What goes into the machine of group broadcast and what comes out of it. All of it is plain data. */
import type { ErrorCode } from "../../core/errors.ts";
import type { NodeId, RequestId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";

/**
 * One uninterrupted membership of a node: in every view from the one numbered `since` on. A node that was away, or that has lost its
 * memory, comes back as another member, with a later `since`.
 */
export interface Member {
  readonly node: NodeId;
  readonly since: number;
}

/** The group, as whoever makes the views has decided. Epochs grow; one epoch is one view, the same for everybody. */
export interface View {
  readonly epoch: number;
  readonly members: readonly Member[];
}

/** `data`: what was published. `order`: the numbers that a sequencer gave, in its own reliable sequence. */
export type Lane = "data" | "order";

/** The `number`th message, from 1, of one lane of one member; or "everything up to it". */
export interface Position extends Member {
  readonly number: number;
}

interface ItemHead {
  readonly origin: Member;
  readonly number: number;
  /** The view in which it was published. */
  readonly epoch: number;
  /** Every member has delivered this lane's messages up to here, as the origin knows: nobody has to keep them. */
  readonly stable: number;
}

/** A message of the group, the same bytes for whoever passes it on. */
export type Item =
  | (ItemHead & {
      readonly lane: "data";
      /** What its origin had delivered of each other member (causal and total order); the vector clock without its own place. */
      readonly after: readonly Position[];
      /** Opaque; the machine never changes it. */
      readonly payload: Uint8Array;
    })
  /** The next messages of the total order, in this order. */
  | (ItemHead & { readonly lane: "order"; readonly places: readonly Position[] });

/** What a member has of one lane: a cumulative and selective acknowledgement, whose gaps are negative ones. */
export interface Receipt {
  readonly origin: Member;
  readonly lane: Lane;
  /** It takes part from behind this number on. */
  readonly start: number;
  /** Delivered (or passed over) up to here. */
  readonly delivered: number;
  /** Received up to here without a gap, */
  readonly have: number;
  /** and these behind the gap; ascending. */
  readonly beyond: readonly number[];
  /** Of those up to `have`, these are lost: its origin has left, and no member has them. Ascending. */
  readonly holes: readonly number[];
}

/** `epoch`: the sender's view; `since`: the sender's membership, so that what an earlier one sent is known by it. */
export type BroadcastMessage =
  | {
      readonly type: "items";
      readonly epoch: number;
      readonly since: number;
      readonly items: readonly Item[];
    }
  | {
      readonly type: "status";
      readonly epoch: number;
      readonly since: number;
      /** Grows with every status of this member: an older one that comes late says nothing. */
      readonly sequence: number;
      /** The sender wants to know what the receiver has. */
      readonly asks: boolean;
      /** The sender delivers; who came when others were there already begins once it has heard from all of them. */
      readonly joined: boolean;
      readonly receipts: readonly Receipt[];
    };

/** A round: reliable broadcast compares what members have, best-effort broadcast gives up on what is missing. */
export type BroadcastTimer = "round";

export type BroadcastInput =
  | { readonly type: "start" }
  /** Ignored unless its epoch is later than that of the present view. */
  | { readonly type: "members"; readonly view: View }
  | { readonly type: "publish"; readonly id: RequestId; readonly payload: Uint8Array }
  | { readonly type: "message"; readonly from: NodeId; readonly message: BroadcastMessage }
  | { readonly type: "timer"; readonly timer: BroadcastTimer }
  /** A hint: repairs to it wait until it is heard again. */
  | { readonly type: "unreachable"; readonly peer: NodeId };

/**
 * Why messages will not be delivered here. Best effort: `gap`: they did not come in time, or others crowded them out; `unordered`: they came, but
 * no number for them. Both kinds: `departed`: their origin has left, and no member has them, or something that they depend on;
 * `excluded`: this node was out of the group.
 */
export type LossReason = "gap" | "unordered" | "departed" | "excluded";

export type BroadcastEffect =
  | { readonly type: "send"; readonly to: NodeId; readonly message: BroadcastMessage }
  /** In the chosen order. The publisher delivers its own messages like everybody else. */
  | {
      readonly type: "deliver";
      readonly from: Member;
      readonly number: number;
      readonly payload: Uint8Array;
    }
  /** It was sent as the message with this number. Delivery is told by `deliver`. */
  | { readonly type: "published"; readonly id: RequestId; readonly number: number }
  /** Definite: nobody will deliver it. */
  | { readonly type: "refused"; readonly id: RequestId; readonly error: ErrorCode }
  | {
      readonly type: "lost";
      readonly from: Member;
      readonly first: number;
      readonly last: number;
      readonly reason: LossReason;
    }
  | {
      readonly type: "set-timer";
      readonly timer: BroadcastTimer;
      readonly min: Millis;
      readonly max: Millis;
    };
