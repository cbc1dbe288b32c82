/**
 * The replicas of this node: which there should be by the catalog, opened from what the log and the store have of them.
 *
 * A restarted node first sees an old state of its catalog. Until it knows that it has caught up, it only runs replicas of
 * which it has records; it neither founds nor deletes any: both would forget votes.
 */
import { type GroupId, type NodeId, SYSTEM_GROUP, writeId } from "../core/ids.ts";
import type { DiskError, Logger } from "../core/world.ts";
import { raftCodec } from "../protocols/raft/codec.ts";
import { configuration } from "../protocols/raft/configuration.ts";
import type { RaftRecord } from "../protocols/raft/messages.ts";
import { DEFAULT_RAFT_OPTIONS } from "../protocols/raft/options.ts";
import { Raft } from "../protocols/raft/raft.ts";
import { bootstrap, recover } from "../protocols/raft/recovery.ts";
import type { ShardRecords } from "../storage/state/records.ts";
import type { StateStore } from "../storage/state/state-store.ts";
import type { LogRecord, WriteAheadLog } from "../storage/log/write-ahead-log.ts";
import type { Applier } from "./applier.ts";
import type { Catalog } from "./catalog/state.ts";
import type { RaftTimings } from "./options.ts";
import { PeerSnapshots } from "./peer-snapshots.ts";
import { Replica, type ReplicaHost } from "./replica.ts";

/** A checkpoint without content: the group was deleted here. */
const DELETED = new Uint8Array(0);
const RETRY_FULL_MS = 500;
/** Followers apply this much later when nothing else is said to them: a write in the meantime goes first. */
const COMMIT_DELAY_MS = 5;

/** What recovery found of each group in the log. */
export class RecoveredLog {
  readonly #groups = new Map<GroupId, RaftRecord[]>();
  readonly #deleted = new Set<GroupId>();

  /** A checkpoint starts a group's description anew; an empty one says that the group was deleted here. */
  visit(record: LogRecord): void {
    if (record.checkpoint) this.#groups.delete(record.group);
    if (record.bytes.length === 0) {
      this.#deleted.add(record.group);
      return;
    }
    this.#deleted.delete(record.group);
    const records = this.#groups.get(record.group) ?? [];
    // A copy: the bytes are a view of a whole segment, which one kept entry would hold in memory.
    records.push(raftCodec.decodeRecord(record.bytes.slice()));
    this.#groups.set(record.group, records);
  }

  take(group: GroupId): RaftRecord[] | undefined {
    const records = this.#groups.get(group);
    this.#groups.delete(group);
    return records;
  }

  groups(): GroupId[] {
    return [...this.#groups.keys()];
  }

  /** Groups of which nothing is left but the word that they were deleted here. */
  deleted(): Iterable<GroupId> {
    return this.#deleted;
  }
}

export interface ReplicaSetHost extends ReplicaHost {
  readonly self: NodeId;
  readonly timings: RaftTimings;
  readonly snapshotChunkBytes: number;
  createApplier(group: GroupId, records: ShardRecords): Applier;
  /** The founding members, on a node that is one of them. */
  readonly founders: readonly NodeId[] | null;
}

export class ReplicaSet {
  readonly #host: ReplicaSetHost;
  readonly #log: WriteAheadLog;
  readonly #state: StateStore;
  readonly #recovered: RecoveredLog;
  readonly #replicas = new Map<GroupId, Replica>();
  #catalog: Catalog | null = null;
  /** Replicas that are being deleted: until that is durable, their groups cannot be opened again. */
  readonly #deleting = new Set<GroupId>();
  readonly #logger: Logger;

  constructor(host: ReplicaSetHost, log: WriteAheadLog, state: StateStore, recovered: RecoveredLog) {
    this.#host = host;
    this.#log = log;
    this.#state = state;
    this.#recovered = recovered;
    this.#logger = host.logger;
  }

  get(group: GroupId): Replica | undefined {
    return this.#replicas.get(group);
  }

