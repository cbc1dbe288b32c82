/**
 * The leader's view of one peer.
 *
 *   probe ──accepted──▶ replicate      probe: one append at a time, to find where the logs agree
 *     ▲  ◀─rejected, lost─┘            replicate: appends are pipelined, `next` runs ahead of the answers
 *     │                                snapshot: what the peer needs is no longer in the log
 *     └──installed── snapshot ◀── log compacted beyond `next`
 */
import type { LogIndex, Millis, SnapshotId } from "../../core/machine.ts";
import type { Configuration } from "./configuration.ts";

/** Appends under way: the last index and the size of each, oldest first. */
export class Inflight {
  readonly #lastIndexes: LogIndex[] = [];
  readonly #sizes: number[] = [];
  /** Those between are under way. The arrays keep their length: to shrink and grow costs more than all else that is done here. */
  #head = 0;
  #tail = 0;
  #bytes = 0;

  get count(): number {
    return this.#tail - this.#head;
  }

  get bytes(): number {
    return this.#bytes;
  }

  add(lastIndex: LogIndex, bytes: number): void {
    this.#lastIndexes[this.#tail] = lastIndex;
    this.#sizes[this.#tail] = bytes;
    this.#tail++;
    this.#bytes += bytes;
  }

  /** Answers are cumulative: everything that ends at or before `match` has arrived. */
  acknowledge(match: LogIndex): void {
    while (this.count > 0 && this.#lastIndexes[this.#head]! <= match) {
      this.#bytes -= this.#sizes[this.#head]!;
      this.#head++;
    }
    if (this.count === 0) this.clear();
    else if (this.#head >= 1024) {
      this.#lastIndexes.copyWithin(0, this.#head, this.#tail);
      this.#sizes.copyWithin(0, this.#head, this.#tail);
      this.#tail -= this.#head;
      this.#head = 0;
    }
  }

  clear(): void {
    this.#head = 0;
    this.#tail = 0;
    this.#bytes = 0;
  }
}

/** A snapshot on its way to a peer. */
export interface SnapshotTransfer {
  /** idle: to be asked for anew. loading: the host reads a piece. sent: the peer has to answer. */
  phase: "idle" | "loading" | "sent";
  /** The snapshot that the host holds for the peer, once its first piece was loaded, and what belongs to its index. */
  source: {
    readonly snapshot: SnapshotId;
    readonly term: number;
    readonly configuration: Configuration;
  } | null;
  cursor: Uint8Array;
  /** When the last message about it was sent. */
  sentAt: Millis;
}

export class Progress {
  /** Known to be equal to the leader's log, and durable at the peer. */
  match: LogIndex = 0;
  /** The first entry of the next append. */
  next: LogIndex;
  state: "probe" | "replicate" | "snapshot" = "probe";
  /** In `probe`: an append is under way; the answer to it or to a heartbeat lets the next one go. */
  probeSent = false;
  readonly inflight = new Inflight();
  /** The peer's last answer in this term; at first, when the leader was elected or the peer added. */
  lastHeard: Millis;
  /** The highest round that the peer has answered. */
  ackedRound = 0;
  /** The highest commit index sent. */
  sentCommit: LogIndex = 0;
  /** An answer to this round or a later one must show `sentUpTo` as matched, or an append got lost. */
  lossCheck: { readonly round: number; readonly sentUpTo: LogIndex } | null = null;
  transfer: SnapshotTransfer | null = null;
  /** Set once the peer is no member any more: it gets the log until it can know so, or until this time. */
  leavingUntil: Millis | null = null;

  constructor(next: LogIndex, now: Millis) {
    this.next = next;
    this.lastHeard = now;
  }

  /** `next` must be found anew, from `next` on. */
  becomeProbe(next: LogIndex): void {
    this.state = "probe";
    this.next = Math.max(next, this.match + 1);
    this.probeSent = false;
    this.lossCheck = null;
    this.inflight.clear();
  }

  becomeReplicate(): void {
    this.state = "replicate";
    this.next = this.match + 1;
    this.probeSent = false;
    this.lossCheck = null;
    this.inflight.clear();
  }
}
