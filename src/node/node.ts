/**
 * A node: one data directory, one identity, the replicas it holds, and the way to everybody else's.
 *
 * Start: directory -> peers can call -> identity (found or join a cluster) -> log and store recovered -> replicas ->
 * catalog current -> ready. Each step says what it waits for.
 */
import { InvariantError, invariant } from "../core/assert.ts";
import { CodecError } from "../core/bytes.ts";
import type { ErrorCode } from "../core/errors.ts";
import { type GroupId, type NodeId, SYSTEM_GROUP, nodeId } from "../core/ids.ts";
import type { LogIndex } from "../core/machine.ts";
import { DiskError, type Transport, type World } from "../core/world.ts";
import type { Operation } from "../data/batch.ts";
import type { CommandCall, WatchedKey } from "../data/contract.ts";
import type { History, HistoryLimits } from "../data/history.ts";
import { zoneDistance } from "../placement/zone-distance.ts";
import type { WriteAheadLog } from "../storage/log/write-ahead-log.ts";
import type { StateStore } from "../storage/state/state-store.ts";
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
} from "./api.ts";
import { Administration } from "./administration.ts";
import { CatalogApplier } from "./catalog/applier.ts";
import { type Catalog, EMPTY_CATALOG } from "./catalog/state.ts";
import type { CatalogUser } from "./catalog/users.ts";
import { Channels } from "./channels/channels.ts";
import { Controller, type ControllerHost } from "./controller.ts";
import { handOverLeaderships } from "./hand-over.ts";
import { type EstablishedIdentity, Formation, type Identity } from "./formation.ts";
import { decodePeerFrame, encodeLoadFrame } from "./frames.ts";
import { saveIdentity } from "./identity.ts";
import { internalCall } from "./internal-call.ts";
import { TurnLoop } from "./loop.ts";
import { Leaderships } from "./leaderships.ts";
import type { MeasuredLegs } from "./explain.ts";
import { Loads } from "./loads.ts";
import { legsOf } from "./measured-legs.ts";
import { Members, noMembership } from "./members.ts";
import { describeMetrics, MergingTotals } from "./metrics.ts";
import { type OpenStorage, openStorage } from "./open-storage.ts";
import type { NodeOptions } from "./options.ts";
import { PeerBook, peersOf } from "./peer-book.ts";
import { Persister } from "./persister.ts";
import { sharedPulses } from "./pulse.ts";
import type { OrderedReplica } from "./ordered-replica.ts";
import { ReplicaSet } from "./replica-set.ts";
import { Request } from "./request.ts";
import { Requests, type RequestsHost } from "./requests.ts";
import { Router } from "./router.ts";
import { RoutingTable } from "./routing-table.ts";
import { ShardApplier } from "./shard-applier.ts";
import { describeKeyspaces, describeNodes, describeStatus } from "./status.ts";
import { Watches } from "./watches.ts";

/** What is there once the node has its identity and its storage. */
interface Running {
  readonly identity: EstablishedIdentity;
  readonly log: WriteAheadLog;
  readonly state: StateStore;
  readonly persister: Persister;
  readonly loop: TurnLoop;
  readonly router: Router;
  readonly replicas: ReplicaSet;
  readonly controller: Controller;
  readonly leaderships: Leaderships;
  readonly administration: Administration;
  /** Null: switched off. */
  readonly members: Members | null;
  readonly peers: PeerBook;
}

const SWEEP_REPLICAS_MS = 1000;
const CURRENT_RETRY_MS = 100;

export class Node implements KvorumNode {
  readonly #world: World;
  readonly #options: NodeOptions;
  readonly #transport: Transport;
  readonly #formation: Formation;
  readonly #requests: Requests;
  readonly #watches: Watches;
  readonly channels: Channels;
  readonly #startedAt: number;
  readonly #onFatal: (error: Error) => void;
  #identity: Identity;
  #running: Running | null = null;
  #table = new RoutingTable(EMPTY_CATALOG);
  #leaderlessSweeps = 0;
  #catalogCurrent = false;
  #ready = false;
  #readyCallbacks: (() => void)[] = [];
  #waiting: { reason: string; since: number } | null;
  #storageProblem: string | null = null;
  #closing = false;
  #lastProposalTime = 0;
  readonly #gone = new MergingTotals();
  readonly #loads: Loads;
  readonly #counters = { leaderChanges: 0, framesDropped: 0 };

