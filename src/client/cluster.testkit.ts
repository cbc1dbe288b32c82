/**
 * A cluster in memory and in virtual time, for tests of the client: real commands on real shards (`src/data`), a real session
 * table, and a network and leaders that fail as they are told to. Replication is left out: a shard has one state, and the
 * nodes only decide who may touch it.
 */
import { binaryString } from "../core/bytes.ts";
import type { ErrorCode } from "../core/errors.ts";
import { groupId, nodeId, type GroupId, type NodeId } from "../core/ids.ts";
import { Failure, type Reply } from "../core/reply.ts";
import { ShardMachine } from "../data/apply.ts";
import type { Operation } from "../data/batch.ts";
import { findCommand } from "../data/commands.ts";
import { SESSION_WINDOW } from "../data/delivery.ts";
import type { CommandCall } from "../data/contract.ts";
import { MapRecords } from "../data/data.testkit.ts";
import { type AdminResult, isMerging, type KeyspaceInfo, type KeyspaceSpec } from "../node/api.ts";
import { DEFAULT_HISTORY_LIMITS, type History } from "../data/history.ts";
import { Scheduler } from "../sim/scheduler.ts";
import { SimulatedRandom } from "../sim/simulated-random.ts";
import { ClientDriver, type ClientRuntime } from "./driver.ts";
import type { MachineOptions } from "./machine/machine.ts";
import { FakeWatches } from "./watch/watches.testkit.ts";
import {
  type ClientCommand,
  type ClientOperation,
  type ClientRequest,
  type ClientTransport,
  type KeyspaceDefinition,
  type ReplyListener,
  type Topology,
  type TransportListener,
} from "./transport.ts";

/** Probabilities in [0, 1] for each request, times in milliseconds. */
export interface Faults {
  readonly dropRequest: number;
  readonly dropReply: number;
  /** A request with an envelope is carried out twice. */
  readonly repeatRequest: number;
  readonly repeatReply: number;
  /** A request is held up, and carried out long after the client has sent another copy. */
  readonly delayRequest: number;
  readonly longDelay: number;
  /** The node says `unknown`: half of these requests have been carried out. */
  readonly lostConnection: number;
  /** A node that does not lead says so (with or without a hint) where it could have forwarded. */
  readonly refuseForward: number;
  /** All sessions of the shard are evicted before this request. */
  readonly evictSessions: number;
}

export const NO_FAULTS: Faults = {
  dropRequest: 0,
  dropReply: 0,
  repeatRequest: 0,
  repeatReply: 0,
  delayRequest: 0,
  longDelay: 3_000,
  lostConnection: 0,
  refuseForward: 0,
  evictSessions: 0,
};

const NODES = [nodeId(1), nodeId(2), nodeId(3)];

interface FakeSession {
  acknowledged: number;
  readonly replies: Map<number, Reply>;
}

class FakeShard {
  readonly group: GroupId;
  /** Its replicas merge, or would: here they are always equal. It never has a leader. */
  readonly merging: boolean;
  leader: NodeId | null;
  /** Grows with every write. */
  index = 0;
  readonly sessions = new Map<number, FakeSession>();
  readonly keys = new Map<string, Reply>();
  readonly #records = new MapRecords();
  /** May be changed at any time. */
  readonly historyLimits = { ...DEFAULT_HISTORY_LIMITS };
  readonly #machine = new ShardMachine(this.#records, { history: this.historyLimits });
  #lastToken = 0;

  /** `leader`: null for a shard that merges. */
  constructor(group: GroupId, leader: NodeId | null) {
    this.group = group;
    this.merging = leader === null;
    this.leader = leader;
  }

  get history(): History {
    return this.#machine.history;
  }

