/** The durable side of a node, from its directory: the store, the log with what it holds, and the states of the shards. */
import type { GroupId } from "../core/ids.ts";
import type { LogIndex } from "../core/machine.ts";
import { DiskError, type Done, type Store, type World } from "../core/world.ts";
import { isKeySpace } from "../data/header.ts";
import { type WriteAheadLog, openLog } from "../storage/log/write-ahead-log.ts";
import { StateStore } from "../storage/state/state-store.ts";
import type { NodeLimits } from "./options.ts";
import { RecoveredLog } from "./recovered-log.ts";

export interface OpenStorage {
  readonly log: WriteAheadLog;
  readonly state: StateStore;
  readonly recovered: RecoveredLog;
}

export interface StorageHost {
  readonly world: Pick<World, "clock" | "disk" | "random">;
  /** The identity of the directory. */
  readonly instance: string;
  readonly limits: NodeLimits;
  waitFor(reason: string): void;
  /** The log is over its size, and these groups keep its oldest segments. */
  onPressure(groups: readonly GroupId[]): void;
  onFlushed(group: GroupId, index: LogIndex): void;
  /** While it opens, or later. */
  onFailed(error: DiskError): void;
}

/** `done` is called when all of it is open; when that fails, `onFailed` is. */
export function openStorage(host: StorageHost, done: (storage: OpenStorage) => void): void {
  const { instance, limits } = host;
  const { clock, disk, random } = host.world;
  const fatal = (error: DiskError | null): void =>
    host.onFailed(error ?? new DiskError("io", "", "no result"));
  const recovered = new RecoveredLog();
  const logOptions = {
    clock,
    instance,
    segmentBytes: limits.logSegmentBytes,
    retainBytes: limits.logRetainBytes,
    onPressure: (groups: readonly GroupId[]) => host.onPressure(groups),
  };
  const openState = (store: Store, log: WriteAheadLog): void => {
    const stateOptions = {
      store,
      clock,
      random,
      limits: { overlayBytes: limits.maxOverlayBytes, indexBytes: limits.recordIndexBytes },
      isIndexed: isKeySpace,
      free: (answer: Done<number>) => disk.free(answer),
      onFlushed: (group: GroupId, index: LogIndex) => host.onFlushed(group, index),
      onFailed: (error: DiskError) => host.onFailed(error),
    };
    StateStore.open(stateOptions, (error, state) => {
      if (error !== null || state === undefined) fatal(error);
      else done({ log, state, recovered });
    });
  };
  host.waitFor("the state store to be recovered");
  // The store first: it has a lock of its own, which also holds where the directory's does not reach.
  disk.openStore("state", (storeError, store) => {
    if (storeError !== null || store === undefined) {
      fatal(storeError);
      return;
    }
    host.waitFor("the log to be recovered");
    openLog(
      disk,
      "log",
      logOptions,
      (record) => recovered.visit(record),
      (logError, log) => {
        if (logError !== null || log === undefined) fatal(logError);
        else openState(store, log);
      },
    );
  });
}
