/** A node in memory: the real commands over the real shard machines, with replication played by delays. */
import { hashSlot, shardOfSlot } from "../../placement/hash-slot.ts";
import { groupId, nodeId, type GroupId, type NodeId } from "../../core/ids.ts";
import { Failure, type Reply } from "../../core/reply.ts";
import { BatchBuilder } from "../../data/batch.ts";
import type { CommandCall, WatchedKey } from "../../data/contract.ts";
import { call, Shard } from "../../data/data.testkit.ts";
import { DEFAULT_HISTORY_LIMITS, type HistoryLimits } from "../../data/history.ts";
import type {
  AdminRequest,
  AdminResult,
  CallOptions,
  KeyspaceInfo,
  KvorumNode,
  LeadershipInfo,
  MembershipInfo,
  NodeInfo,
  NodeMetrics,
  NodeStatus,
  ReplyCallback,
  ShardInfo,
  WatchHandle,
  WatchListener,
  WatchOptions,
} from "../../node/api.ts";
import { channelsAlone } from "../../node/channels/alone.testkit.ts";
import type { Channels } from "../../node/channels/channels.ts";
import { type CatalogGroup, type CatalogKeyspace, EMPTY_CATALOG } from "../../node/catalog/state.ts";
import type { CatalogUser } from "../../node/catalog/users.ts";
import { groupOfTransaction, mergeReplies, refuseMalformed, splitByShard } from "../../node/commands.ts";
import { noMembership } from "../../node/members.ts";
import { RoutingTable } from "../../node/routing-table.ts";
import { Watches } from "../../node/watches.ts";
import { NodeClock } from "../../world/node-clock.ts";

export interface FakeNodeOptions {
  readonly shards?: number;
  /** Calls back in this turn. Otherwise writes commit after some turns, and reads are served before that. */
  readonly atOnce?: boolean;
  readonly maxValueBytes?: number;
  /** The number of the first shard's group, less one. Default 0. */
  readonly firstGroup?: number;
  readonly maxWatches?: number;
  readonly history?: HistoryLimits;
}

const REPLICAS = [nodeId(1), nodeId(2), nodeId(3)];

/** After this many turns of the event loop a write is committed: its shard's writes in their order, all at once. */
const COMMIT_TURNS = 3;

function transact(shard: Shard, calls: readonly CommandCall[], watched: readonly WatchedKey[]): Reply {
  const builder = new BatchBuilder();
  builder.add({ kind: "transaction", calls, watched });
  const { time, seed, maxValueBytes } = shard;
  return shard.apply(builder.finish({ time, seed, maxValueBytes }))[0]!;
}

/** Of every reply: this node has no log. */
const INDEX = 7;

export class FakeNode implements KvorumNode {
  /** May be changed at any time. */
  userList: readonly CatalogUser[] = [];
  leading: readonly LeadershipInfo[] = [];
  readonly #atOnce: boolean;
  readonly #table: RoutingTable;
  readonly #shards = new Map<GroupId, Shard>();
  readonly #queues = new Map<GroupId, (() => void)[]>();
  readonly #committing = new Set<GroupId>();
  /** Watchers are told as by a node, from the history of the shards here. */
  readonly watches: Watches;
  /** Of a node that is alone. */
  channels: Channels = channelsAlone();
  /** Calls that were made, for tests to look at. */
  calls = 0;
  /** Of the last `execute`. */
  lastOptions: CallOptions = {};
  /** Set to answer every call with it. */
  failure: Failure | null = null;
  /** Nodes that lead groups, other than this one, which is n1. */
  readonly leaders = new Map<GroupId, NodeId>();
  /** Members other than this one. */
  others: readonly NodeInfo[] = [];
  /** Where this node's doors are, as the catalog would say. */
  addresses: Pick<NodeInfo, "resp" | "http" | "peer" | "cluster"> = { resp: "", http: "", peer: "" };
  /** Set to hold all answers back; `release` gives them. */
  held: (() => void)[] | null = null;

