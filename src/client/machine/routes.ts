/** Which shard a call goes to, and which node should be asked. */
import { binaryString } from "../../core/bytes.ts";
import { KvorumError } from "../../core/errors.ts";
import type { GroupId, NodeId } from "../../core/ids.ts";
import type { Millis } from "../../core/machine.ts";
import { isMerging, type KeyspaceInfo, type ShardInfo } from "../../node/api.ts";
import { hashSlot, shardOfSlot } from "../../placement/hash-slot.ts";
import type { Topology } from "../transport.ts";
import type { Call, Target } from "./call.ts";
import type { Lane } from "./lane.ts";

const COLON = 0x3a;
const DEFAULT_KEYSPACE = "default";

export class Routes {
  readonly #keyspaces: ReadonlyMap<string, KeyspaceInfo>;
  readonly #shards: ReadonlyMap<GroupId, ShardInfo>;
  readonly #merging: ReadonlySet<GroupId>;
  readonly nodes: readonly NodeId[];

  constructor(topology: Topology) {
    this.nodes = topology.nodes;
    this.#keyspaces = new Map(topology.keyspaces.map((keyspace) => [keyspace.name, keyspace]));
    this.#shards = new Map(
      topology.keyspaces.flatMap(({ shardList }) => shardList).map((shard) => [shard.group, shard]),
    );
    this.#merging = new Set(
      topology.keyspaces
        .filter(({ replication }) => isMerging(replication))
        .flatMap(({ shardList }) => shardList.map(({ group }) => group)),
    );
  }

  shard(group: GroupId): ShardInfo | undefined {
    return this.#shards.get(group);
  }

  /** Its replicas merge: it has no leader, and any of them takes writes. */
  merges(group: GroupId): boolean {
    return this.#merging.has(group);
  }

  /** As the nodes do it (`RoutingTable`): the name before the first `:` where there is such a keyspace, else the default one. */
  #keyspaceOf(key: Uint8Array): string {
    const colon = key.indexOf(COLON);
    if (colon > 0) {
      const name = binaryString(key.subarray(0, colon));
      if (this.#keyspaces.has(name)) return name;
    }
    return DEFAULT_KEYSPACE;
  }

  groupOf(target: Target): GroupId | KvorumError {
    if (target.kind === "group") return target.group;
    const keyspace = this.#keyspaces.get(target.keyspace);
    if (keyspace === undefined) {
      return new KvorumError("unknown-keyspace", `There is no keyspace "${target.keyspace}".`);
    }
    let group: GroupId | null = null;
    for (const key of target.keys) {
      const actual = this.#keyspaceOf(key);
      if (actual !== target.keyspace) {
        return new KvorumError("bad-request", `This key of "${target.keyspace}" would lie in "${actual}".`);
      }
      const index = shardOfSlot(hashSlot(key), keyspace.shards);
      const shard = keyspace.shardList.find((shard) => shard.shard === index);
      if (shard === undefined) {
        return new KvorumError("no-leader", `Shard ${index} of "${target.keyspace}" does not exist yet.`);
      }
      if (group !== null && group !== shard.group) return new KvorumError("cross-shard");
      group = shard.group;
    }
    return group ?? new KvorumError("bad-request", "An operation without a key.");
  }
}

/** Nodes that did not answer lately. They are asked again when nobody else is left, and after `pause`. */
export class Outages {
  readonly #until = new Map<NodeId, Millis>();
  readonly #pause: Millis;

  constructor(pause: Millis) {
    this.#pause = pause;
  }

  note(node: NodeId, now: Millis): void {
    this.#until.set(node, now + this.#pause);
  }

  end(node: NodeId): void {
    this.#until.delete(node);
  }

  isUp(node: NodeId, now: Millis): boolean {
    return now >= (this.#until.get(node) ?? 0);
  }
}

/**
 * The leader for writes and linearizable reads, if one is known and answers; the lane's reader for other reads, and for everything
 * in a shard that merges; else another replica, else any node: all of them can forward. Null without any node at all.
 */
export function chooseNode(
  call: Call,
  lane: Lane,
  routes: Routes,
  outages: Outages,
  now: Millis,
  random: number,
): NodeId | null {
  const isUsable = (node: NodeId | null): node is NodeId =>
    node !== null && node !== call.avoid && outages.isUp(node, now);
  const anyReplica =
    routes.merges(lane.group) || (!call.spec.write && call.spec.consistency !== "linearizable");
  const preferred = anyReplica ? lane.reader : lane.leader;
  if (isUsable(preferred)) return preferred;
  const replicas = lane.replicas.filter(isUsable);
  const others = replicas.length > 0 ? replicas : routes.nodes.filter(isUsable);
  const candidates = others.length > 0 ? others : routes.nodes;
  const chosen = candidates[Math.floor(random * candidates.length)] ?? null;
  if (anyReplica && !call.hedged) lane.reader = chosen;
  return chosen;
}
