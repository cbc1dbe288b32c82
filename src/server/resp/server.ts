/** The RESP door: listens, and holds all clients to the limits they share. */
import { createServer, type AddressInfo, type Server, type ServerOpts, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { findCommand, publicCommands, repliesWithPairs } from "../../data/commands.ts";
import { invariant } from "../../core/assert.ts";
import type { Logger } from "../../core/world.ts";
import type { CommandSpec } from "../../data/contract.ts";
import type { KvorumNode } from "../../node/api.ts";
import { frugal } from "../../transport/frugal-socket.ts";
import { TLS_HANDSHAKE_MS, type TlsIdentity } from "../../transport/tls-sockets.ts";
import { Security } from "../security/security.ts";
import { AttachedClient, type AttachedHost, type AttachedPeer } from "../wire/attached-client.ts";
import { mayListen } from "./authorise.ts";
import { CommandTable } from "./command-table.ts";
import { Connection, type ConnectionHost } from "./connection.ts";
import { CursorTable } from "./cursors.ts";
import { DEFAULT_OPTIONS, newStats, type RespOptions, type RespStats } from "./options.ts";
import type { Command, DataCommand, Door } from "./session.ts";
import { SESSION_COMMANDS } from "./session/index.ts";
import { ReplyWriter } from "./writer.ts";

export interface RespServerSettings {
  readonly node: KvorumNode;
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly log: Logger;
  readonly options?: Partial<RespOptions>;
  /** Default: one of its own, which knows the node's users. */
  readonly security?: Security;
  /** Encrypts; without it, the port does not. */
  readonly tls?: TlsIdentity;
  /** Makes it a port for cluster-aware clients, whose slot map describes this keyspace. Without it they are redirected when they ask for it. */
  readonly clusterKeyspace?: string;
}

export interface RespServer {
  /** `done` gets an error that says what to do when the address cannot be had. */
  listen(done: (error: Error | null) => void): void;
  /** A connection that came in elsewhere, as if it had come in here. Nothing of it was read yet. */
  take(socket: Socket): void;
  /** Takes no more clients and commands, answers what is under way (for at most `closeTimeout`), then closes. */
  close(done: () => void): void;
  /** Where it listens, as host:port; null while it does not. */
  readonly address: string | null;
  readonly stats: Readonly<RespStats>;
}

const TOO_MANY = "-ERR max number of clients reached\r\n";
const RATE_SAMPLES = 16;
const RATE_INTERVAL_MS = 250;
const IDLE_SWEEPS = 4;
const SUBSCRIBERS_SWEEP_MS = 1000;

export function createRespServer(settings: RespServerSettings): RespServer {
  return new RespDoor(settings);
}

/** One table for all servers of a process: commands are immutable. */
let table: { readonly commands: CommandTable; readonly probe: DataCommand } | null = null;

function commandTable(): { readonly commands: CommandTable; readonly probe: DataCommand } {
  if (table === null) {
    const spec = findCommand(".version");
    invariant(spec !== undefined, "src/data has a command .version");
    const data: Command[] = publicCommands.map(dataCommand);
    table = {
      commands: new CommandTable([...data, ...SESSION_COMMANDS]),
      probe: dataCommand(spec),
    };
  }
  return table;
}

const CONTAINERS: ReadonlySet<string> = new Set(["object"]);

function dataCommand(spec: CommandSpec): DataCommand {
  const { name, arity } = spec;
  return {
    kind: "data",
    name,
    arity,
    spec,
    pairs: repliesWithPairs.has(spec),
    container: CONTAINERS.has(name),
  };
}

class RespDoor implements RespServer, ConnectionHost {
  readonly node: KvorumNode;
  readonly door: Door;
  readonly log: Logger;
  readonly options: RespOptions;
  readonly stats: RespStats = newStats();
  readonly clients = new Map<number, Connection>();
  readonly cursors: CursorTable;
  readonly commands: CommandTable;
  readonly probe: DataCommand;
  readonly security: Security;
  readonly writer = new ReplyWriter();
  readonly startedAt = Date.now();

  readonly #attached = new Set<AttachedClient>();
  readonly #host: string;
  readonly #port: number;
  readonly #server: Server;
  #nextId = 1;
  #toFlush: Connection[] = [];
  #timers: NodeJS.Timeout[] = [];
  /** Counts of commands, one per interval, newest last. */
  #samples: number[] = [0];
  #onEmpty: (() => void) | null = null;

  constructor(settings: RespServerSettings) {
    const { node, host, port, log, options, security, tls, clusterKeyspace = null } = settings;
    this.node = node;
    this.door = { keyspace: clusterKeyspace, encrypted: tls !== undefined };
    this.log = log;
    this.options = { ...DEFAULT_OPTIONS, ...options };
    this.security = security ?? new Security({ node, log });
    this.cursors = new CursorTable(this.options.maxCursors);
    const { commands, probe } = commandTable();
    this.commands = commands;
    this.probe = probe;
    this.#host = host;
    this.#port = port;
    // A client may send its last command, close its side, and still wait for the replies.
    const accept = (socket: Socket): void => this.#accept(socket);
    const common = { allowHalfOpen: true, noDelay: true };
    this.#server =
      tls === undefined
        ? createServer({ ...common, pauseOnConnect: true }, (socket) => accept(frugal(socket, common)))
        : this.#encrypted(tls, common, accept);
  }

  get address(): string | null {
    const address = this.#server.address() as AddressInfo | null;
    if (address === null) return null;
    return address.family === "IPv6"
      ? `[${address.address}]:${address.port}`
      : `${address.address}:${address.port}`;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo | null)?.port ?? this.#port;
  }

  get commandsPerSecond(): number {
    const spans = this.#samples.length - 1;
    if (spans === 0) return 0;
    return Math.round(((this.#samples[spans]! - this.#samples[0]!) * 1000) / (spans * RATE_INTERVAL_MS));
  }

  listen(done: (error: Error | null) => void): void {
    const refused = (error: NodeJS.ErrnoException): void => done(this.#explain(error));
    this.#server.once("error", refused);
    this.#server.listen({ host: this.#host, port: this.#port, backlog: 4096 }, () => {
      this.#server.off("error", refused);
      this.#server.on("error", (error) => this.log.error({ error: error.message }, "the RESP port failed"));
      this.#every(RATE_INTERVAL_MS, () => this.#sample());
      const { idleTimeout, loginTimeout } = this.options;
      this.#every(Math.max(10, loginTimeout / IDLE_SWEEPS), () => this.#sweepStrangers());
      this.#every(SUBSCRIBERS_SWEEP_MS, () => this.#sweepSubscribers());
      if (idleTimeout > 0) this.#every(Math.max(10, idleTimeout / IDLE_SWEEPS), () => this.#sweepIdle());
      this.log.info({ address: this.address }, "Redis clients may connect");
      done(null);
    });
  }

  take(socket: Socket): void {
    // What the server does to those that it accepts itself.
    socket.allowHalfOpen = true;
    socket.setNoDelay(true);
    this.#server.emit("connection", socket);
  }

  close(done: () => void): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    let finished = false;
    const finish = (): void => {
      if (finished) return;
      finished = true;
      clearTimeout(deadline);
      done();
    };
    const deadline = setTimeout(() => {
      for (const client of this.clients.values()) client.kill("the server closes, and waited long enough");
      for (const client of this.#attached) client.kill();
      finish();
    }, this.options.closeTimeout);
    if (this.#server.listening) this.#server.close();
    this.#onEmpty = finish;
    for (const client of this.clients.values()) client.closeAfterReply();
    for (const client of this.#attached) client.close();
    this.#count();
  }

  scheduleFlush(connection: Connection): void {
    // A tick runs as soon as whatever brings the replies has brought them all: one write per client, and no waiting
    // for the next round of the event loop.
    if (this.#toFlush.push(connection) === 1) process.nextTick(() => this.#flush());
  }

  relieve(): void {
    let largest: Connection | undefined;
    let most = -1;
    for (const client of this.clients.values()) {
      const bytes = client.inputBytes + client.outputBytes;
      if (bytes > most) {
        most = bytes;
        largest = client;
      }
    }
    this.stats.slowClientsClosed++;
    largest?.kill(
      `the buffers of all clients hold ${this.stats.bufferedBytes} bytes ` +
        `(limit ${this.options.maxBufferedBytes}), and its own ${most} are the most`,
    );
  }

  closed(connection: Connection): void {
    this.clients.delete(connection.id);
    this.#count();
  }

  attach(socket: Socket, peer: AttachedPeer): void {
    const { log, node, options: limits, security, stats } = this;
    const host: AttachedHost = {
      node,
      log,
      security,
      limits,
      stats,
      detached: (client) => {
        this.#attached.delete(client);
        this.#count();
      },
    };
    const client = new AttachedClient(host, peer, socket);
    this.#attached.add(client);
    this.#count();
    if (this.#onEmpty !== null) client.close();
  }

  #count(): void {
    this.stats.connections = this.clients.size + this.#attached.size;
    if (this.stats.connections === 0) this.#onEmpty?.();
  }

  #encrypted(tls: TlsIdentity, common: ServerOpts, accept: (socket: Socket) => void): Server {
    const handshakeTimeout = TLS_HANDSHAKE_MS;
    const server = createTlsServer({ ...tls.options, ...common, handshakeTimeout }, accept);
    server.on("tlsClientError", (error, socket) =>
      this.log.debug({ address: socket.remoteAddress, reason: error.message }, "a TLS handshake failed"),
    );
    tls.renew(server);
    return server;
  }

  #accept(socket: Socket): void {
    if (this.stats.connections >= this.options.maxConnections) {
      this.stats.rejectedConnections++;
      socket.on("error", (error) =>
        this.log.debug({ error: error.message }, "a refused client's connection broke"),
      );
      socket.end(TOO_MANY, () => socket.destroy());
      return;
    }
    socket.setKeepAlive(true, this.options.keepAlive);
    const connection = new Connection(this.#nextId++, socket, this);
    this.clients.set(connection.id, connection);
    this.stats.totalConnections++;
    this.#count();
    if (this.#onEmpty !== null) connection.closeAfterReply();
  }

  #flush(): void {
    const connections = this.#toFlush;
    this.#toFlush = [];
    for (const connection of connections) connection.flush();
  }

  #every(interval: number, task: () => void): void {
    const timer = setInterval(task, interval);
    timer.unref();
    this.#timers.push(timer);
  }

  #sample(): void {
    this.#samples.push(this.stats.commands);
    if (this.#samples.length > RATE_SAMPLES) this.#samples.shift();
  }

  #sweepIdle(): void {
    const since = Date.now() - this.options.idleTimeout;
    for (const client of this.clients.values()) {
      if (client.lastActiveAt >= since || !client.idle) continue;
      this.stats.idleClientsClosed++;
      client.kill(`silent for more than ${this.options.idleTimeout} ms`);
    }
  }

  /** A subscriber sends no commands at which its user's roles would be looked at again. */
  #sweepSubscribers(): void {
    for (const client of this.clients.values()) {
      if (client.subscriber.count === 0) continue;
      const { access } = client;
      if (access === null || !mayListen(this.node, access)) client.kill("its user may not listen any more");
    }
  }

  #sweepStrangers(): void {
    const since = Date.now() - this.options.loginTimeout;
    for (const client of this.clients.values()) {
      if (client.access !== null) continue;
      const strangerSince = client.principal === null ? client.connectedAt : client.lastActiveAt;
      if (strangerSince < since) client.kill(`not logged in after ${this.options.loginTimeout} ms`);
    }
  }

  #explain(error: NodeJS.ErrnoException): Error {
    const where = `${this.#host}:${this.#port}`;
    switch (error.code) {
      case "EADDRINUSE":
        return new Error(
          `The RESP port ${where} is in use by another process. Stop that process, or choose another port.`,
        );
      case "EACCES":
        return new Error(`The RESP port ${where} may not be opened by this user. Choose a port above 1023.`);
      case "EADDRNOTAVAIL":
      case "ENOTFOUND":
        return new Error(`The RESP address ${where} does not belong to this machine.`);
      default:
        return new Error(`Cannot listen on ${where}: ${error.message}`);
    }
  }
}