  constructor({
    shards = 4,
    atOnce = false,
    maxValueBytes = 16 * 1024 * 1024,
    firstGroup = 0,
    maxWatches = 1000,
    history = DEFAULT_HISTORY_LIMITS,
  }: FakeNodeOptions = {}) {
    this.#atOnce = atOnce;
    this.watches = new Watches({
      clock: new NodeClock(),
      limit: maxWatches,
      refuses: () => null,
      exists: (group) => this.#shards.has(group),
      history: (group) => this.#shards.get(group)?.machine.history ?? null,
      ask: (group, after, prefix, done) =>
        setImmediate(() => done(this.#shards.get(group)!.read(call(".changes", after, prefix)))),
    });
    const names = [
      ["default", shards],
      ["other", 2],
    ] as const;
    const keyspaces: CatalogKeyspace[] = [];
    const groups: CatalogGroup[] = [];
    for (const [name, count] of names) {
      const ids = Array.from({ length: count }, (_, i) => groupId(firstGroup + groups.length + 1 + i));
      for (const [shard, id] of ids.entries()) {
        groups.push({
          id,
          keyspace: name,
          shard,
          founders: REPLICAS,
          departed: [],
          replicas: REPLICAS,
          settled: REPLICAS,
        });
        const machine = new Shard(undefined, undefined, history);
        machine.maxValueBytes = maxValueBytes;
        this.#shards.set(id, machine);
      }
      const limits = { maxKeyBytes: 64 * 1024, maxValueBytes };
      const ordered = { replication: "raft", quorum: null, conflicts: null, placement: "spread" } as const;
      keyspaces.push({ ...ordered, name, replicas: 3, shards: count, limits, groups: ids });
    }
    this.#table = new RoutingTable({ ...EMPTY_CATALOG, version: 1, keyspaces, groups });
  }

  groupOf(key: string): GroupId {
    return this.groupOfKey(Buffer.from(key));
  }

  groupOfKey(key: Uint8Array): GroupId {
    return this.#table.groupOfKey(this.#table.keyspaceOfKey(key)!, key);
  }

  /** Two keys of different shards of the default keyspace. */
  static apart(shards = 4): [string, string] {
    const shardOf = (key: string): number => shardOfSlot(hashSlot(Buffer.from(key)), shards);
    for (let i = 0; ; i++) if (shardOf(`k${i}`) !== shardOf("k")) return ["k", `k${i}`];
  }

  execute(call: CommandCall, options: CallOptions, done: ReplyCallback): void {
    this.calls++;
    this.lastOptions = options;
    const refusal = this.failure ?? refuseMalformed(call);
    if (refusal !== null) {
      done(refusal, null);
      return;
    }
    const parts = splitByShard(this.#table, call);
    if (parts instanceof Failure) {
      done(parts, null);
      return;
    }
    const replies: Reply[] = [];
    let open = parts.length;
    parts.forEach((part, i) => {
      this.#submit(part.group, part.call, (reply, index) => {
        replies[i] = reply;
        if (--open > 0) return;
        if (parts.length === 1) done(reply, index);
        else done(mergeReplies(call, parts, replies), null);
      });
    });
  }

  executeOn(group: GroupId, call: CommandCall, _options: CallOptions, done: ReplyCallback): void {
    this.calls++;
    const refusal = this.failure ?? refuseMalformed(call);
    if (refusal === null) this.#submit(group, call, done);
    else done(refusal, null);
  }

  transaction(
    calls: readonly CommandCall[],
    watched: readonly WatchedKey[],
    _options: CallOptions,
    done: ReplyCallback,
  ): void {
    this.calls++;
    const group = groupOfTransaction(this.#table, calls, watched);
    if (group instanceof Failure) done(group, null);
    else this.#commit(group, () => done(transact(this.#shard(group), calls, watched), INDEX));
  }

  leaderOf(group: GroupId): NodeId | null {
    return this.shards().find((shard) => shard.group === group)?.leader ?? null;
  }

  redirect(group: GroupId): NodeId | null {
    const leader = this.leaders.get(group);
    return leader !== undefined && this.others.some(({ id, up }) => id === leader && up) ? leader : null;
  }

  #submit(group: GroupId, call: CommandCall, done: ReplyCallback): void {
    const shard = this.#shard(group);
    if (call.spec.access === "read") {
      if (this.#atOnce && this.held === null) done(shard.read(call, Date.now()), INDEX);
      else this.#later(() => done(shard.read(call, Date.now()), INDEX));
    } else {
      // As the real node does: the arguments are the caller's again once this returns.
      const kept = { spec: call.spec, args: call.args.map((arg) => Uint8Array.from(arg)) };
      this.#commit(group, () => done(shard.write(kept)[0]!, INDEX));
    }
  }

  #shard(group: GroupId): Shard {
    const shard = this.#shards.get(group)!;
    shard.time = Math.max(shard.time, Date.now());
    shard.seed++;
    return shard;
  }

  #later(task: () => void): void {
    if (this.held === null) setImmediate(task);
    else this.held.push(task);
  }