  private constructor(
    world: World,
    options: NodeOptions,
    transport: Transport,
    identity: Identity,
    onFatal: (error: Error) => void,
  ) {
    this.#world = world;
    this.#onFatal = onFatal;
    this.#options = options;
    this.#transport = transport;
    this.#identity = identity;
    this.#startedAt = world.clock.now();
    this.#loads = new Loads(options.loopLag);
    this.#waiting = { reason: "the data directory", since: this.#startedAt };
    this.#requests = new Requests(this.#requestsHost());
    this.#watches = new Watches({
      clock: world.clock,
      limit: options.limits.maxWatches,
      refuses: () => this.#refusesWatches(),
      exists: (group) => this.#table.group(group) !== undefined,
      history: (group) => this.#historyOf(group),
      ask: (group, after, prefix, done) => this.#requests.askForChanges(group, after, prefix, done),
    });
    const { clock, random, log: logger } = world;
    this.channels = new Channels({ clock, random, logger, patience: options.requestTimeout });
    this.#formation = new Formation(
      {
        clock: world.clock,
        random: world.random,
        logger: world.log,
        transport,
        save: (next, done) => this.#saveIdentity(next, done),
        waitingFor: (reason) => this.#waitFor(reason),
      },
      options,
      identity,
      (established) => this.#openStorage(established),
    );
  }

  /**
   * Starts a node over its data directory. `done` comes as soon as it listens; `whenReady` says when it serves. `onFatal`:
   * what the directory holds cannot be served from (corruption, a failing disk); the node will never be ready.
   */
  static start(
    world: World,
    options: NodeOptions,
    identity: Identity,
    onFatal: (error: Error) => void,
    done: (error: Error | null, node?: Node) => void,
  ): void {
    let node: Node | null = null;
    const started = (): Node => {
      invariant(node !== null, "the network calls back only after it has given the transport");
      return node;
    };
    world.network.listen(
      options.listen,
      {
        onFrames: (from, frames) => started().#onFrames(from, frames),
        onUp: (peer) => started().#onPeerUp(peer),
        onDown: (peer) => started().#onPeerDown(peer),
        onCall: (request, answer) => started().#formation.onCall(request, answer),
      },
      (error, transport) => {
        if (error !== null || transport === undefined) {
          done(error ?? new Error("the network gave no transport"));
          return;
        }
        node = new Node(world, options, transport, identity, onFatal);
        node.#formation.start();
        done(null, node);
      },
    );
  }

  #requestsHost(): RequestsHost {
    const table = (): RoutingTable => this.#table;
    const catalogCurrent = (): boolean => this.#catalogCurrent;
    const closing = (): boolean => this.#closing;
    const waitingFor = (): string => this.#waiting?.reason ?? "nothing";
    const router = (): Router | null => this.#running?.router ?? null;
    return {
      clock: this.#world.clock,
      requestTimeout: this.#options.requestTimeout,
      maxInFlight: this.#options.limits.maxInFlight,
      get table() {
        return table();
      },
      get catalogCurrent() {
        return catalogCurrent();
      },
      get closing() {
        return closing();
      },
      get waitingFor() {
        return waitingFor();
      },
      get router() {
        return router();
      },
    };
  }

  // Starting -----------------------------------------------------------------------------------------------------

  #waitFor(reason: string): void {
    if (this.#waiting?.reason === reason) return;
    this.#waiting = { reason, since: this.#world.clock.now() };
    this.#world.log.info({ reason }, "waiting");
  }

  #saveIdentity(identity: Identity, done: () => void): void {
    saveIdentity(this.#world.disk, identity, (error) => {
      if (error !== null) {
        this.#storageFailed(error);
        return;
      }
      this.#identity = identity;
      done();
    });
  }

  #openStorage(identity: EstablishedIdentity): void {
    const { instance } = identity;
    openStorage(
      {
        world: this.#world,
        instance,
        limits: this.#options.limits,
        waitFor: (reason) => this.#waitFor(reason),
        onPressure: (groups) => {
          for (const group of groups) this.#running?.replicas.get(group)?.writeCheckpoint();
          this.#running?.loop.schedule();
        },
        onFlushed: (group, index) => this.#compact(group, index),
        onFailed: (error) => this.#storageFailed(error),
      },
      (storage) => this.#run(identity, storage),
    );
  }

  #run(identity: EstablishedIdentity, { log, state, recovered }: OpenStorage): void {
    if (this.#closing) return;
    const { clock, random, log: logger } = this.#world;
    const persister = new Persister(
      log,
      clock,
      logger,
      (work) => loop.turn(work),
      (error) => this.#storageFailed(error),
    );
    const loop = new TurnLoop(clock, persister, this.#transport, () => router);
    const epoch = Math.floor(random.next() * 2 ** 32);
    const { observe, limits } = this.#options;
    const history: HistoryLimits = {
      get bytes() {
        return Math.min(limits.watchHistoryBytes, limits.watchTotalBytes / replicas.size);
      },
      changes: limits.watchHistoryChanges,
    };
    const router = new Router({
      clock,
      self: identity.node,
      epoch,
      replica: (group) => replicas.get(group),
      merges: (group) => this.#table.merges(group),
      standIn: (group) => replicas.standIn(group),
      holders: (group) => this.#table.group(group)?.replicas ?? [],
      isUp: (node) => this.#transport.isUp(node),
      send: (to, frame) => this.#transport.send(to, frame),
      refusesWrites: () => this.#refusesWrites(),
      scheduleFlush: () => loop.schedule(),
      watch: (request, timeout) => this.#requests.deadlines.watch(request, timeout),
    });
    const replicas = new ReplicaSet(
      {
        clock,
        random,
        logger,
        persister,
        pulses: sharedPulses(clock),
        self: identity.node,
        timings: this.#options.raft,
        snapshotChunkBytes: this.#options.limits.snapshotChunkBytes,
        founders: identity.founding ? identity.members.map((member) => member.id) : null,
        send: (to, frame) => {
          if (!this.#transport.send(to, frame)) this.#counters.framesDropped++;
          loop.schedule();
        },
        schedule: (replica) => loop.scheduleReplica(replica),
        onLeaderChange: (replica) => this.#onLeaderChange(replica),
        onDeleted: (replica) => this.#gone.add(replica),
        onReady: () => router.retryParked(),
        onRetired: (replica) => {
          controller.reportLeft(replica.group);
          replicas.onRetired(replica);
        },
        expire: (replica, done) =>
          this.#requests.internalWrite(
            replica,
            { group: replica.group, operation: { kind: "command", ...internalCall(".expire") }, quorum: 1 },
            done,
          ),
        ...(observe === undefined
          ? {}
          : {
              onApply: (replica: OrderedReplica, index: LogIndex, command: Uint8Array) =>
                observe({ type: "applied", node: identity.node, group: replica.group, index, command }),
              onStep: ({ group, machine }: OrderedReplica) => {
                const { term, commitIndex, log } = machine;
                observe({ type: "stepped", node: identity.node, group, term, commitIndex, log });
              },
            }),
        onFailed: (replica, error) =>
          logger.error({ group: replica.group, problem: error.message }, "a replica stopped itself"),
        proposalTime: () => this.#proposalTime(),
        maxValueBytes: (group) =>
          this.#table.keyspaceOfGroup(group)?.limits.maxValueBytes ?? Number.MAX_SAFE_INTEGER,
        createApplier: (group, records) =>
          group === SYSTEM_GROUP
            ? new CatalogApplier(records, (catalog) => this.#onCatalog(catalog))
            : new ShardApplier(records, {
                clock,
                isLeader: () => replicas.ordered(group)?.isReady ?? false,
                history,
                onChanges: () => this.#watches.onChanges(group),
                propose: (call, done) => {
                  const replica = replicas.ordered(group);
                  if (replica?.isLeader === true)
                    this.#requests.internalWrite(
                      replica,
                      { group, operation: { kind: "command", ...call } },
                      done,
                    );
                  else done(null);
                },
              }),
      },
      log,
      state,
      recovered,
    );
    const administration = new Administration({
      clock,
      self: identity.node,
      epoch,
      table: () => this.#table,
      replica: (group) => replicas.ordered(group),
      isUp: (node) => this.#transport.isUp(node),
      leadership: (group) => leaderships.describe(group),
      send: (to, frame) => {
        const sent = this.#transport.send(to, frame);
        loop.schedule();
        return sent;
      },
    });
    const { leadersFollowWrites: follow, rules } = this.#options.placement;
    const leaderships = new Leaderships({
      clock,
      logger,
      self: identity.node,
      follow,
      rules,
      isUp: (node) => this.#transport.isUp(node),
      isBusy: (node) => this.#loads.isBusy(clock.now(), node),
      distance: zoneDistance((id) => this.#table.catalog.nodes.find((node) => node.id === id)?.zone),
      holds: (group) => replicas.get(group) !== undefined,
    });
    const controllerHost: ControllerHost = {
      clock,
      logger,
      self: identity.node,
      founders: identity.founding ? identity.members : null,
      catalog: () => this.#table.catalog,
      replicas: () => replicas.all(),
      isUp: (node) => node === identity.node || this.#transport.isUp(node),
      change: (command, done) => administration.change(command, (result) => done(result.ok)),
      diskFull: () => persister.full,
      defaultShards: this.#options.defaultShards ?? null,
      defaultReplicas: this.#options.defaultReplicas ?? null,
    };
    const controller = new Controller(controllerHost, leaderships);
    const members = this.#createMembers(identity, loop);
    const peers = new PeerBook({
      identity,
      transport: this.#transport,
      formation: this.#formation,
      catalog: () => this.#table.catalog,
      onMembers: (known) => members?.follow(known),
    });
    const parts = { identity, log, state, persister, loop, router, replicas, controller, administration };
    this.#running = { ...parts, leaderships, members, peers };
    this.channels.start({
      self: identity.node,
      life: epoch,
      send: (to, frame) => {
        this.#transport.send(to, frame);
        loop.schedule();
      },
      change: (command, done) => administration.change(command, done),
      decides: () => replicas.ordered(SYSTEM_GROUP)?.isReady ?? false,
      isUp: (node) => this.#transport.isUp(node),
      isDead: (node) => {
        const state = members?.stateOf(node) ?? null;
        return state === null ? null : state === "dead" || state === "left";
      },
    });

    this.#transport.identify(
      { cluster: identity.cluster, node: identity.node },
      peersOf(identity.members, identity.node),
    );
    this.#formation.decideJoin = ({ name, instance, addresses }, answer) => {
      administration.change({ type: "node-join", name, instance, addresses }, (result) => {
        if (!result.ok || result.node === undefined) {
          answer({ ok: false, reason: result.ok ? "no node id was given" : result.message });
          return;
        }
        const { nodes } = this.#table.catalog;
        const members = nodes.length > 0 ? nodes : identity.members;
        answer({ ok: true, cluster: identity.cluster, node: result.node, members, founding: false });
      });
    };
    this.#formation.tellMembers = () => {
      const { version, nodes } = this.#table.catalog;
      return { cluster: identity.cluster, version, members: version > 0 ? nodes : identity.members };
    };
    try {
      replicas.startRecovered();
    } catch (error) {
      if (!(error instanceof InvariantError || error instanceof CodecError)) throw error;
      // Whole records that do not fit together: the node must not go on from them, and must say so.
      this.#onFatal(new DiskError("corrupt", "log", `its records contradict each other: ${error.message}`));
      return;
    }
    this.#onCatalog((replicas.ordered(SYSTEM_GROUP)!.applier as CatalogApplier).catalog);
    replicas.openKnown(this.#table.catalog);
    controller.start();
    this.#requests.deadlines.start();
    this.#sweep();
    this.#waitFor("a majority of the system group");
    this.#becomeCurrent();
  }

  #createMembers({ node: self }: EstablishedIdentity, loop: TurnLoop): Members | null {
    const { membership: options, name, addresses } = this.#options;
    if (!options.enabled) return null;
    const { clock, random, log: logger } = this.#world;
    const send = (to: NodeId, frame: Uint8Array): void => {
      this.#transport.send(to, frame);
      loop.schedule();
    };
    return new Members({ clock, random, logger, self, name, address: addresses.peer, options, send });
  }

  /** A linearizable read of the system group: once it is served, this node's catalog holds everything from before its start. */
  #becomeCurrent(): void {
    const running = this.#running;
    if (running === null || this.#closing) return;
    const deadline = this.#world.clock.now() + this.#options.requestTimeout;
    const request = new Request(
      { group: SYSTEM_GROUP, operation: NO_OPERATION, write: false, deadline },
      null,
      (_reply, failure) => {
        if (failure !== null) {
          this.#world.clock.setTimer(CURRENT_RETRY_MS, () => this.#becomeCurrent());
          return;
        }
        this.#catalogCurrent = true;
        this.#onCatalog(this.#table.catalog);
        this.#announceAddresses(running);
        this.#checkReady();
      },
    );
    this.#requests.deadlines.watch(request, this.#options.requestTimeout);
    const system = running.replicas.ordered(SYSTEM_GROUP)!;
    if (system.leader === null) request.fail("no-leader");
    else system.read(request);
  }

  /** This node was started with other addresses than the catalog knows: tell everybody. */
  #announceAddresses(running: Running): void {
    const { node } = running.identity;
    const known = this.#table.catalog.nodes.find((candidate) => candidate.id === node);
    const { addresses } = this.#options;
    if (known === undefined || this.#closing) return;
    const { peer, resp, http, cluster, zone } = known;
    const now = { peer: addresses.peer, resp: addresses.resp, http: addresses.http };
    const announced = { ...now, cluster: addresses.cluster, zone: addresses.zone };
    if (JSON.stringify({ peer, resp, http, cluster, zone }) === JSON.stringify(announced)) return;
    running.administration.change({ type: "node-update", node, addresses }, (result) => {
      if (!result.ok) this.#world.clock.setTimer(1000, () => this.#announceAddresses(running));
    });
  }

  /** Ready: the catalog is current, and every shard that this node knows of can be served. */
  #checkReady(): void {
    if (this.#ready || !this.#catalogCurrent || this.#closing) return;
    const { catalog } = this.#table;
    const leaderless = catalog.groups.filter((group) => this.#running!.replicas.isWaiting(group.id));
    if (catalog.keyspaces.length > 0 && leaderless.length === 0) {
      this.#ready = true;
      this.#waiting = null;
      for (const callback of this.#readyCallbacks.splice(0)) callback();
      return;
    }
    this.#waitFor(
      catalog.keyspaces.length === 0
        ? "the system group's leader to create the default keyspace"
        : `${leaderless.length} of ${catalog.groups.length} shards to elect a leader or to catch up`,
    );
    this.#world.clock.setTimer(CURRENT_RETRY_MS, () => this.#checkReady());
  }

  // What happens -------------------------------------------------------------------------------------------------

  #onCatalog(catalog: Catalog): void {
    this.#table = new RoutingTable(catalog);
    const running = this.#running;
    if (running === null) return;
    const { peers, replicas, router } = running;
    peers.update();
    // Each state in its turn: a view that is passed over would be missed.
    if (catalog.channels.epoch > 0) this.#world.clock.defer(() => this.channels.follow(catalog.channels));
    if (!this.#catalogCurrent) return;
    // Not from within the step that applied it: replicas come and go.
    this.#world.clock.defer(() => {
      if (this.#closing) return;
      replicas.follow(this.#table.catalog);
      router.retryParked();
    });
  }

  #onFrames(from: NodeId, frames: readonly Uint8Array[]): void {
    const running = this.#running;
    if (running === null || this.#closing) return;
    for (const bytes of frames) {
      try {
        const frame = decodePeerFrame(bytes);
        switch (frame.kind) {
          case "protocol":
            running.replicas.forMessage(frame.group, frame.message)?.onMessage(from, frame.message);
            break;
          case "requests":
            running.router.onRequests(from, frame.epoch, frame.requests);
            break;
          case "responses":
            running.router.onResponses(frame.epoch, frame.responses);
            break;
          case "admin":
            running.administration.onRequest(from, frame.epoch, frame.id, frame.request);
            break;
          case "admin-result":
            running.administration.onResult(frame.epoch, frame.id, frame.result);
            break;
          case "membership":
            running.members?.onMessage(from, frame.message);
            break;
          case "channel":
            this.channels.onMessage(from, frame.guarantee, frame.message);
            break;
          case "load":
            this.#loads.onReport(this.#world.clock.now(), from, frame.lag);
            break;
        }
      } catch (error) {
        if (!(error instanceof CodecError)) throw error;
        this.#world.log.warn({ from, problem: error.message }, "dropped a malformed frame");
      }
    }
  }

  #onPeerUp(peer: NodeId): void {
    this.#world.log.debug({ peer }, "peer up");
    const running = this.#running;
    if (running === null) return;
    for (const replica of running.replicas.all()) if (replica.kind === "merging") replica.onReachable(peer);
    running.router.retryParked();
    running.loop.schedule();
  }

  #onPeerDown(peer: NodeId): void {
    this.#world.log.debug({ peer }, "peer down");
    const running = this.#running;
    if (running === null) return;
    running.router.onPeerDown(peer);
    running.administration.onPeerDown(peer);
    this.channels.onPeerDown(peer);
    for (const replica of running.replicas.all()) replica.onUnreachable(peer);
    running.loop.schedule();
  }

  #onLeaderChange(replica: OrderedReplica): void {
    this.#counters.leaderChanges++;
    if (replica.isLeader) {
      const { group, machine } = replica;
      this.#options.observe?.({ type: "leader", node: this.#identity.node!, group, term: machine.term });
    }
    this.#running?.router.retryParked();
    if (replica.isReady && replica.applier instanceof ShardApplier) replica.applier.onLead();
  }

  /** The disk failed for good: every replica here stops and says so; the node goes on as a way to the others. */
  #storageFailed(error: DiskError): void {
    this.#storageProblem ??= error.message;
    this.#world.log.error({ problem: error.message }, "storage failed");
    const running = this.#running;
    if (running === null) this.#onFatal(error);
    else for (const replica of running.replicas.all()) replica.fail(error);
  }

  #refusesWrites(): { error: ErrorCode; detail: string } | null {
    const { persister, state } = this.#running!;
    const { maxUnsyncedBytes } = this.#options.limits;
    if (persister.full) return { error: "disk-full", detail: "" };
    if (state.overloaded) {
      return { error: "overloaded", detail: "Applied state waits to be stored (maxOverlayBytes)." };
    }
    if (persister.pendingBytes > maxUnsyncedBytes) {
      return { error: "overloaded", detail: "The log waits for the disk (maxUnsyncedBytes)." };
    }
    return null;
  }

  /** The state is durable up to there. The log keeps what a lagging replica may still need, until it is too much. */
  #compact(group: GroupId, appliedIndex: number): void {
    const replica = this.#running?.replicas.get(group);
    if (replica === undefined) return;
    const { compactAtBytes, compactForcedAtBytes } = this.#options.limits;
    if (replica.machine.logBytes < compactAtBytes) return;
    let upTo = appliedIndex;
    if (replica.kind === "ordered" && replica.machine.logBytes < compactForcedAtBytes) {
      const { lastIndex } = replica.machine;
      for (const lag of replica.machine.peersLag().values()) upTo = Math.min(upTo, lastIndex - lag);
    }
    replica.compact(upTo);
    this.#running!.loop.schedule();
  }

  /** Wall-clock time that never goes back on this node, so that log time is steady while the leader stays. */
  #proposalTime(): number {
    this.#lastProposalTime = Math.max(this.#lastProposalTime, Math.floor(this.#world.clock.wall()));
    return this.#lastProposalTime;
  }

  #sweep(): void {
    if (this.#closing) return;
    for (const replica of this.#running!.replicas.all()) replica.sweep();
    this.#running!.router.sweep();
    const { identity, peers, replicas } = this.#running!;
    this.#leaderlessSweeps = replicas.ordered(SYSTEM_GROUP)?.leader === null ? this.#leaderlessSweeps + 1 : 0;
    if (this.#leaderlessSweeps >= 2) peers.askWhoIsThere();
    this.#tellLoad(identity);
    this.#world.clock.setTimer(SWEEP_REPLICAS_MS, () => this.#sweep());
  }

  #tellLoad({ node: self }: EstablishedIdentity): void {
    const lag = this.#loads.report();
    if (lag === null) return;
    for (const { id } of this.#table.catalog.nodes)
      if (id !== self && this.#transport.isUp(id)) this.#transport.send(id, encodeLoadFrame(lag));
    this.#running!.loop.schedule();
  }

  // Requests -----------------------------------------------------------------------------------------------------

  execute(call: CommandCall, options: CallOptions, done: ReplyCallback): void {
    this.#requests.execute(call, options, done);
  }

  executeOn(group: GroupId, call: CommandCall, options: CallOptions, done: ReplyCallback): void {
    this.#requests.executeOn(group, call, options, done);
  }

  transaction(
    calls: readonly CommandCall[],
    watched: readonly WatchedKey[],
    options: CallOptions,
    done: ReplyCallback,
  ): void {
    this.#requests.transaction(calls, watched, options, done);
  }

  watch(group: GroupId, options: WatchOptions, listener: WatchListener): WatchHandle {
    return this.#watches.watch(group, options, listener);
  }

  #refusesWatches(): { readonly error: ErrorCode; readonly detail: string } | null {
    if (this.#closing) return { error: "closing", detail: "" };
    if (this.#running !== null && this.#catalogCurrent) return null;
    return { error: "no-leader", detail: `The node is starting: waiting for ${this.#waiting?.reason}.` };
  }

  /** Null where there is no replica that has a state and works: then another node is asked. */
  #historyOf(group: GroupId): History | null {
    const replica = this.#running?.replicas.get(group);
    if (replica?.kind !== "ordered" || replica.failure !== null || replica.appliedIndex === 0) return null;
    return replica.applier instanceof ShardApplier ? replica.applier.history : null;
  }

  admin(request: AdminRequest, done: (result: AdminResult) => void): void {
    const running = this.#running;
    if (running === null || !this.#catalogCurrent || this.#closing) {
      const reason = this.#closing
        ? "the node is shutting down"
        : `the node waits for ${this.#waiting?.reason}`;
      done({ ok: false, code: "no-leader", message: `Not ready: ${reason}.` });
      return;
    }
    running.administration.execute(request, done);
  }

  // Telling ------------------------------------------------------------------------------------------------------

  /** The group of a key's shard; null while there are no keyspaces. */
  groupOfKey(key: Uint8Array): GroupId | null {
    const keyspace = this.#table.keyspaceOfKey(key);
    return keyspace === undefined ? null : this.#table.groupOfKey(keyspace, key);
  }

  keyspaceOfKey(key: Uint8Array): string | null {
    return this.#table.keyspaceOfKey(key)?.name ?? null;
  }

  users(): readonly CatalogUser[] {
    return this.#table.catalog.users;
  }

  shards(): readonly ShardInfo[] {
    return this.keyspaces().flatMap((keyspace) => keyspace.shardList);
  }

  leaderOf(group: GroupId): NodeId | null {
    return this.#running?.router.leaderOf(group) ?? null;
  }

  redirect(group: GroupId): NodeId | null {
    return this.#running?.router.redirect(group) ?? null;
  }

  keyspaces(): readonly KeyspaceInfo[] {
    return describeKeyspaces(this.#table.catalog, (group) => this.leaderOf(group));
  }

  whenReady(callback: () => void): void {
    if (this.#ready) callback();
    else this.#readyCallbacks.push(callback);
  }

  get ready(): boolean {
    return this.#ready && !this.#closing;
  }

  measuredLegs(name: string): MeasuredLegs | null {
    const keyspace = this.#table.keyspace(name);
    if (keyspace === undefined || keyspace.quorum === null) return null;
    const times = keyspace.groups.flatMap((group) => {
      const replica = this.#running?.replicas.get(group);
      return replica?.kind === "merging" ? (replica.machine.times ?? []) : [];
    });
    return legsOf(times, keyspace.quorum.r);
  }

  leaderships(groups: readonly GroupId[], done: (leaderships: readonly LeadershipInfo[]) => void): void {
    if (this.#running === null || this.#closing) done([]);
    else this.#running.administration.leaderships(groups, done);
  }

  status(): NodeStatus {
    const running = this.#running;
    const now = this.#world.clock.now();
    return describeStatus({
      now,
      version: this.#options.version,
      identity: this.#identity,
      waiting:
        this.#waiting === null
          ? null
          : { reason: this.#waiting.reason, milliseconds: Math.round(now - this.#waiting.since) },
      ready: this.ready,
      uptimeMilliseconds: Math.round(now - this.#startedAt),
      ...this.#memberParts(),
      keyspaces: this.keyspaces(),
      groups: this.#table.catalog.groups,
      replicas: running === null ? [] : [...running.replicas.all()],
      storage: {
        healthy: this.#storageProblem === null && running?.persister.full !== true,
        problem: this.#storageProblem ?? (running?.persister.full === true ? "the disk is full" : null),
        logBytes: running?.log.stats().bytes ?? 0,
        overlayBytes: running?.state.overlayBytes() ?? 0,
      },
      loopLagMilliseconds: this.#options.loopLag(),
    });
  }

  nodes(): readonly NodeInfo[] {
    return describeNodes(this.#memberParts());
  }

  #memberParts(): Parameters<typeof describeNodes>[0] {
    const { catalog } = this.#table;
    return {
      members: catalog.version > 0 ? catalog.nodes : this.#identity.members,
      isUp: (node) => node === this.#identity.node || this.#transport.isUp(node),
      membershipOf: (node) => this.#running?.members?.stateOf(node) ?? null,
    };
  }

  members(): MembershipInfo {
    return this.#running?.members?.describe() ?? noMembership(this.#options.name);
  }

  metrics(): NodeMetrics {
    const running = this.#running;
    const log = running?.log.stats();
    const channels = this.channels.metrics();
    return describeMetrics({
      self: this.#identity.node ?? nodeId(0),
      membership: this.members(),
      replicas: running === null ? [] : [...running.replicas.all()],
      gone: this.#gone,
      counters: {
        ...channels.counters,
        commands_total: this.#requests.counters.commands,
        refusals_total: this.#requests.counters.failures,
        overloaded_total: this.#requests.counters.overloaded,
        leader_changes_total: this.#counters.leaderChanges,
        leader_moves_requests_total: running?.leaderships.moves.requests ?? 0,
        leader_moves_preferred_total: running?.leaderships.moves.preferred ?? 0,
        leader_moves_disk_full_total: running?.leaderships.moves["disk-full"] ?? 0,
        requests_forwarded_total: running?.router.forwardedTotal ?? 0,
        peer_frames_dropped_total: this.#counters.framesDropped,
        turns_total: running?.loop.turns ?? 0,
        log_appends_total: log?.appends ?? 0,
        log_syncs_total: log?.syncs ?? 0,
      },
      gauges: {
        ...channels.gauges,
        ready: this.ready ? 1 : 0,
        requests_in_flight: this.#requests.inFlight,
        requests_waiting_for_leader: running?.router.parkedCount ?? 0,
        requests_forwarded: running?.router.forwardCount ?? 0,
        log_bytes: log?.bytes ?? 0,
        log_unsynced_bytes: running?.persister.pendingBytes ?? 0,
        overlay_bytes: running?.state.overlayBytes() ?? 0,
        watches: this.#watches.count,
        storage_healthy: this.#storageProblem === null ? 1 : 0,
      },
    });
  }

  // Ending -------------------------------------------------------------------------------------------------------

  close(done: () => void): void {
    if (this.#closing) {
      done();
      return;
    }
    const running = this.#running;
    if (running === null) {
      this.#closing = true;
      this.#formation.close();
      this.channels.close();
      this.#requests.deadlines.stop();
      this.#transport.close(done);
      return;
    }
    running.controller.stop();
    running.loop.schedule();
    const isUp = (node: NodeId): boolean => this.#transport.isUp(node);
    handOverLeaderships(running.replicas.all(), isUp, this.#world.clock, () => {
      this.#closing = true;
      this.#formation.close();
      this.#requests.deadlines.stop();
      this.#watches.closeAll();
      running.replicas.closeAll();
      running.members?.close();
      this.channels.close();
      running.administration.close();
      this.#requests.deadlines.expireAll();
      running.loop.schedule();
      this.#world.clock.defer(() => {
        this.#transport.close(() => running.state.close(() => running.log.close(() => done())));
      });
    });
  }
}

const NO_OPERATION: Operation = { kind: "transaction", calls: [], watched: [] };
