/** What only a leader keeps, for the one term that it leads. */
import type { NodeId, RequestId } from "../../core/ids.ts";
import type { LogIndex, Millis } from "../../core/machine.ts";
import type { MessageOf, ReadId } from "./messages.ts";
import type { Progress } from "./progress.ts";

/** Reads that share one confirmation of leadership (6.4). `remote`: the questions of followers. */
export interface ReadBatch {
  local: RequestId[];
  remote: Map<NodeId, ReadId>;
}

/** A hand-over of leadership in progress (3.10). */
export interface Transfer {
  readonly to: NodeId;
  /** Leases that were handed out last until then; not before may an election be provoked. */
  readonly readyAt: Millis;
  readonly deadline: Millis;
  /** A leader that is no voter any more leaves office by this transfer. */
  readonly retiring: boolean;
  /** The target was told to campaign. */
  sent: boolean;
}

export class Leadership {
  /** The leader's first entry; once it is committed the leader knows what is committed, and is ready. */
  readonly termStart: LogIndex;
  readonly progress = new Map<NodeId, Progress>();
  uncommittedBytes = 0;
  /** The last append that was sent. Peers that are equally far get the same message, so that the host encodes it once. */
  lastAppend: MessageOf<"append"> | null = null;
  /** Peers will be told of the commit index when the `commit` timer fires. */
  commitTimerSet = false;

  /** Rounds of contact: see `Append.round`. `roundTimes[i]` is when round `firstRound + i` was opened. */
  round = 0;
  readonly roundTimes: Millis[] = [];
  firstRound = 1;
  /** The highest round that a quorum has answered, and when it was opened. */
  confirmedRound = 0;
  confirmedAt: Millis = Number.NEGATIVE_INFINITY;

  /** Until when leases were promised to readers. */
  leasePromisedUntil: Millis = Number.NEGATIVE_INFINITY;
  transfer: Transfer | null = null;
  /** A provoked election ignores leases and may come late: there are none for the rest of the term. */
  timeoutNowSent = false;

  /** Waiting for the next round, and for the one under way. */
  waiting: ReadBatch = { local: [], remote: new Map() };
  confirming: (ReadBatch & { readonly round: number; readonly index: LogIndex }) | null = null;

  constructor(termStart: LogIndex) {
    this.termStart = termStart;
  }
}
