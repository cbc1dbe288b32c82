/** Bugs of the log, the state store and snapshots. */
import type { PlantedBug } from "../bug.ts";

const LOG = "src/storage/log";
const STATE = "src/storage/state";

export const STORAGE_BUGS: readonly PlantedBug[] = [
  {
    name: "log-not-synced",
    breaks: "The log calls a batch durable once it is written, without a sync.",
    file: "src/storage/disk/durable-file.ts",
    find: `else file.sync(done);`,
    replace: `else done(null);`,
    scenarios: ["power-failures"],
  },
  {
    name: "torn-tail-accepted",
    breaks: "A batch that a crash has torn is taken for whole: its checksum is not compared.",
    file: `${LOG}/format.ts`,
    find: `if (crc32(payload, seed) !== header.checksum) {`,
    replace: `if (crc32(payload, seed) < 0) {`,
    scenarios: ["torn-writes"],
  },
  {
    name: "segments-freed-too-early",
    breaks: "A segment of the log is removed although a group still starts in it.",
    file: `${LOG}/write-ahead-log.ts`,
    find: `if (this.#retention.pins(oldest.number)) return;`,
    replace: `if (this.#closed.length < 2) return;`,
    scenarios: ["restarts"],
  },
  {
    name: "flush-loses-newest",
    breaks: "What was written while a flush was under way is thrown away with the flushed layer.",
    file: `${STATE}/flusher.ts`,
    find: `state.durableIndex = sealed.index;`,
    replace: `state.overlay = new Layer();\n      state.durableIndex = sealed.index;`,
    scenarios: ["restarts", "partitions"],
  },
  {
    name: "flush-claims-too-much",
    breaks: "The store says that it reflects an entry which it has only a part of.",
    file: `${STATE}/flusher.ts`,
    find: `state.flushing = { layer, index: state.appliedIndex, meta: state.meta };`,
    replace: `state.flushing = { layer, index: state.appliedIndex + 1, meta: state.meta };`,
    scenarios: ["restarts"],
  },
  {
    name: "flush-forgets-deletions",
    breaks: "Records that were deleted stay in the store.",
    file: `${STATE}/flusher.ts`,
    find: `yield value === null ? { type: "delete", key } : { type: "put", key, value };`,
    replace: `if (value !== null) yield { type: "put", key, value };`,
    scenarios: ["restarts", "partitions"],
  },
  {
    name: "cache-keeps-old-value",
    breaks: "A record that changed stays in the cache with its old value.",
    file: `${STATE}/records.ts`,
    find: `state.cache.remove(space, id);`,
    replace: ``,
    scenarios: ["restarts", "partitions"],
  },
  {
    name: "import-into-old-state",
    breaks: "A snapshot is laid over the old state instead of taking its place: deleted keys come back.",
    file: `${STATE}/snapshot-import.ts`,
    find: `const generation = state.nextGeneration++;
    operations.push({`,
    replace: `const generation = state.generation;
    operations.push({`,
    scenarios: ["snapshots"],
  },
  {
    name: "snapshot-without-meta",
    breaks: "A snapshot carries no meta: the clock, the versions and the counts of the shard start anew.",
    file: `${STATE}/snapshot-import.ts`,
    find: `return { id: snapshot.id, index: snapshot.index, meta: header.meta, generation, cursor: EMPTY };`,
    replace: `return { id: snapshot.id, index: snapshot.index, meta: EMPTY, generation, cursor: EMPTY };`,
    scenarios: ["snapshots"],
  },
  {
    name: "snapshot-at-wrong-index",
    breaks: "A snapshot claims an entry more than it holds.",
    file: `${STATE}/snapshot-export.ts`,
    find: `this.index = state.durableIndex;`,
    replace: `this.index = state.durableIndex + 1;`,
    scenarios: ["snapshots"],
  },
  {
    name: "restore-forgotten",
    breaks: "After a snapshot was installed, the shard goes on with the meta of its old state.",
    file: "src/node/ordered-replica.ts",
    find: `this.#stepper.guard(() => this.#applier.restore());`,
    replace: ``,
    scenarios: ["snapshots"],
  },
  {
    name: "compaction-ahead-of-the-store",
    breaks: "The log is compacted up to what was applied, though the store does not have all of it yet.",
    file: "src/node/node.ts",
    find: `let upTo = appliedIndex;`,
    replace: `let upTo = replica.appliedIndex + 0 * appliedIndex;`,
    scenarios: ["restarts"],
  },
  {
    name: "recovery-appends-at-the-end",
    breaks: "Recovery appends entries to the log where they should replace others.",
    file: "src/protocols/raft/recovery.ts",
    find: `entries.length = keep;`,
    replace: ``,
    scenarios: ["elections", "raft", "partitions"],
  },
];
