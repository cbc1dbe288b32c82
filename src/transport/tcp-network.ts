/**
 * The network between nodes, over TCP. Each node dials each of its peers and sends on that connection only; what it
 * receives comes on the connections that peers have dialled. So a pair of nodes has two connections, nobody has to break
 * ties, and TCP's own acknowledgements suffice.
 *
 * What a user of `Transport` can rely on beyond its contract:
 *  - `onUp` and `onDown` alternate for each peer, `onUp` first, and agree with `isUp` at the moment of the call. `onDown`
 *    also follows when only the peer's connection to us broke: the pair fails together (`PeerLink.peerDisconnected`).
 *  - Frames of a peer come on the connection that it dialled: some may come before its `onUp` or after its `onDown`.
 *  - A peer that `setPeers` leaves out while it is up gets its `onDown` in the next turn; after `close` nothing is called.
 */
import type { Server, Socket } from "node:net";
import { invariant } from "../core/assert.ts";
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type {
  Address,
  Clock,
  Logger,
  Network,
  PeerIdentity,
  Random,
  TimerHandle,
  Transport,
  TransportHandlers,
} from "../core/world.ts";
import { describeListenError } from "./address.ts";
import type { Hello } from "./handshake.ts";
import { IncomingConnection, type IncomingHost } from "./incoming.ts";
import { DEFAULT_TCP_OPTIONS, type TcpOptions } from "./options.ts";
import { OutgoingCall, type CallHost } from "./outgoing-call.ts";
import { PeerLink, type LinkHost } from "./peer-link.ts";
import { RateLimitedLog } from "./rate-limited-log.ts";
import { plainTcp, type SocketFactory } from "./sockets.ts";

export interface TcpNetworkSetup {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly options?: Partial<TcpOptions>;
  readonly sockets?: SocketFactory;
}

export interface TcpNetwork extends Network {
  listen(
    address: Address,
    handlers: TransportHandlers,
    done: (error: Error | null, transport?: TcpTransport) => void,
  ): void;
}

export function createTcpNetwork(setup: TcpNetworkSetup): TcpNetwork {
  const options = { ...DEFAULT_TCP_OPTIONS, ...setup.options };
  const sockets = setup.sockets ?? plainTcp;
  return {
    listen(address, handlers, done) {
      let transport: TcpTransport | null = null;
      const server = sockets.server((socket) => transport!.accept(socket));
      server.once("error", (error) => {
        if (transport === null) done(describeListenError(error, address));
      });
      server.listen({ host: address.host, port: address.port }, () => {
        transport = new TcpTransport(server, address.host, handlers, { ...setup, options, sockets });
        done(null, transport);
      });
    },
  };
}

type TransportSetup = Required<TcpNetworkSetup> & { readonly options: TcpOptions };