  openSession(): number {
    this.sessions.set(++this.#lastToken, { acknowledged: 1, replies: new Map() });
    return this.#lastToken;
  }

  write(operation: ClientOperation, time: number): Reply {
    this.index++;
    const run = this.#machine.start({
      time,
      seed: 1,
      maxValueBytes: 1 << 20,
      operations: [operationOf(operation)],
    });
    for (let step = run.next(); ;) {
      if (step.type === "done") return step.replies[0]!;
      step = run.next(step.requests.map((request) => this.#records.load(request)));
    }
  }

  read(command: ClientCommand): Reply {
    const call = callOf(command);
    let step = this.#machine.read(call);
    if (step.type === "load") {
      const loaded = step.requests.map((request) => this.#records.load(request));
      step = this.#machine.read(call, loaded);
    }
    if (step.type !== "done") throw new Error("a read loads once");
    return step.reply;
  }
}

function operationOf(operation: ClientOperation): Operation {
  if (operation.kind === "command") return { kind: "command", ...callOf(operation) };
  return { kind: "transaction", watched: operation.watched, calls: operation.calls.map(callOf) };
}

function callOf({ name, args }: ClientCommand): CommandCall {
  const spec = findCommand(name);
  if (spec === undefined) throw new Error(`no command ${name}`);
  return { spec, args };
}

const failure = (code: ErrorCode): Failure => new Failure(`${code.toUpperCase()} from a fake node`, code);

export class FakeCluster {
  readonly scheduler = new Scheduler();
  readonly random: SimulatedRandom;
  faults: Faults = NO_FAULTS;
  /** Requests as they reached a node, in order. */
  readonly seen: { readonly node: NodeId; readonly request: ClientRequest }[] = [];
  /** What no client may ever do. */
  readonly violations: string[] = [];
  readonly down = new Set<NodeId>();
  /** Nodes that have just started, and do not know the keyspaces yet. */
  readonly starting = new Set<NodeId>();
  readonly #shards = new Map<GroupId, FakeShard>();
  readonly #keyspaces: (KeyspaceSpec & { readonly groups: readonly GroupId[] })[] = [];
  readonly #listeners = new Set<TransportListener>();
  #lastGroup = 0;

  readonly watches: FakeWatches;

  constructor(seed: string | number, keyspaces: Readonly<Record<string, number>> = { default: 1, hits: 4 }) {
    this.random = new SimulatedRandom(seed);
    const { scheduler } = this;
    this.watches = new FakeWatches(NODES, scheduler, this.random.fork("watches"), (group) =>
      this.#shards.get(group),
    );
    for (const [name, shards] of Object.entries(keyspaces)) this.createKeyspace({ name, shards });
  }

  createKeyspace(definition: KeyspaceDefinition): AdminResult {
    const { name, replicas = NODES.length, shards = 2 } = definition;
    if (this.#keyspaces.some((keyspace) => keyspace.name === name))
      return { ok: false, code: "exists", message: `The keyspace "${name}" exists already.` };
    if (replicas > NODES.length)
      return { ok: false, code: "contradiction", message: `${replicas} replicas need ${replicas} nodes.` };
    const groups = Array.from({ length: shards }, () => groupId(++this.#lastGroup));
    const { replication = "raft", conflicts = isMerging(replication) ? "latest" : null } = definition;
    for (const each of groups) {
      const leader = isMerging(replication) ? null : NODES[each % NODES.length]!;
      this.#shards.set(each, new FakeShard(each, leader));
    }
    const limits = { maxKeyBytes: 1024, maxValueBytes: 1 << 20, ...definition.limits };
    const quorum = replication === "quorum" ? { r: 2, w: 2, sloppy: true, ...definition.quorum } : null;
    const { placement = "spread" } = definition;
    const spec = { name, replication, replicas, shards, limits, quorum, conflicts, placement };
    this.#keyspaces.push({ ...spec, groups });
    for (const listener of this.#listeners)
      this.scheduler.after(5, () => listener.onTopology(this.topology()));
    return { ok: true, detail: "" };
  }

  /** Clients are not told. */
  dropKeyspace(name: string): void {
    const at = this.#keyspaces.findIndex((keyspace) => keyspace.name === name);
    for (const { groups } of this.#keyspaces.splice(at, 1))
      for (const each of groups) this.#shards.delete(each);
  }

  get shards(): readonly FakeShard[] {
    return [...this.#shards.values()];
  }

  get runtime(): ClientRuntime {
    const { scheduler } = this;
    return {
      clock: {
        now: () => scheduler.now(),
        setTimer: (delay, fire) => scheduler.after(delay, fire),
      },
      random: this.random.fork("client"),
    };
  }

  driver(options?: Partial<MachineOptions>): ClientDriver {
    return new ClientDriver(this.connect(), this.runtime, options);
  }

  topology(): Topology {
    const keyspaces: KeyspaceInfo[] = this.#keyspaces.map(({ groups, ...spec }) => ({
      ...spec,
      shardList: groups.map((group, shard) => ({
        group,
        keyspace: spec.name,
        shard,
        replicas: NODES,
        leader: this.#shards.get(group)!.leader,
      })),
    }));
    return { nodes: NODES, keyspaces };
  }

  connect(): ClientTransport {
    let listener: TransportListener | null = null;
    const announce = (): void => {
      this.scheduler.after(this.#delay(), () => listener?.onTopology(this.topology()));
    };
    return {
      listen: (given) => {
        listener = given;
        this.#listeners.add(given);
        announce();
      },
      refresh: announce,
      send: (node, request, done) => this.#send(node, request, done),
      createKeyspace: (definition, done) => {
        this.scheduler.after(this.#delay(), () => {
          const result = this.createKeyspace(definition);
          this.scheduler.after(this.#delay(), () => done(result));
        });
      },
      watch: (...watch) => this.watches.watch(...watch),
      close: () => {
        if (listener !== null) this.#listeners.delete(listener);
        listener = null;
      },
    };
  }

  /** The shard has no leader for `gap` milliseconds, then another one. */
  failOver(shard: FakeShard, gap: number): void {
    shard.leader = null;
    this.scheduler.after(gap, () => {
      shard.leader = this.random.pick(NODES.filter((node) => !this.down.has(node)));
    });
  }

  crash(node: NodeId): void {
    this.down.add(node);
    this.watches.crash(node);
    for (const shard of this.#shards.values()) if (shard.leader === node) this.failOver(shard, 500);
    for (const listener of this.#listeners) listener.onDown(node);
  }

  restart(node: NodeId): void {
    this.down.delete(node);
    this.watches.restart(node);
  }

  /** Reads a key past the client. */
  value(keyspace: string, key: string): string | null {
    for (const { group } of this.topology().keyspaces.find(({ name }) => name === keyspace)!.shardList) {
      const value = this.#shards.get(group)!.read({ name: "get", args: [new TextEncoder().encode(key)] });
      if (value instanceof Uint8Array) return binaryString(value);
    }
    return null;
  }

  #delay(): number {
    return this.random.between(0.2, 3);
  }

  #send(node: NodeId, request: ClientRequest, done: ReplyListener): void {
    const { faults, random } = this;
    if (this.down.has(node)) {
      this.scheduler.after(this.#delay(), () => done(failure("unreachable"), null, null));
      return;
    }
    if (random.chance(faults.dropRequest)) return;
    const delay = random.chance(faults.delayRequest) ? random.between(0, faults.longDelay) : this.#delay();
    this.scheduler.after(delay, () => this.#arrive(node, request, done));
  }

  #arrive(node: NodeId, request: ClientRequest, done: ReplyListener): void {
    const { faults, random } = this;
    if (this.down.has(node)) return;
    this.seen.push({ node, request });
    const shard = this.#shards.get(request.group);
    if (shard === undefined || this.starting.has(node)) {
      this.#answer(done, failure("wrong-shard"), null, null);
      return;
    }
    if (shard.merging && (request.envelope !== null || (!request.write && request.consistency !== "stale")))
      this.violations.push("a shard that merges was asked for what it cannot do");
    const needsLeader = !shard.merging && (request.write || request.consistency === "linearizable");
    if (needsLeader && shard.leader === null) {
      this.#answer(done, failure(random.chance(0.5) ? "no-leader" : "not-leader"), null, null);
      return;
    }
    if (needsLeader && node !== shard.leader && random.chance(faults.refuseForward)) {
      this.#answer(done, failure("not-leader"), random.chance(0.5) ? shard.leader : null, null);
      return;
    }
    if (random.chance(faults.evictSessions)) shard.sessions.clear();
    if (request.write && random.chance(faults.lostConnection)) {
      if (random.chance(0.5)) this.#execute(shard, request);
      this.#answer(done, failure("unknown"), null, null);
      return;
    }
    const reply = this.#execute(shard, request);
    if (request.envelope !== null && random.chance(faults.repeatRequest)) {
      this.scheduler.after(random.between(0, faults.longDelay), () => this.#execute(shard, request));
    }
    this.#answer(done, reply, shard.leader, shard.index);
  }

  #answer(done: ReplyListener, ...answer: Parameters<ReplyListener>): void {
    const { faults, random } = this;
    if (random.chance(faults.dropReply)) return;
    this.scheduler.after(this.#delay(), () => done(...answer));
    if (random.chance(faults.repeatReply)) this.scheduler.after(50, () => done(...answer));
  }

  #execute(shard: FakeShard, { operation, write, envelope }: ClientRequest): Reply {
    if (!write) {
      if (operation.kind !== "command") throw new Error("a transaction is a write");
      return shard.read(operation);
    }
    const run = (): Reply => {
      const isOpening = operation.kind === "command" && operation.name === ".session-open";
      if (isOpening) return shard.openSession();
      const reply = shard.write(operation, Math.floor(this.scheduler.now()));
      this.watches.onChanges(shard.group);
      return reply;
    };
    if (envelope === null) return run();
    if (envelope.kind === "idempotency") return remembered(shard.keys, binaryString(envelope.key), run);
    const { token, sequence, acknowledged } = envelope;
    const session = shard.sessions.get(token);
    if (session === undefined) return failure("session-expired");
    session.acknowledged = Math.max(session.acknowledged, acknowledged);
    for (const old of session.replies.keys()) {
      if (old < session.acknowledged) session.replies.delete(old);
    }
    if (sequence < session.acknowledged) return failure("bad-request");
    if (sequence >= acknowledged + SESSION_WINDOW) {
      this.violations.push(`sequence ${sequence} with ${acknowledged} acknowledged`);
      return failure("overloaded");
    }
    return remembered(session.replies, sequence, run);
  }
}

function remembered<K>(replies: Map<K, Reply>, key: K, run: () => Reply): Reply {
  if (!replies.has(key)) replies.set(key, run());
  return replies.get(key)!;
}

/** Lets virtual time pass until the promise is settled. */
export async function passing<T>({ scheduler }: FakeCluster, promise: Promise<T>): Promise<T> {
  const state = { settled: false };
  const give = scheduler.now() + 300_000;
  const watch = promise.finally(() => void (state.settled = true)).catch(() => undefined);
  for (let idle = 0; !state.settled; idle++) {
    // What follows a settled promise takes some turns of its own before the next request leaves.
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    if (scheduler.pending > 0) idle = 0;
    if (!state.settled && !scheduler.step() && idle > 100) {
      throw new Error("nothing will ever settle this promise");
    }
    if (scheduler.now() > give) throw new Error("this promise is not settled for five minutes");
  }
  await watch;
  return promise;
}