  release(): void {
    const held = this.held ?? [];
    this.held = null;
    for (const task of held) task();
  }

  #commit(group: GroupId, asked: () => void): void {
    const task = (): void => {
      asked();
      this.watches.onChanges(group);
    };
    if (this.held !== null) {
      this.held.push(task);
      return;
    }
    if (this.#atOnce) {
      task();
      return;
    }
    const queue = this.#queues.get(group) ?? [];
    this.#queues.set(group, queue);
    queue.push(task);
    if (this.#committing.has(group)) return;
    this.#committing.add(group);
    let turns = COMMIT_TURNS;
    const turn = (): void => {
      if (--turns > 0) {
        setImmediate(turn);
        return;
      }
      this.#committing.delete(group);
      this.#queues.delete(group);
      for (const each of queue) each();
    };
    setImmediate(turn);
  }

  watch(group: GroupId, options: WatchOptions, listener: WatchListener): WatchHandle {
    return this.watches.watch(group, options, listener);
  }

  keyspaces(): readonly KeyspaceInfo[] {
    return this.#table.catalog.keyspaces.map((keyspace) => ({
      ...keyspace,
      shardList: keyspace.groups.map((group, shard) => ({
        group,
        keyspace: keyspace.name,
        shard,
        replicas: REPLICAS,
        leader: this.leaders.get(group) ?? REPLICAS[0]!,
      })),
    }));
  }

  shards(): readonly ShardInfo[] {
    return this.keyspaces().flatMap(({ shardList }) => shardList);
  }

  keyspaceOfKey(key: Uint8Array): string | null {
    return this.#table.keyspaceOfKey(key)?.name ?? null;
  }

  users(): readonly CatalogUser[] {
    return this.userList;
  }

  status(): NodeStatus {
    return {
      version: "0.1.0-test",
      cluster: "00112233445566778899aabbccddeeff",
      id: REPLICAS[0]!,
      name: "n1",
      waiting: null,
      ready: true,
      uptimeMilliseconds: 1234,
      nodes: this.nodes(),
      keyspaces: this.keyspaces(),
      replicas: [],
      storage: { healthy: true, problem: null, logBytes: 0, overlayBytes: 0 },
      loopLagMilliseconds: 0,
    };
  }

  nodes(): readonly NodeInfo[] {
    return [{ id: REPLICAS[0]!, name: "n1", ...this.addresses, up: true, membership: null }, ...this.others];
  }

  members(): MembershipInfo {
    return noMembership("n1");
  }

  measuredLegs(): null {
    return null;
  }

  leaderships(_groups: readonly GroupId[], done: (leaderships: readonly LeadershipInfo[]) => void): void {
    setImmediate(done, this.leading);
  }

  metrics(): NodeMetrics {
    return { counters: {}, gauges: {} };
  }

  admin(_request: AdminRequest, done: (result: AdminResult) => void): void {
    done({ ok: false, code: "bad-request", message: "a fake node has no administration" });
  }

  whenReady(callback: () => void): void {
    callback();
  }

  close(done: () => void): void {
    this.channels.close();
    done();
  }
}
