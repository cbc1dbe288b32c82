/**
 * The leader's side of a snapshot transfer (thesis, section 5). One piece is under way at a time:
 *
 *   load ──chunk from the host──▶ send ──the peer names the next piece──▶ load … ──the peer has applied it──▶ done
 *
 * A lost message is noticed by heartbeats that are answered while the piece is not: then a message without a piece asks
 * which one is expected. So a transfer goes on after a broken connection where it stood.
 */
import type { NodeId } from "../../core/ids.ts";
import type { SnapshotChunk, SnapshotId } from "../../core/machine.ts";
import type { MessageOf } from "./messages.ts";
import { SNAPSHOT_PATIENCE_TIMEOUTS } from "./options.ts";
import type { Progress } from "./progress.ts";
import type { Replica } from "./replica.ts";

const START = new Uint8Array(0);

/** How many heartbeat intervals a piece may be unanswered before the leader asks. */
const PROBE_AFTER_HEARTBEATS = 2;

/** What the peer needs is no longer in the log. A peer that has not been heard lately gets nothing prepared. */
export function startSnapshot(r: Replica, peer: NodeId, progress: Progress): void {
  if (r.now - progress.lastHeard > r.options.electionTimeoutMax) return;
  progress.state = "snapshot";
  progress.inflight.clear();
  progress.lossCheck = null;
  progress.transfer = { phase: "idle", source: null, cursor: START, sentAt: r.now };
  loadAnew(r, peer, progress);
}

function loadAnew(r: Replica, peer: NodeId, progress: Progress): void {
  const transfer = progress.transfer!;
  transfer.phase = "loading";
  transfer.source = null;
  transfer.cursor = START;
  r.emit({ type: "snapshot-load", peer, snapshot: null, cursor: START });
}

/** Whatever the host holds for this peer, it may let go. */
export function abandonSnapshot(r: Replica, peer: NodeId, progress: Progress): void {
  if (progress.transfer === null) return;
  progress.transfer = null;
  r.emit({ type: "snapshot-release", peer });
}

export function onSnapshotChunk(
  r: Replica,
  peer: NodeId,
  progress: Progress,
  snapshot: SnapshotId,
  chunk: SnapshotChunk,
): void {
  const transfer = progress.transfer;
  if (transfer === null || transfer.phase !== "loading" || !sameBytes(chunk.cursor, transfer.cursor)) return;
  if (transfer.source === null) {
    // After a restart the host's state may be ahead of what we know to be committed. It is committed for all that, so
    // it is in a leader's log (5.4). To wait until we know would be for ever, if the commit needs this very peer.
    const term = r.log.termAt(snapshot.index);
    if (term === undefined) {
      // Older than our log's start: ask for another one later.
      transfer.phase = "idle";
      r.emit({ type: "snapshot-release", peer });
      return;
    }
    transfer.source = { snapshot, term, configuration: r.configurations.at(snapshot.index) };
  } else if (!sameSnapshot(transfer.source.snapshot, snapshot)) {
    return;
  }
  sendPiece(r, peer, progress, chunk);
}

/** The host cannot read the snapshot (any more): a new one is asked for when the peer answers the next heartbeat. */
export function onSnapshotFailed(r: Replica, peer: NodeId, progress: Progress): void {
  if (progress.transfer === null || progress.transfer.phase !== "loading") return;
  progress.transfer.phase = "idle";
  r.emit({ type: "snapshot-release", peer });
}

function sendPiece(r: Replica, peer: NodeId, progress: Progress, chunk: SnapshotChunk | null): void {
  const transfer = progress.transfer!;
  const { snapshot, term, configuration } = transfer.source!;
  transfer.phase = "sent";
  transfer.sentAt = r.now;
  r.send(peer, { type: "snapshot", term: r.term, snapshot, snapshotTerm: term, configuration, chunk });
}

export function onSnapshotResponse(
  r: Replica,
  peer: NodeId,
  progress: Progress,
  message: MessageOf<"snapshot-response">,
): void {
  const transfer = progress.transfer;
  if (transfer === null || transfer.phase !== "sent" || transfer.source === null) return;
  if (!sameSnapshot(transfer.source.snapshot, message.snapshot)) return;
  transfer.phase = "loading";
  transfer.cursor = message.cursor;
  r.emit({ type: "snapshot-load", peer, snapshot: transfer.source.snapshot, cursor: message.cursor });
}

/** The peer is there (it answered a heartbeat): keep its transfer moving. */
export function driveSnapshot(r: Replica, peer: NodeId, progress: Progress): void {
  const transfer = progress.transfer;
  if (transfer === null) return;
  if (transfer.phase === "idle") loadAnew(r, peer, progress);
  else if (
    transfer.phase === "sent" &&
    r.now - transfer.sentAt >= PROBE_AFTER_HEARTBEATS * r.options.heartbeatInterval
  ) {
    sendPiece(r, peer, progress, null);
  }
}

/** A snapshot costs the host something: it is not held for a peer that stays away. */
export function giveUpOnSilentPeer(r: Replica, peer: NodeId, progress: Progress): void {
  if (progress.transfer === null) return;
  if (r.now - progress.lastHeard <= SNAPSHOT_PATIENCE_TIMEOUTS * r.options.electionTimeoutMax) return;
  abandonSnapshot(r, peer, progress);
  progress.becomeProbe(progress.match + 1);
}

export function sameSnapshot(a: SnapshotId, b: SnapshotId): boolean {
  return a.index === b.index && a.id === b.id;
}

export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
