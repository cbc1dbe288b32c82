/** What can go wrong with a simulated disk, as data. */

/** Uniform in [min, max], in milliseconds. */
export interface LatencyRange {
  readonly min: number;
  readonly max: number;
}

export interface DiskFaults {
  /** Of `read`, `readAll`, `size`, `open`, `list` and `free`. */
  readonly readLatency: LatencyRange;
  readonly writeLatency: LatencyRange;
  /** Of a sync; `create`, `replace` and `remove` take one as well. */
  readonly syncLatency: LatencyRange;
  /** The chance that an operation takes this much longer, as when a device collects its garbage. */
  readonly stall: LatencyRange & { readonly probability: number };
  /** Bytes that all files together may take, by their sizes. */
  readonly capacity: number;
  /**
   * The file system writes every change to a new place, as btrfs and ZFS do: a full disk then refuses also to overwrite,
   * and may have taken the bytes that it refused.
   */
  readonly copyOnWrite: boolean;
  /** The chance that a write fails with `io`, with an arbitrary part of it written. */
  readonly writeErrorProbability: number;
  /** The chance that a read fails with `io`. */
  readonly readErrorProbability: number;
  /** The chance that a sync fails: what it covered is dropped from the cache's list, so that no later sync writes it. */
  readonly syncErrorProbability: number;
  /** The chance that a write lands at another sector of its file, and is reported as done. */
  readonly misdirectProbability: number;
  /** The chance, at each crash, that one bit of one file flips at rest. */
  readonly rotProbability: number;
  /** At a crash each unsynced write survives whole, or torn, or else not at all; each independently of the others. */
  readonly survival: { readonly whole: number; readonly torn: number };
  /** A sector is written as a whole or not at all. */
  readonly sectorBytes: number;
}

/** A quick disk that keeps its word; a crash still loses what was not synced. */
export const NO_DISK_FAULTS: DiskFaults = {
  readLatency: { min: 0, max: 0 },
  writeLatency: { min: 0, max: 0 },
  syncLatency: { min: 0, max: 0 },
  stall: { probability: 0, min: 0, max: 0 },
  capacity: Number.POSITIVE_INFINITY,
  copyOnWrite: false,
  writeErrorProbability: 0,
  readErrorProbability: 0,
  syncErrorProbability: 0,
  misdirectProbability: 0,
  rotProbability: 0,
  survival: { whole: 1 / 3, torn: 1 / 3 },
  sectorBytes: 512,
};