  get size(): number {
    return this.#replicas.size;
  }

  all(): Iterable<Replica> {
    return this.#replicas.values();
  }

  /** The system group and everything that was here before. */
  startRecovered(): void {
    const groups = new Set([SYSTEM_GROUP, ...this.#recovered.groups().sort((a, b) => a - b)]);
    for (const group of groups) {
      const founders = group === SYSTEM_GROUP ? (this.#host.founders ?? []) : [];
      this.#open(group, founders, false);
    }
    // Nobody will ever write a checkpoint of these: the log must not keep its oldest segments for them.
    for (const group of this.#recovered.deleted()) this.#log.drop(group);
  }

  /** Only once the catalog is known to be current. */
  follow(catalog: Catalog): void {
    this.#catalog = catalog;
    const { self } = this.#host;
    const wanted = new Set<GroupId>([SYSTEM_GROUP]);
    for (const group of catalog.groups) {
      if (!group.replicas.includes(self) && !group.settled.includes(self)) continue;
      wanted.add(group.id);
      if (this.#replicas.has(group.id) || this.#deleting.has(group.id)) continue;
      const founds = group.founders.includes(self) && !group.departed.includes(self);
      this.#open(group.id, founds ? group.founders : [], founds && group.replicas[0] === self);
    }
    for (const group of this.#replicas.keys()) {
      if (!wanted.has(group)) this.#delete(group, !catalog.groups.some((other) => other.id === group));
    }
  }

  #open(group: GroupId, founders: readonly NodeId[], campaign: boolean): void {
    const recovered = this.#recovered.take(group);
    const fresh = recovered === undefined;
    const records = this.#state.openGroup(group);
    if (fresh && records.appliedIndex > 0) {
      // A crash came between the two halves of a deletion.
      this.#free(group, false);
      return;
    }
    const founding = founders.length > 0 ? bootstrap(configuration(founders)) : [];
    const machine = new Raft(
      { ...DEFAULT_RAFT_OPTIONS, commitDelay: COMMIT_DELAY_MS, ...this.#host.timings, id: this.#host.self },
      { ...recover(recovered ?? founding), applied: records.appliedIndex },
    );
    const snapshots = new PeerSnapshots(
      group,
      this.#state,
      this.#host.snapshotChunkBytes,
      () => records.appliedIndex,
    );
    const applier = this.#host.createApplier(group, records);
    const replica = new Replica(group, this.#host, machine, applier, records, snapshots);
    this.#replicas.set(group, replica);
    if (fresh) replica.writeCheckpoint();
    replica.start();
    if (fresh && campaign) replica.step({ type: "timer", timer: "election" });
  }

  /**
   * The log says first, durably, that the replica is gone; then its state is freed. A dropped group's number is never used
   * again; a group that only moved elsewhere may come back, and then starts from nothing.
   */
  #delete(group: GroupId, dropped: boolean): void {
    const replica = this.#replicas.get(group)!;
    this.#replicas.delete(group);
    this.#deleting.add(group);
    replica.close("unknown-keyspace");
    this.#logger.info({ group, dropped }, "this node no longer holds the group: deleting its replica");
    const sink = {
      group,
      onPersisted: () => {
        this.#log.drop(group);
        this.#free(group, dropped);
      },
    };
    this.#host.persister.add(sink, writeId(0), [DELETED], true);
    this.#host.schedule(replica);
  }

  #free(group: GroupId, dropped: boolean): void {
    this.#deleting.add(group);
    const done = (error: DiskError | null): void => {
      if (error?.kind === "full") {
        this.#host.clock.setTimer(RETRY_FULL_MS, () => this.#free(group, dropped));
        return;
      }
      this.#deleting.delete(group);
      if (error === null && this.#catalog !== null) this.follow(this.#catalog);
    };
    if (dropped) this.#state.destroyGroup(group, done);
    else this.#state.resetGroup(group, done);
  }

  closeAll(): void {
    for (const replica of this.#replicas.values()) replica.close("closing");
  }
}
