/** Snapshots of one group: taken for peers that are too far behind for the log, received when this node is. */
import type { GroupId, NodeId } from "../core/ids.ts";
import type { SnapshotChunk, SnapshotId } from "../core/machine.ts";
import { DiskError, type Done } from "../core/world.ts";
import type { SnapshotHandle } from "../storage/state/snapshot-export.ts";
import type { StateStore } from "../storage/state/state-store.ts";

export interface LoadedPiece {
  readonly snapshot: SnapshotId;
  readonly chunk: SnapshotChunk;
}

/** What became of a received piece: the cursor of the one expected next, or null when the snapshot is installed. */
export interface StoredPiece {
  readonly next: Uint8Array | null;
  readonly installed: boolean;
}

/** Peers that ask for a new snapshot while another peer still reads one share it, if it is not older than this. */
const SHARE_FOR_ENTRIES = 10_000;

export class PeerSnapshots {
  readonly #group: GroupId;
  readonly #state: StateStore;
  readonly #chunkBytes: number;
  readonly #appliedIndex: () => number;
  readonly #readers = new Map<NodeId, SnapshotHandle>();
  #newest: SnapshotHandle | null = null;

  constructor(group: GroupId, state: StateStore, chunkBytes: number, appliedIndex: () => number) {
    this.#group = group;
    this.#state = state;
    this.#chunkBytes = chunkBytes;
    this.#appliedIndex = appliedIndex;
  }

  /** The piece at `cursor` of `snapshot`, or the first piece of a new one. `missing`: that snapshot is no longer held. */
  load(peer: NodeId, snapshot: SnapshotId | null, cursor: Uint8Array, done: Done<LoadedPiece>): void {
    if (snapshot !== null) {
      const handle = this.#readers.get(peer);
      if (handle?.id === snapshot.id) this.#read(handle, cursor, done);
      else done(new DiskError("missing", "state", `snapshot ${snapshot.id} is no longer held`));
      return;
    }
    const shared = this.#newest;
    if (shared !== null && this.#appliedIndex() - shared.index < SHARE_FOR_ENTRIES) {
      this.#assign(peer, shared);
      this.#read(shared, cursor, done);
      return;
    }
    this.#state.exportSnapshot(this.#group, (error, handle) => {
      if (error !== null || handle === undefined) {
        done(error);
        return;
      }
      this.#assign(peer, handle);
      this.#read(handle, cursor, done);
    });
  }

  release(peer: NodeId): void {
    const handle = this.#readers.get(peer);
    this.#readers.delete(peer);
    if (handle === undefined || [...this.#readers.values()].includes(handle)) return;
    if (this.#newest === handle) this.#newest = null;
    handle.release();
  }

  releaseAll(): void {
    for (const peer of this.#readers.keys()) this.release(peer);
  }

  store(snapshot: SnapshotId, chunk: SnapshotChunk, done: Done<StoredPiece>): void {
    this.#state.importChunk(this.#group, snapshot, chunk, (error, result) => {
      if (error !== null || result === undefined) {
        done(error);
        return;
      }
      // Records that are newer than the snapshot hold it: they were committed, and so were applied from one history.
      done(null, { next: result.next, installed: result.installed || result.refused === "stale" });
    });
  }

  #assign(peer: NodeId, handle: SnapshotHandle): void {
    if (this.#readers.get(peer) !== handle) this.release(peer);
    this.#readers.set(peer, handle);
    this.#newest = handle;
  }

  #read(handle: SnapshotHandle, cursor: Uint8Array, done: Done<LoadedPiece>): void {
    handle.read(cursor, this.#chunkBytes, (error, piece) => {
      if (error !== null || piece === undefined) {
        done(error);
        return;
      }
      const snapshot: SnapshotId = { id: handle.id, index: handle.index };
      done(null, { snapshot, chunk: { cursor, data: piece.data, next: piece.next } });
    });
  }
}
