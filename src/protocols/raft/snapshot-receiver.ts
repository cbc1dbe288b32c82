/**
 * The follower's side of a snapshot transfer: one snapshot at a time, its pieces in order, each stored by the host before
 * the next is asked for. The last piece replaces the state; while the host does that, nothing is applied.
 */
import type { NodeId } from "../../core/ids.ts";
import type { LogIndex, SnapshotId } from "../../core/machine.ts";
import type { Configuration } from "./configuration.ts";
import type { MessageOf } from "./messages.ts";
import type { Replica } from "./replica.ts";
import { followLeader } from "./roles.ts";
import { sameBytes, sameSnapshot } from "./snapshot-sender.ts";

const START = new Uint8Array(0);

export function onInstallSnapshot(r: Replica, from: NodeId, m: MessageOf<"snapshot">): void {
  followLeader(r, from, m.term);
  if (r.commitIndex >= m.snapshot.index) {
    // No longer needed.
    r.sendAfterLog(from, { type: "append-accepted", term: r.term, round: 0, match: r.matchedIndex });
    return;
  }
  const { incoming } = r;
  if (incoming?.installing === true) return;
  if (m.snapshot.index <= r.stateIndex) {
    // The host's state has it already; only our log does not know.
    takeOver(r, m.snapshot.index, m.snapshotTerm, m.configuration);
    return;
  }
  if (incoming === null || !sameSnapshot(incoming.snapshot, m.snapshot)) {
    if (m.chunk === null || m.chunk.cursor.length > 0) {
      expect(r, from, m.snapshot, START);
      return;
    }
    r.incoming = {
      snapshot: m.snapshot,
      term: m.snapshotTerm,
      configuration: m.configuration,
      cursor: START,
      storing: false,
      installing: false,
    };
  } else if (incoming.storing) {
    // It will be answered once it is stored.
    return;
  } else if (m.chunk === null || !sameBytes(m.chunk.cursor, incoming.cursor)) {
    expect(r, from, m.snapshot, incoming.cursor);
    return;
  }
  r.incoming!.storing = true;
  r.incoming!.installing = m.chunk.next === null;
  r.emit({ type: "snapshot-store", snapshot: m.snapshot, chunk: m.chunk });
}

function expect(r: Replica, to: NodeId, snapshot: SnapshotId, cursor: Uint8Array): void {
  r.send(to, { type: "snapshot-response", term: r.term, snapshot, cursor });
}

/** The host has stored a piece, or, with the last one, replaced the state. */
export function onSnapshotStored(
  r: Replica,
  snapshot: SnapshotId,
  next: Uint8Array | null,
  installed: boolean,
): void {
  const { incoming, leader } = r;
  if (incoming === null || !sameSnapshot(incoming.snapshot, snapshot)) return;
  if (!installed) {
    if (next === null) {
      // The host could not install it. The leader will ask, and start over.
      r.incoming = null;
      r.applyCommitted();
      return;
    }
    incoming.storing = false;
    incoming.cursor = next;
    if (leader !== null) expect(r, leader, snapshot, next);
    return;
  }
  takeOver(r, snapshot.index, incoming.term, incoming.configuration);
}

/** The state is that of the snapshot, or later: the log starts there. */
function takeOver(r: Replica, index: LogIndex, term: number, configuration: Configuration): void {
  r.incoming = null;
  r.installSnapshot(index, term, configuration);
  r.matchedIndex = Math.max(r.matchedIndex, index);
  r.applyCommitted();
  if (r.leader !== null) {
    r.sendAfterLog(r.leader, { type: "append-accepted", term: r.term, round: 0, match: r.matchedIndex });
  }
}
