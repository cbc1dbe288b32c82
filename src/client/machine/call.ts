/** One call of the application, from its submission to its one outcome. */
import type { ErrorCode, KvorumError } from "../../core/errors.ts";
import type { GroupId, NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";
import type { Consistency } from "../../node/api.ts";
import type { Envelope, IdempotencyEnvelope } from "../../data/delivery.ts";
import type { ClientOperation } from "../transport.ts";
import type { Sleeper } from "./alarms.ts";
import type { Lane } from "./lane.ts";
import type { Repetition } from "./outcome.ts";
import type { Queued } from "./queue.ts";
import type { Session } from "./session.ts";

export type Target =
  /** Where these keys live; they must share a shard. Whole keys, with the prefix of the keyspace. */
  | { readonly kind: "keys"; readonly keyspace: string; readonly keys: readonly Uint8Array[] }
  | { readonly kind: "group"; readonly group: GroupId };

export interface CallSpec {
  readonly target: Target;
  readonly operation: ClientOperation;
  /** What the operation is at the node. A transaction of reads is a write there, though repeating it is harmless. */
  readonly write: boolean;
  readonly repetition: Repetition;
  readonly consistency: Consistency;
  /** Takes the place of a session for an exactly-once write. */
  readonly idempotency: IdempotencyEnvelope | null;
  /** Of stale reads, in milliseconds; null: without a bound. */
  readonly maxStaleness: Millis | null;
  /** On quorum keyspaces; null: what the keyspace says. */
  readonly quorum: number | null;
  /** On the clock of `step`. */
  readonly deadline: Millis;
  /** Milliseconds after which a read that has no answer is also sent to another node; null: never. */
  readonly hedgeAfter: Millis | null;
}

/**
 * ```
 *            slot, session, window              no answer in time, or "again"
 *  waiting ──────────────────────▶ flying ───────────────────────────────────▶ pausing
 *     ▲                              ▲                                            │
 *     └── the session expired ──┐    └──────────── the pause is over ─────────────┘
 *                               └─────────────────────────────────────────────────┘
 * ```
 * From each of them a verdict, the deadline, an abort or the end of the client settles it.
 */
export class Call implements Sleeper, Queued<Call> {
  readonly spec: CallSpec;
  readonly settle: Settle;
  /** Grows with every call: who came first. */
  readonly order: number;
  alarmAt: Millis = 0;
  alarmIndex = -1;
  before: Call | null = null;
  behind: Call | null = null;

  state: "waiting" | "flying" | "pausing" = "waiting";
  lane: Lane | null = null;
  /** Sent and not answered. */
  readonly attempts = new Set<number>();
  /** Answered with an indefinite error: nothing will tell what became of them. */
  lost = 0;
  /** The newest attempt. */
  current = 0;
  currentNode: NodeId | null = null;
  /** The node that left the last attempt unanswered, or has the first of two hedged ones: the next goes elsewhere. */
  avoid: NodeId | null = null;
  hedged = false;
  /** Attempts that came to nothing since the call was made; the pauses grow with it. */
  failures = 0;
  /** Hints to another leader that were followed without a pause. */
  redirects = 0;
  lastError: KvorumError | null = null;
  session: Session | null = null;
  sequence = 0;

  constructor(spec: CallSpec, order: number, settle: Settle) {
    this.spec = spec;
    this.order = order;
    this.settle = settle;
  }

  get needsSession(): boolean {
    return this.spec.repetition === "exactly-once" && this.spec.idempotency === null && this.session === null;
  }

  get unresolved(): boolean {
    return this.lost > 0 || this.attempts.size > 0;
  }

  /** What a call that was never sent has been waiting for. */
  get waitsFor(): ErrorCode {
    if (this.lane === null) return "unreachable";
    // Its session could not be opened: nobody there answered.
    return this.needsSession && this.lane.session === null ? "no-leader" : "overloaded";
  }

  envelope(): Envelope | null {
    if (this.session === null) return this.spec.idempotency;
    const { token, acknowledged } = this.session;
    return { kind: "session", token, sequence: this.sequence, acknowledged };
  }
}

/** Who gets the outcome: the application by a number, or a lane that opens a session. */
export type Settle =
  | { readonly kind: "application"; readonly id: number }
  | { readonly kind: "session"; readonly lane: Lane };
