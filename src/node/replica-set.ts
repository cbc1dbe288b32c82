/**
 * The replicas of this node: which there should be by the catalog, opened from what the log and the store have of them.
 *
 * A restarted node first sees an old state of its catalog. Until it knows that it has caught up, it only runs replicas of
 * which it has records; it neither founds nor deletes any: both would forget votes, or writes. The merging ones of them serve
 * at once, which is what they are for: it may take long until a majority is there to say what is current.
 */
import { invariant } from "../core/assert.ts";
import { type GroupId, type NodeId, SYSTEM_GROUP, writeId } from "../core/ids.ts";
import type { GroupMembers } from "../core/merging.ts";
import type { DiskError, Logger } from "../core/world.ts";
import type { ShardRecords } from "../storage/state/records.ts";
import type { StateStore } from "../storage/state/state-store.ts";
import type { WriteAheadLog } from "../storage/log/write-ahead-log.ts";
import { isMerging } from "./api.ts";
import type { Applier } from "./applier.ts";
import type { Catalog, CatalogGroup, CatalogKeyspace } from "./catalog/state.ts";
import type { MergingReplica } from "./merging-replica.ts";
import { invitesStandIn, openMerging } from "./open-merging.ts";
import { openOrdered } from "./open-ordered.ts";
import type { RaftTimings } from "./options.ts";
import type { OrderedReplica } from "./ordered-replica.ts";
import type { RecoveredLog } from "./recovered-log.ts";
import type { Replica, ReplicaHost } from "./replica.ts";

/** A checkpoint without content: the group was deleted here. */
const DELETED = new Uint8Array(0);
const RETRY_FULL_MS = 500;

export interface ReplicaSetHost extends ReplicaHost {
  readonly self: NodeId;
  readonly timings: RaftTimings;
  readonly snapshotChunkBytes: number;
  /** A merging replica is gone from here; what it has counted still counts. */
  onDeleted(replica: MergingReplica): void;
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
  /** Merging replicas that have handed over all that they had. */
  readonly #retired = new Set<GroupId>();
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

  /** The replica of an ordered group; undefined also for merging ones. */
  ordered(group: GroupId): OrderedReplica | undefined {
    const replica = this.#replicas.get(group);
    return replica?.kind === "ordered" ? replica : undefined;
  }

  /** The replica that a message of its group's protocol is for. A hint for another node makes this one stand in for it. */
  forMessage(group: GroupId, message: Uint8Array): Replica | null {
    const replica = this.#replicas.get(group);
    if (replica !== undefined) return replica;
    return invitesStandIn(message) ? this.standIn(group) : null;
  }

