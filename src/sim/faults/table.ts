/**
 * Everything that can happen to a simulated cluster while clients work on it, as data: one row for each fault, with the
 * ranges that a simulation draws from. What a network or a disk does all the time, in small, stands in
 * `transport/network-faults.ts` and `storage/disk/disk-faults.ts`.
 */

/** Uniform in [from, to]. */
export interface Range {
  readonly from: number;
  readonly to: number;
}

export type FaultArea = "process" | "disk" | "network" | "clock" | "cluster";

interface FaultRow {
  readonly area: FaultArea;
  readonly meaning: string;
  /** Milliseconds until it is over; 0 for what happens in a moment. */
  readonly lasts: Range;
  /** How much of it. */
  readonly amount: Range & { readonly unit: string };
}

const NONE = { from: 0, to: 0, unit: "" };
const SHORT: Range = { from: 0, to: 3000 };
const MOMENT: Range = { from: 0, to: 0 };

export const FAULTS = {
  // Processes
  crash: {
    area: "process",
    meaning: "a process is killed and started again; what it wrote survives, synced or not",
    lasts: SHORT,
    amount: NONE,
  },
  "crash-at-effect": {
    area: "process",
    meaning: "a process dies right before the n-th thing it asks of its disk or its network from now on",
    lasts: SHORT,
    amount: { from: 1, to: 400, unit: "effects" },
  },
  "crash-at-callback": {
    area: "process",
    meaning: "a process dies between two things that it is told, the n-th from now on",
    lasts: SHORT,
    amount: { from: 1, to: 800, unit: "callbacks" },
  },
  pause: {
    area: "process",
    meaning: "a process stands still, and does not know it afterwards",
    lasts: SHORT,
    amount: NONE,
  },
  // Disks
  "power-off": {
    area: "disk",
    meaning: "a machine loses its power: unsynced writes survive, are torn, or are lost, each by chance",
    lasts: SHORT,
    amount: NONE,
  },
  "crash-at-boundary": {
    area: "disk",
    meaning: "a machine loses its power at the n-th beginning or end of a write or sync from now on",
    lasts: SHORT,
    amount: { from: 1, to: 300, unit: "boundaries" },
  },
  blackout: {
    area: "disk",
    meaning: "all machines lose their power at once: what was acknowledged must be on disks, not in memories",
    lasts: SHORT,
    amount: NONE,
  },
  wipe: {
    area: "disk",
    meaning: "a machine comes back with an empty disk",
    lasts: SHORT,
    amount: NONE,
  },
  "disk-full": {
    area: "disk",
    meaning: "a disk has room for so many bytes more; the files of the state store fit nothing at all",
    lasts: { from: 500, to: 5000 },
    amount: { from: 0, to: 20_000, unit: "bytes" },
  },
  "sync-error": {
    area: "disk",
    meaning: "a sync fails, and what it covered may be lost; the process is started again",
    lasts: SHORT,
    amount: NONE,
  },
  "write-error": {
    area: "disk",
    meaning: "a write fails with any part of it written; the process is started again",
    lasts: SHORT,
    amount: NONE,
  },
  "store-error": {
    area: "disk",
    meaning: "a write of the state store fails, done or not; the process is started again",
    lasts: SHORT,
    amount: NONE,
  },
  "read-error": {
    area: "disk",
    meaning: "reads fail now and then, also at a start; the machine is started again until it succeeds",
    lasts: SHORT,
    amount: { from: 0.01, to: 0.3, unit: "probability" },
  },
  stall: {
    area: "disk",
    meaning: "a disk is very slow, as when it collects garbage",
    lasts: { from: 200, to: 4000 },
    amount: { from: 20, to: 800, unit: "milliseconds an operation" },
  },
  "bit-flip": {
    area: "disk",
    meaning: "one bit of one file flips while a machine is off; if it notices it is replaced by an empty one",
    lasts: SHORT,
    amount: { from: 0, to: 1, unit: "where, as a part of all bytes" },
  },
  misdirect: {
    area: "disk",
    meaning: "a write lands elsewhere in its file, and is reported as done; then the machine loses its power",
    lasts: SHORT,
    amount: { from: 50, to: 1000, unit: "milliseconds until the power is lost" },
  },
  // Networks
  isolate: {
    area: "network",
    meaning: "one node hears nobody and nobody hears it",
    lasts: SHORT,
    amount: NONE,
  },
  halves: {
    area: "network",
    meaning: "two parts do not hear each other",
    lasts: SHORT,
    amount: { from: 0, to: 1, unit: "where the cut goes" },
  },
  "one-way": { area: "network", meaning: "one node is not heard, but hears", lasts: SHORT, amount: NONE },
  bridge: {
    area: "network",
    meaning: "two parts that hear each other only through one node",
    lasts: SHORT,
    amount: NONE,
  },
  ring: {
    area: "network",
    meaning: "every node hears a majority, and no two the same one",
    lasts: SHORT,
    amount: NONE,
  },
  flapping: {
    area: "network",
    meaning: "one node is cut off and connected again, over and over",
    lasts: { from: 1000, to: 6000 },
    amount: { from: 50, to: 1200, unit: "milliseconds between changes" },
  },
  slow: {
    area: "network",
    meaning: "every frame takes long",
    lasts: SHORT,
    amount: { from: 10, to: 200, unit: "milliseconds at most" },
  },
  lossy: {
    area: "network",
    meaning: "frames are lost, repeated and overtaken, and connections break",
    lasts: SHORT,
    amount: { from: 0.01, to: 0.2, unit: "probability" },
  },
  // Clocks
  "clock-jump": {
    area: "clock",
    meaning: "a wall clock jumps",
    lasts: MOMENT,
    amount: { from: -10_000, to: 10_000, unit: "milliseconds" },
  },
  "clock-drift": {
    area: "clock",
    meaning: "a machine's clock goes too fast or too slow, within what leases allow for",
    lasts: { from: 1000, to: 10_000 },
    amount: { from: -0.045, to: 0.045, unit: "of its rate" },
  },
  // Membership
  "move-leaders": {
    area: "cluster",
    meaning: "a node is told to take over every shard that another one leads",
    lasts: MOMENT,
    amount: NONE,
  },
  "add-node": {
    area: "cluster",
    meaning: "an empty machine joins; removed ones stay off",
    lasts: MOMENT,
    amount: NONE,
  },
  "remove-node": {
    area: "cluster",
    meaning: "a node is removed from the cluster for good, if more than three are there",
    lasts: { from: 2000, to: 6000 },
    amount: NONE,
  },
  "keyspace-churn": {
    area: "cluster",
    meaning: "a keyspace is created and dropped again",
    lasts: { from: 100, to: 3000 },
    amount: { from: 1, to: 4, unit: "shards" },
  },
} as const satisfies Record<string, FaultRow>;

export type FaultName = keyof typeof FAULTS;

export const FAULT_NAMES = Object.keys(FAULTS) as readonly FaultName[];

export const isFaultName = (name: string): name is FaultName => Object.hasOwn(FAULTS, name);

export const faultsOf = (...areas: readonly FaultArea[]): readonly FaultName[] =>
  FAULT_NAMES.filter((name) => areas.includes(FAULTS[name].area));
