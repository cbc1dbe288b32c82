/** What members tell each other, and what the machine takes and gives. All of it is plain data. */
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { Address } from "../core/world.ts";

/** `left` is a member's own word, `dead` the others' judgement. */
export type MemberStatus = "alive" | "suspect" | "dead" | "left";

/** What is held about a member; also what is told of it. `by` is who suspects it, null unless it is suspected. */
export interface MemberRecord {
  readonly id: NodeId;
  readonly address: Address;
  /** Raised by the member alone, never lowered. Orders what is said about it. */
  readonly incarnation: number;
  readonly status: MemberStatus;
  readonly by: NodeId | null;
}

/** In every message: the sender's own record (null when it is no member) and news of others. */
interface Envelope {
  readonly from: MemberRecord | null;
  readonly updates: readonly MemberRecord[];
}

export type SwimMessage =
  | (Envelope & { readonly type: "ping"; readonly sequence: number; readonly target: NodeId })
  | (Envelope & {
      readonly type: "ping-request";
      readonly sequence: number;
      readonly target: NodeId;
      readonly address: Address;
    })
  /** Answers a ping; a helper passes it on under the sequence of the ping-request. */
  | (Envelope & { readonly type: "ack"; readonly sequence: number })
  /** A helper has no answer yet: the prober learns that itself and the helper are well (Lifeguard, section IV.A). */
  | (Envelope & { readonly type: "nack"; readonly sequence: number })
  | (Envelope & { readonly type: "gossip" })
  /**
   * Asks for the list, from the first id above `after`. Anybody may ask. A member whose list may be equal says its digest,
   * and gets an empty page when it is.
   */
  | (Envelope & {
      readonly type: "list-request";
      readonly after: number;
      readonly digest: number | null;
      readonly replyTo: Address;
    })
  /** A page of the list, ids ascending. Goes on after `next`; 0 ends it. `after` is the request's. */
  | (Envelope & {
      readonly type: "list";
      readonly after: number;
      readonly next: number;
      readonly records: readonly MemberRecord[];
    });

/** What a message says besides its envelope. */
export type MessageBody = SwimMessage extends infer M
  ? M extends SwimMessage
    ? Omit<M, keyof Envelope>
    : never
  : never;

export type SwimTimer = "period" | "direct" | "sync" | `suspect:${number}` | `relay:${number}`;

export type SwimInput =
  | { readonly type: "start" }
  | { readonly type: "message"; readonly message: SwimMessage }
  | { readonly type: "timer"; readonly timer: SwimTimer }
  /**
   * Who belongs, where that is decided elsewhere; may be given again, and then replaces what was given before. Whoever is
   * missing is forgotten, and nothing that others say brings it back; whoever is new is taken to be alive until probes say
   * otherwise. This member itself may be on it or not. Without any roster, members are those who are heard of.
   */
  | { readonly type: "roster"; readonly roster: ReadonlyMap<NodeId, Address> }
  /** Tells the others. The machine answers pings afterwards, for as long as the host lets it, and begins nothing. */
  | { readonly type: "leave" };

export type SwimEvent =
  /** The first list has come from another member. */
  | { readonly kind: "joined" }
  | { readonly kind: "changed"; readonly member: MemberRecord; readonly before: MemberStatus | null }
  /** Dead or left for long, or not on the roster any more. */
  | { readonly kind: "forgotten"; readonly id: NodeId }
  /** Something false was said about this member, and it has answered under this incarnation. */
  | { readonly kind: "refuted"; readonly incarnation: number }
  | { readonly kind: "left" };

export type SwimEffect =
  /** May be lost, repeated, delayed and reordered. `id` is whom it is for; null: whoever listens at that address. */
  | {
      readonly type: "send";
      readonly to: Address;
      readonly id: NodeId | null;
      readonly message: SwimMessage;
    }
  /** As H6 of core/machine.ts: replaces the timer of that name; the host draws from [min, max]. */
  | { readonly type: "set-timer"; readonly timer: SwimTimer; readonly min: Millis; readonly max: Millis }
  | { readonly type: "cancel-timer"; readonly timer: SwimTimer }
  | { readonly type: "event"; readonly event: SwimEvent };

/** Since the start. */
export interface SwimCounts {
  readonly probes: number;
  /** Those of them that needed helpers, as nothing came back in time. */
  readonly indirectProbes: number;
  /** Probes made for others. */
  readonly relayedProbes: number;
}
