/** One server process: the real world, a node in it, and the doors in front. */
import { createServer, type Socket } from "node:net";
import { isAbsolute, resolve } from "node:path";
import type { Address, Logger, World } from "../core/world.ts";
import type { KvorumNode } from "../node/api.ts";
import type { Identity } from "../node/formation.ts";
import { loadIdentity } from "../node/identity.ts";
import { Node } from "../node/node.ts";
import { MAX_OPERATION_BYTES } from "../node/sizes.ts";
import { DEFAULT_PLACEMENT, type NodeOptions } from "../node/options.ts";
import { NodeDisk } from "../storage/disk/node-disk.ts";
import { lockDirectory } from "../storage/directory.ts";
import { openLevelStore } from "../storage/state/level-store.ts";
import { createTcpNetwork } from "../transport/tcp-network.ts";
import { plainTcp, type SocketFactory } from "../transport/sockets.ts";
import { type TlsIdentity, tlsSockets } from "../transport/tls-sockets.ts";
import { keepGarbageRoom } from "../world/garbage-room.ts";
import { measureLoopLag } from "../world/loop-lag.ts";
import { NodeClock } from "../world/node-clock.ts";
import { createNodeRandom } from "../world/node-random.ts";
import { type HttpServer, startHttpServer } from "./http/http-server.ts";
import { type ServerOptions, formatAddress } from "./options.ts";
import { type RespServer, createRespServer } from "./resp/server.ts";
import { makeFirstAdministrator, readAdminPassword } from "./security/first-administrator.ts";
import { Security } from "./security/security.ts";
import { TlsFilesIdentity } from "./security/tls-files.ts";

export interface RunningServer {
  readonly node: KvorumNode;
  /** Null: that door is closed. */
  readonly addresses: {
    readonly resp: string | null;
    readonly cluster: string | null;
    readonly http: string | null;
    readonly peer: string;
  };
  /** A connection of a Redis client that came in elsewhere, as if it had come in at the RESP port. Nothing of it was read yet. */
  take(socket: Socket): void;
  /** With an adminPasswordFile: once somebody can log in. */
  readonly administered?: Promise<void>;
  /** The node can never serve from its directory (corruption, a failed disk): why. Called at most once. */
  onFatal(callback: (error: Error) => void): void;
  close(): Promise<void>;
}

/** Which doors a node has besides the one for its peers, and the one for cluster-aware clients that its options may name. */
export interface Doors {
  readonly resp: boolean;
  readonly http: boolean;
}

const ALL_DOORS: Doors = { resp: true, http: true };