  /** There is a replica here, and nothing can be asked of its group yet. */
  isWaiting(group: GroupId): boolean {
    const replica = this.#replicas.get(group);
    if (replica?.kind !== "merging") return replica?.leader === null;
    return replica.members.holders.includes(this.#host.self) && replica.failure === null && !replica.isReady;
  }

  get size(): number {
    return this.#replicas.size;
  }

  all(): Iterable<Replica> {
    return this.#replicas.values();
  }

  /** The system group and everything that was here before. */
  startRecovered(): void {
    for (const group of new Set([SYSTEM_GROUP, ...this.#recovered.groups("ordered")])) {
      const founders = group === SYSTEM_GROUP ? (this.#host.founders ?? []) : [];
      this.#openOrdered(group, founders, false);
    }
    // Nobody will ever write a checkpoint of these: the log must not keep its oldest segments for them.
    for (const group of this.#recovered.deleted()) this.#log.drop(group);
  }

  /**
   * Merging replicas that the log has records of, where also the catalog that was found, which may be an old one, has this node as
   * their holder. A holder never retires, so that nothing ends here by the word of an old catalog.
   */
  openKnown(catalog: Catalog): void {
    const { self } = this.#host;
    for (const group of catalog.groups) {
      const keyspace = catalog.keyspaces.find((candidate) => candidate.name === group.keyspace)!;
      const isKnown = this.#recovered.has(group.id) && group.replicas.includes(self);
      if (isKnown && isMerging(keyspace.replication)) this.#followMerging(catalog, group, keyspace);
    }
  }

  /** Only once the catalog is known to be current. */
  follow(catalog: Catalog): void {
    this.#catalog = catalog;
    const { self } = this.#host;
    const wanted = new Set<GroupId>([SYSTEM_GROUP]);
    for (const group of catalog.groups) {
      const keyspace = catalog.keyspaces.find((candidate) => candidate.name === group.keyspace)!;
      const isMember = group.replicas.includes(self) || group.settled.includes(self);
      if (isMerging(keyspace.replication)) {
        // One that stands in, or hands over, goes on until it has nothing left that the holders lack.
        const { id } = group;
        if (!isMember && !this.#replicas.has(id) && !this.#recovered.has(id)) continue;
        if (this.#retired.has(id) && !isMember) continue;
        wanted.add(id);
        this.#followMerging(catalog, group, keyspace);
        continue;
      }
      if (!isMember) continue;
      wanted.add(group.id);
      if (this.#replicas.has(group.id) || this.#deleting.has(group.id)) continue;
      const founds = isFounder(group, self);
      this.#openOrdered(group.id, founds ? group.founders : [], founds && group.replicas[0] === self);
    }
    for (const group of this.#replicas.keys()) {
      if (!wanted.has(group)) this.#delete(group, !catalog.groups.some((other) => other.id === group));
    }
    for (const group of this.#recovered.groups("merging")) {
      // A keyspace that was dropped while this node was away.
      if (!wanted.has(group)) this.#forget(group, true);
    }
  }

  /** A replica that takes writes for the holders of a quorum keyspace, none of which can be reached; null where that is not wanted. */
  standIn(id: GroupId): MergingReplica | null {
    const catalog = this.#catalog;
    const group = catalog?.groups.find((candidate) => candidate.id === id);
    const keyspace = catalog?.keyspaces.find((candidate) => candidate.name === group?.keyspace);
    if (catalog === null || group === undefined || keyspace?.quorum?.sloppy !== true) return null;
    this.#retired.delete(id);
    const replica = this.#followMerging(catalog, group, keyspace);
    return replica?.failure === null ? replica : null;
  }

  /** Has handed over all that it had: nobody needs it any more. */
  onRetired(replica: MergingReplica): void {
    const group = this.#catalog?.groups.find((candidate) => candidate.id === replica.group);
    this.#retired.add(replica.group);
    if (group === undefined || group.replicas.includes(this.#host.self)) return;
    if (!group.settled.includes(this.#host.self)) this.#delete(replica.group, false);
  }

  #openOrdered(group: GroupId, founders: readonly NodeId[], campaign: boolean): void {
    const recovered = this.#recovered.take(group);
    const records = this.#openRecords(group, recovered === undefined);
    if (records === null) return;
    const replica = openOrdered(this.#host, this.#state, group, records, recovered, founders);
    this.#replicas.set(group, replica);
    if (recovered === undefined) replica.writeCheckpoint();
    replica.start();
    if (recovered === undefined && campaign) replica.step({ type: "timer", timer: "election" });
  }

  #followMerging(catalog: Catalog, group: CatalogGroup, keyspace: CatalogKeyspace): MergingReplica | null {
    const members = membersOf(catalog, group);
    const present = this.#replicas.get(group.id);
    if (present !== undefined) {
      invariant(present.kind === "merging", "a keyspace never changes its protocol");
      present.onMembers(members);
      return present;
    }
    if (this.#deleting.has(group.id)) return null;
    const recovered = this.#recovered.take(group.id);
    const records = this.#openRecords(group.id, recovered === undefined);
    if (records === null) return null;
    const founder = isFounder(group, this.#host.self);
    const replica = openMerging(this.#host, {
      group: group.id,
      keyspace,
      members,
      records,
      recovered,
      founder,
    });
    this.#replicas.set(group.id, replica);
    if (recovered === undefined) replica.writeCheckpoint();
    replica.start();
    return replica;
  }

  /** Null: a crash came between the two halves of a deletion, whose second half is done now. */
  #openRecords(group: GroupId, fresh: boolean): ShardRecords | null {
    const records = this.#state.openGroup(group);
    if (!fresh || records.appliedIndex === 0) return records;
    this.#free(group, false);
    return null;
  }

  /**
   * The log says first, durably, that the replica is gone; then its state is freed. A dropped group's number is never used
   * again; a group that only moved elsewhere may come back, and then starts from nothing.
   */
  #delete(group: GroupId, dropped: boolean): void {
    const replica = this.#replicas.get(group)!;
    this.#replicas.delete(group);
    if (replica.kind === "merging") this.#host.onDeleted(replica);
    replica.close("unknown-keyspace");
    this.#logger.info({ group, dropped }, "this node no longer holds the group: deleting its replica");
    this.#forget(group, dropped);
    this.#host.schedule(replica);
  }

  #forget(group: GroupId, dropped: boolean): void {
    this.#recovered.take(group);
    this.#deleting.add(group);
    const sink = {
      group,
      onPersisted: () => {
        this.#log.drop(group);
        this.#free(group, dropped);
      },
    };
    this.#host.persister.add(sink, writeId(0), [DELETED], true);
  }

  #free(group: GroupId, dropped: boolean): void {
    this.#deleting.add(group);
    const done = (error: DiskError | null): void => {
      if (error?.kind === "full") {
        this.#host.clock.setTimer(RETRY_FULL_MS, () => this.#free(group, dropped));
        return;
      }
      this.#deleting.delete(group);
      this.#retired.delete(group);
      if (error === null && this.#catalog !== null) this.follow(this.#catalog);
    };
    if (dropped) this.#state.destroyGroup(group, done);
    else this.#state.resetGroup(group, done);
  }

  closeAll(): void {
    for (const replica of this.#replicas.values()) replica.close("closing");
  }
}

/** Founded the group, and still has what it founded it with. */
const isFounder = (group: CatalogGroup, self: NodeId): boolean =>
  group.founders.includes(self) && !group.departed.includes(self);

/** Who may stand in: every other node, each shard beginning elsewhere so that they share the work. */
function membersOf({ nodes }: Catalog, { id, replicas }: CatalogGroup): GroupMembers {
  const others = nodes.map((node) => node.id).filter((node) => !replicas.includes(node));
  const first = others.length === 0 ? 0 : id % others.length;
  return { holders: replicas, fallbacks: [...others.slice(first), ...others.slice(0, first)] };
}