export class TcpTransport implements Transport, LinkHost, IncomingHost, CallHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly options: TcpOptions;
  readonly sockets: SocketFactory;
  readonly warnings: RateLimitedLog;
  /** Where it listens, with the port that the system chose when 0 was asked for. */
  readonly address: Address;
  readonly incarnation: string;
  readonly #server: Server;
  readonly #handlers: TransportHandlers;
  #identity: PeerIdentity | null = null;
  readonly #links = new Map<NodeId, PeerLink>();
  #unflushed: PeerLink[] = [];
  readonly #incoming = new Map<NodeId, IncomingConnection>();
  /** Connections that have not said who they are, and calls. */
  readonly #anonymous = new Set<IncomingConnection>();
  /** Their sockets, until they are closed: what counts towards `maxAnonymous`. */
  readonly #anonymousSockets = new Set<Socket>();
  readonly #calls = new Set<OutgoingCall>();
  /** Every socket that is not closed yet: `close` waits for them. */
  readonly #openSockets = new Set<Socket>();
  #ticker: TimerHandle;
  #lastTick: Millis;
  #closed = false;

  constructor(server: Server, host: string, handlers: TransportHandlers, setup: TransportSetup) {
    const bound = server.address();
    invariant(bound !== null && typeof bound === "object", "a listening server has an address");
    this.address = { host, port: bound.port };
    this.clock = setup.clock;
    this.random = setup.random;
    this.log = setup.log;
    this.options = setup.options;
    this.sockets = { ...setup.sockets, connect: (to) => this.#track(setup.sockets.connect(to)) };
    this.warnings = new RateLimitedLog(setup.log, setup.clock);
    this.incarnation = Array.from(setup.random.bytes(8), (byte) => byte.toString(16).padStart(2, "0")).join(
      "",
    );
    this.#server = server;
    this.#handlers = handlers;
    // Accepting can fail later, when the process has no file descriptors left: what is connected goes on.
    server.on("error", (error) =>
      this.warnings.warn("accept", { reason: error.message }, "cannot accept a connection"),
    );
    this.#lastTick = this.clock.now();
    this.#ticker = this.#armTicker();
  }

  get ownIdentity(): PeerIdentity | null {
    return this.#identity;
  }

  get identity(): PeerIdentity {
    invariant(this.#identity !== null, "a transport without an identity has no peers");
    return this.#identity;
  }

  identify(identity: PeerIdentity, peers: ReadonlyMap<NodeId, Address>): void {
    invariant(this.#identity === null, "a transport is identified once");
    this.#identity = identity;
    this.setPeers(peers);
  }

  setPeers(peers: ReadonlyMap<NodeId, Address>): void {
    if (this.#closed) return;
    const own = this.identity.node;
    for (const [peer, link] of this.#links) {
      const address = peer === own ? undefined : peers.get(peer);
      if (address !== undefined && address.host === link.address.host && address.port === link.address.port)
        continue;
      this.#links.delete(peer);
      const wasUp = link.isUp;
      link.stop(true);
      if (wasUp) this.clock.defer(() => this.#call(() => this.#handlers.onDown(peer)));
    }
    for (const [peer, connection] of this.#incoming) {
      if (peers.has(peer)) continue;
      this.#incoming.delete(peer);
      connection.stop(true);
    }
    for (const [peer, address] of peers) {
      if (peer !== own && !this.#links.has(peer)) this.#links.set(peer, new PeerLink(peer, address, this));
    }
  }

  send(to: NodeId, frame: Uint8Array): boolean {
    const link = this.#links.get(to);
    return link !== undefined && link.send(frame);
  }

  flush(): void {
    for (const link of this.#unflushed) link.flush();
    if (this.#unflushed.length > 0) this.#unflushed = [];
  }

  isUp(peer: NodeId): boolean {
    return this.#links.get(peer)?.isUp ?? false;
  }

  call(
    to: Address,
    request: Uint8Array,
    timeout: Millis,
    done: (error: Error | null, response?: Uint8Array) => void,
  ): void {
    invariant(
      request.length <= this.options.maxCallBytes,
      `a call of ${request.length} bytes is over the limit`,
    );
    if (this.#closed) this.clock.defer(() => done(new Error("the transport is closed")));
    else this.#calls.add(new OutgoingCall(to, request, timeout, this, done));
  }

  close(done: () => void): void {
    this.flush();
    this.#closed = true;
    this.#ticker.cancel();
    for (const link of this.#links.values()) link.stop(true);
    for (const connection of this.#incoming.values()) connection.stop(true);
    for (const connection of this.#anonymous) connection.stop(true);
    this.#links.clear();
    this.#incoming.clear();
    this.#anonymous.clear();
    const calls = [...this.#calls];
    this.#calls.clear();
    this.clock.defer(() => {
      for (const call of calls) call.fail("the transport is closed");
    });
    const impatient = this.clock.setTimer(this.options.closeTimeout, () => {
      for (const socket of this.#openSockets) socket.destroy();
    });
    // The callback comes when the last accepted socket is gone; sockets that we dialled are awaited beside it.
    let waiting = 1 + this.#openSockets.size;
    const oneLess = (): void => {
      if (--waiting > 0) return;
      impatient.cancel();
      done();
    };
    for (const socket of this.#openSockets) socket.once("close", oneLess);
    if (this.#server.listening) this.#server.close(oneLess);
    else this.clock.defer(oneLess);
  }

  /** A connection that the server took. */
  accept(socket: Socket): void {
    if (this.#closed || this.#anonymousSockets.size >= this.options.maxAnonymous) {
      socket.on("error", () => undefined); // it is being thrown away, whatever happens to it
      socket.destroy();
      if (!this.#closed) {
        const limit = this.options.maxAnonymous;
        this.warnings.warn("too many", { limit }, "closed a connection: too many have not said who they are");
      }
      return;
    }
    this.#anonymousSockets.add(socket);
    socket.once("close", () => this.#anonymousSockets.delete(socket));
    this.#anonymous.add(new IncomingConnection(this.#track(socket), this));
  }

  // LinkHost

  linkUp(peer: NodeId): void {
    this.#call(() => this.#handlers.onUp(peer));
  }

  linkDown(peer: NodeId): void {
    this.#call(() => this.#handlers.onDown(peer));
  }

  linkHasFrames(link: PeerLink): void {
    this.#unflushed.push(link);
  }

  // IncomingHost

  knows(node: NodeId): boolean {
    return this.#links.has(node);
  }

  incomingPeer(connection: IncomingConnection, hello: Hello): void {
    this.#anonymous.delete(connection);
    this.#anonymousSockets.delete(connection.socket);
    const former = this.#incoming.get(hello.node);
    this.#incoming.set(hello.node, connection);
    const link = this.#links.get(hello.node);
    if (former !== undefined) {
      // It reconnects before we noticed that it was gone.
      former.stop(false);
      link?.peerDisconnected();
    }
    link?.peerConnected(hello.incarnation);
  }

  incomingFrames(peer: NodeId, frames: readonly Uint8Array[]): void {
    if (!this.#closed) this.#handlers.onFrames(peer, frames);
  }

  incomingCall(request: Uint8Array, answer: (response: Uint8Array) => void): void {
    this.#call(() => this.#handlers.onCall(request, answer));
  }

  incomingClosed(connection: IncomingConnection): void {
    this.#anonymous.delete(connection);
    const { peer } = connection;
    if (peer === null || this.#incoming.get(peer) !== connection) return;
    this.#incoming.delete(peer);
    this.#links.get(peer)?.peerDisconnected();
  }

  // CallHost

  callEnded(call: OutgoingCall): void {
    this.#calls.delete(call);
  }

  #call(callback: () => void): void {
    if (!this.#closed) callback();
  }

  #track(socket: Socket): Socket {
    this.#openSockets.add(socket);
    socket.once("close", () => this.#openSockets.delete(socket));
    return socket;
  }

  #armTicker(): TimerHandle {
    const period = this.options.heartbeatInterval / 2;
    return this.clock.setTimer(period, () => {
      const now = this.clock.now();
      const elapsed = Math.min(now - this.#lastTick, 2 * period);
      this.#lastTick = now;
      this.#ticker = this.#armTicker();
      for (const link of this.#links.values()) link.tick(elapsed);
      for (const connection of this.#incoming.values()) connection.tick(elapsed);
    });
  }
}