/** Opens the directory and all doors. Fails with a sentence that says what is in the way; nothing stays open then. */
export async function startServer(
  options: ServerOptions,
  log: Logger,
  version: string,
  doors = ALL_DOORS,
  route: (peer: Address) => Address = (peer) => peer,
): Promise<RunningServer> {
  const directory = isAbsolute(options.dataDir) ? options.dataDir : resolve(options.dataDir);
  const lock = await lockDirectory(directory);
  const undo: (() => Promise<void>)[] = [() => lock.release()];
  try {
    const adminPassword =
      options.adminPasswordFile === null ? null : readAdminPassword(options.adminPasswordFile);
    const tls = openTls(options, log);
    if (tls !== null) undo.push(async () => tls.close());
    const sockets = routed(tls === null ? plainTcp : tlsSockets(tls, log), route);
    const clock = new NodeClock();
    const random = createNodeRandom();
    const world: World = {
      clock,
      random,
      log,
      disk: new NodeDisk(directory, { openStore: openLevelStore }),
      network: createTcpNetwork({ clock, random, log, sockets }),
    };
    const ports = {
      resp: doors.resp ? await settlePort(options.host, options.respPort) : null,
      cluster: options.clusterPort === null ? null : await settlePort(options.host, options.clusterPort),
      http: doors.http ? await settlePort(options.host, options.httpPort) : null,
      peer: await settlePort(options.host, options.peerPort),
    };
    const fatal = new Fatal();
    const lag = measureLoopLag();
    undo.push(async () => lag.stop());
    const room = keepGarbageRoom();
    undo.push(async () => room.stop());
    const node = await startNode(world, nodeOptions(options, ports, version, lag.lagMilliseconds), fatal);
    undo.push(() => new Promise((done) => node.close(done)));

    const security = new Security({
      node,
      log,
      trustNetwork: options.insecure,
      alwaysLogIn: adminPassword !== null,
    });
    const administrator =
      adminPassword === null ? null : makeFirstAdministrator(node, security.passwords, adminPassword, log);
    undo.push(async () => administrator?.stop());
    const behind: Behind = { node, security, log, ...(tls === null ? {} : { tls }) };
    const http = ports.http === null ? null : await openHttp(behind, options, ports.http);
    if (http !== null) undo.push(() => http.close());
    const resp = ports.resp === null ? null : await openResp(behind, options, ports.resp);
    if (resp !== null) undo.push(() => new Promise((done) => resp.close(done)));
    const cluster =
      ports.cluster === null ? null : await openResp(behind, options, ports.cluster, options.clusterKeyspace);
    if (cluster !== null) undo.push(() => new Promise((done) => cluster.close(done)));

    return {
      node,
      addresses: addressesOf(options, ports, http, resp, cluster),
      take: (socket) => (resp === null ? void socket.destroy() : resp.take(socket)),
      onFatal: (callback) => fatal.listen(callback),
      ...(administrator === null ? {} : { administered: administrator.known }),
      close: () => closeAll(undo),
    };
  } catch (error) {
    await closeAll(undo);
    throw error;
  }
}

const routed = (sockets: SocketFactory, route: (peer: Address) => Address): SocketFactory => ({
  ...sockets,
  connect: (peer) => sockets.connect(route(peer)),
});

/** Null: nothing is encrypted. */
function openTls({ tls: { cert, key, ca } }: ServerOptions, log: Logger): TlsFilesIdentity | null {
  return cert === null || key === null || ca === null ? null : new TlsFilesIdentity({ cert, key, ca }, log);
}

interface Ports {
  readonly resp: number | null;
  readonly cluster: number | null;
  readonly http: number | null;
  readonly peer: number;
}

/** In the reverse order of opening: no new commands, then no HTTP, then the node hands over and closes, then the lock goes. */
async function closeAll(undo: (() => Promise<void>)[]): Promise<void> {
  for (const step of undo.splice(0).reverse()) await step();
}

function nodeOptions(
  options: ServerOptions,
  ports: Ports,
  version: string,
  loopLag: () => number,
): NodeOptions {
  const host = options.advertiseHost ?? options.host;
  const peer = { host, port: ports.peer };
  const alone = options.initial.length === 0 && options.join.length === 0;
  return {
    name: options.name,
    version,
    listen: { host: options.host, port: ports.peer },
    addresses: {
      peer,
      resp: ports.resp === null ? "" : formatAddress({ host, port: ports.resp }),
      http: ports.http === null ? "" : formatAddress({ host, port: ports.http }),
      ...(ports.cluster === null ? {} : { cluster: formatAddress({ host, port: ports.cluster }) }),
      ...(options.zone === null ? {} : { zone: options.zone }),
    },
    initial: alone
      ? [{ name: options.name, peer }]
      : options.initial.map((member) => ({
          name: member.name,
          peer: { host: member.host, port: member.port },
        })),
    join: options.join,
    requestTimeout: options.limits.requestTimeout,
    raft: options.raft,
    membership: options.membership,
    placement: { ...DEFAULT_PLACEMENT, ...options.placement },
    ...(options.defaultShards === null ? {} : { defaultShards: options.defaultShards }),
    ...(options.defaultReplicas === null ? {} : { defaultReplicas: options.defaultReplicas }),
    limits: {
      maxInFlight: options.limits.maxInFlight,
      maxOverlayBytes: options.limits.maxOverlayBytes,
      recordIndexBytes: options.limits.recordIndexBytes,
      maxUnsyncedBytes: options.limits.maxUnsyncedBytes,
      maxWatches: options.limits.maxWatches,
      watchHistoryBytes: options.limits.watchHistoryBytes,
      watchTotalBytes: options.limits.watchTotalBytes,
      watchHistoryChanges: options.limits.watchHistoryChanges,
      ...options.storage,
    },
    loopLag,
  };
}

async function startNode(world: World, options: NodeOptions, fatal: Fatal): Promise<Node> {
  const identity = await new Promise<Identity>((done, failed) => {
    loadIdentity(world.disk, options.name, world.random, (error, loaded) => {
      if (error === null && loaded !== undefined) done(loaded);
      else failed(error ?? new Error("the data directory has no identity"));
    });
  });
  return new Promise((done, failed) => {
    Node.start(
      world,
      options,
      identity,
      (error) => fatal.report(error),
      (error, node) => {
        if (error === null && node !== undefined) done(node);
        else failed(error ?? new Error("the node did not start"));
      },
    );
  });
}

/** What every door has behind it. */
interface Behind {
  readonly node: KvorumNode;
  readonly security: Security;
  readonly log: Logger;
  readonly tls?: TlsIdentity;
}

function openHttp(
  { node, log, ...behind }: Behind,
  options: ServerOptions,
  port: number,
): Promise<HttpServer> {
  const { host, allowedHosts, corsOrigins, openMetrics } = options;
  return startHttpServer(node, { host, port, allowedHosts, corsOrigins, openMetrics, ...behind }, log);
}

/** With a keyspace: a port for cluster-aware clients. */
async function openResp(
  behind: Behind,
  options: ServerOptions,
  port: number,
  clusterKeyspace?: string,
): Promise<RespServer> {
  const { limits } = options;
  const server = createRespServer({
    ...behind,
    ...(clusterKeyspace === undefined ? {} : { clusterKeyspace }),
    host: options.host,
    port,
    options: {
      maxConnections: limits.maxConnections,
      // How large a value may be is the keyspace's to say; the door only keeps out what no keyspace allows.
      maxBulkBytes: MAX_OPERATION_BYTES,
      maxCommandBytes: limits.maxCommandBytes,
      maxPipelinedCommands: limits.maxPipelinedCommands,
      maxPipelinedBytes: limits.maxPipelinedBytes,
      maxOutputBytes: limits.maxOutputBytes,
      maxBufferedBytes: limits.maxBufferedBytes,
      idleTimeout: limits.idleTimeout,
    },
  });
  await new Promise<void>((done, failed) => {
    server.listen((error) => (error === null ? done() : failed(error)));
  });
  return server;
}

function addressesOf(
  options: ServerOptions,
  ports: Ports,
  http: HttpServer | null,
  resp: RespServer | null,
  cluster: RespServer | null,
): RunningServer["addresses"] {
  return {
    resp: resp?.address ?? null,
    cluster: cluster?.address ?? null,
    http: http === null ? null : formatAddress(http.address),
    peer: formatAddress({ host: options.host, port: ports.peer }),
  };
}

/** Port 0 means any free one. It has to be known before the door opens, because the catalog tells it to others. */
async function settlePort(host: string, port: number): Promise<number> {
  if (port !== 0) return port;
  return new Promise((done, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen({ host, port: 0 }, () => {
      const address = probe.address();
      probe.close(() => done(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** Remembers a fatal error for a listener that comes later. */
class Fatal {
  #error: Error | null = null;
  #callback: ((error: Error) => void) | null = null;

  report(error: Error): void {
    if (this.#error !== null) return;
    this.#error = error;
    this.#callback?.(error);
  }

  listen(callback: (error: Error) => void): void {
    this.#callback = callback;
    if (this.#error !== null) callback(this.#error);
  }
}
