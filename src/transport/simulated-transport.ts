/**
 * The twin of `TcpTransport`: the same behaviour towards its user, on a simulated wire. Where the two share a rule (who is
 * refused, that a pair fails together, when a link is dialled anew), the comments are there.
 */
import { invariant } from "../core/assert.ts";
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { Address, PeerIdentity, Random, Transport, TransportHandlers } from "../core/world.ts";
import { formatAddress } from "./address.ts";
import { judge, REFUSALS, type Hello, type Incarnation } from "./handshake.ts";
import type { TcpOptions } from "./options.ts";
import {
  SimulatedConnection,
  type EndOwner,
  type Side,
  type SimulatedProcess,
  type Wire,
} from "./simulated-connection.ts";

/** What of the TCP transport's options means something here. */
export type SimulatedOptions = Pick<
  TcpOptions,
  "maxFrameBytes" | "maxQueueBytes" | "heartbeatInterval" | "connectTimeout" | "backoffMin" | "backoffMax"
>;

/** What the network tells a curious simulator. Hosts are named as in addresses. */
export type NetworkEvent =
  | {
      readonly type: "delivered";
      readonly at: Millis;
      readonly sentAt: Millis;
      readonly from: string;
      readonly to: string;
      readonly frames: readonly Uint8Array[];
    }
  | {
      readonly type: "dropped";
      readonly at: Millis;
      readonly from: string;
      readonly to: string;
      readonly frames: number;
    }
  | { readonly type: "up"; readonly at: Millis; readonly host: string; readonly peer: NodeId }
  | {
      readonly type: "down";
      readonly at: Millis;
      readonly host: string;
      readonly peer: NodeId;
      readonly reason: string;
    };

/** The part of the network that a transport uses. */
export interface SimulatedWire extends Wire {
  readonly random: Random;
  readonly options: SimulatedOptions;
  listener(address: Address): SimulatedTransport | undefined;
  unregister(transport: SimulatedTransport): void;
  register(connection: SimulatedConnection): void;
  silenceLimit(): Millis;
  observe(event: NetworkEvent): void;
}

const VERSIONS = { min: 1, max: 1 } as const;

interface Sender {
  readonly node: NodeId;
  readonly host: string;
  readonly sentAt: Millis;
}

interface QueuedFrame {
  readonly bytes: Uint8Array;
  /** Tells whether somebody changed the frame after it was sent. */
  readonly fingerprint: number;
}

export class SimulatedTransport implements Transport, EndOwner {
  readonly process: SimulatedProcess;
  readonly address: Address;
  readonly wire: SimulatedWire;
  readonly incarnation: Incarnation;
  readonly #handlers: TransportHandlers;
  #identity: PeerIdentity | null = null;
  readonly #links = new Map<NodeId, SimulatedLink>();
  readonly #unflushed: SimulatedLink[] = [];
  readonly #incoming = new Map<NodeId, SimulatedConnection>();
  /** Ends the calls that were made from here, and those that are being answered here. */
  readonly #calls = new Set<(reason: string) => void>();
  readonly #answering = new Set<() => void>();
  #closed = false;

  constructor(process: SimulatedProcess, address: Address, handlers: TransportHandlers, wire: SimulatedWire) {
    this.process = process;
    this.address = address;
    this.wire = wire;
    this.incarnation = String(wire.random.next());
    this.#handlers = handlers;
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
      link.stop();
      if (wasUp) this.soon(() => this.linkDown(peer, "no longer listed"));
    }
    for (const [peer, connection] of this.#incoming) {
      if (peers.has(peer)) continue;
      this.#incoming.delete(peer);
      connection.close("acceptor");
    }
    for (const [peer, address] of peers) {
      if (peer !== own && !this.#links.has(peer))
        this.#links.set(peer, new SimulatedLink(peer, address, this));
    }
  }

  send(to: NodeId, frame: Uint8Array): boolean {
    const link = this.#links.get(to);
    return link !== undefined && link.send(frame);
  }

  flush(): void {
    for (const link of this.#unflushed) link.flush();
    this.#unflushed.length = 0;
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
    const { wire, process } = this;
    let ended = false;
    const end = (error: Error | null, response?: Uint8Array): void => {
      if (ended) return;
      ended = true;
      this.#calls.delete(fail);
      timer.cancel();
      if (response === undefined) done(error);
      else done(error, response);
    };
    const fail = (reason: string): void => end(new Error(`${formatAddress(to)}: ${reason}`));
    const timer = this.after(timeout, () => fail(`it did not answer within ${timeout} ms`));
    if (this.#closed) {
      this.soon(() => fail("the transport is closed"));
      return;
    }
    this.#calls.add(fail);
    const back = (task: () => void): void =>
      this.#oneWay(to.host, process.host, () => process.gate.deliver(task));
    this.#oneWay(process.host, to.host, () => {
      const target = wire.listener(to);
      if (target === undefined) back(() => fail("nothing listens there (ECONNREFUSED)"));
      else
        target.answer(
          request,
          (response) => back(() => end(null, response)),
          () => back(() => fail("the connection was reset")),
        );
    });
  }

  close(done: () => void): void {
    this.flush();
    this.#end(false);
    const calls = [...this.#calls];
    this.soon(() => {
      for (const fail of calls) fail("the transport is closed");
      done();
    });
  }

  /** The process is gone. Silently: as when the machine loses its power, and not only the process its life. */
  crash(silently: boolean): void {
    this.#end(silently);
  }

  /** Somebody's hello has arrived. */
  accept(
    connection: SimulatedConnection,
    hello: Hello,
    refused: (reason: string) => void,
    welcome: () => void,
  ): void {
    if (this.#closed) return;
    const refusal = judge(hello, this.#identity, VERSIONS, (node) => this.#links.has(node));
    if (refusal !== null) {
      refused(`it refuses this node: ${REFUSALS[refusal]}`);
      return;
    }
    if (!connection.accept(this, this.wire.silenceLimit())) return;
    const link = this.#links.get(hello.node);
    const former = this.#incoming.get(hello.node);
    this.#incoming.set(hello.node, connection);
    welcome();
    if (former !== undefined) {
      former.close("acceptor");
      link?.peerDisconnected();
    }
    link?.peerConnected(hello.incarnation);
  }

  /** Frames have arrived on a connection that was accepted here. */
  receive(connection: SimulatedConnection, sender: Sender, frames: readonly QueuedFrame[]): void {
    const { wire, process } = this;
    const at = wire.time.now();
    if (this.#closed || !connection.isOpen("acceptor")) {
      wire.observe({ type: "dropped", at, from: sender.host, to: process.host, frames: frames.length });
      return;
    }
    const views = frames.map(({ bytes, fingerprint }) => {
      invariant(fingerprintOf(bytes) === fingerprint, "a frame was changed after it had been sent");
      return bytes;
    });
    const { sentAt, host: from } = sender;
    wire.observe({ type: "delivered", at, sentAt, from, to: process.host, frames: views });
    this.#handlers.onFrames(sender.node, views);
  }

  answer(request: Uint8Array, respond: (response: Uint8Array) => void, reset: () => void): void {
    this.#answering.add(reset);
    this.process.gate.deliver(() => {
      if (this.#closed) return;
      this.#handlers.onCall(request, (response) => {
        if (this.#answering.delete(reset)) respond(response);
      });
    });
  }

  connectionLost(connection: SimulatedConnection, side: Side, reason: string): void {
    if (side === "dialler") {
      for (const link of this.#links.values()) link.connectionLost(connection, reason);
      return;
    }
    for (const [peer, incoming] of this.#incoming) {
      if (incoming !== connection) continue;
      this.#incoming.delete(peer);
      this.#links.get(peer)?.peerDisconnected();
    }
  }

  linkUp(peer: NodeId): void {
    if (this.#closed) return;
    this.wire.observe({ type: "up", at: this.wire.time.now(), host: this.process.host, peer });
    this.#handlers.onUp(peer);
  }

  linkDown(peer: NodeId, reason: string): void {
    if (this.#closed) return;
    this.wire.observe({ type: "down", at: this.wire.time.now(), host: this.process.host, peer, reason });
    this.#handlers.onDown(peer);
  }

  linkHasFrames(link: SimulatedLink): void {
    this.#unflushed.push(link);
  }

  /** A timer of this process, by virtual time. */
  after(delay: Millis, task: () => void): { cancel(): void } {
    const { time } = this.wire;
    return time.at(time.now() + delay, () => this.process.gate.deliver(task));
  }

  soon(task: () => void): void {
    this.after(0, task);
  }

  #end(silently: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    this.wire.unregister(this);
    for (const link of this.#links.values()) link.stop(silently);
    for (const connection of this.#incoming.values()) connection.close("acceptor", silently);
    if (!silently) for (const reset of this.#answering) reset();
    this.#links.clear();
    this.#incoming.clear();
    this.#answering.clear();
  }

  /** A packet without a connection: lost when the link is blocked. */
  #oneWay(from: string, to: string, arrive: () => void): void {
    const { wire } = this;
    if (!wire.isBlocked(from, to)) wire.time.at(wire.time.now() + wire.latency(from, to), arrive);
  }
}

class SimulatedLink {
  readonly peer: NodeId;
  readonly address: Address;
  readonly #owner: SimulatedTransport;
  #state: "waiting" | "connecting" | "up" | "stopped" = "waiting";
  #connection: SimulatedConnection | null = null;
  /** Where the connection ends; set once it is up. */
  #target: SimulatedTransport | null = null;
  #timer: { cancel(): void } | null = null;
  #backoff: Millis;
  #upSince: Millis = 0;
  #peerIncarnation: Incarnation = "";
  #queue: QueuedFrame[] = [];
  #queuedBytes = 0;

  constructor(peer: NodeId, address: Address, owner: SimulatedTransport) {
    this.peer = peer;
    this.address = address;
    this.#owner = owner;
    this.#backoff = owner.wire.options.backoffMin;
    this.#dial();
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  send(frame: Uint8Array): boolean {
    if (this.#state !== "up") return false;
    const { maxFrameBytes, maxQueueBytes } = this.#owner.wire.options;
    invariant(
      frame.length <= maxFrameBytes,
      `a frame of ${frame.length} bytes is over the limit of ${maxFrameBytes}`,
    );
    const waiting = this.#queuedBytes + this.#connection!.forward.stalledBytes;
    if (waiting > 0 && waiting + frame.length > maxQueueBytes) return false;
    if (this.#queue.length === 0) this.#owner.linkHasFrames(this);
    this.#queue.push({ bytes: frame, fingerprint: fingerprintOf(frame) });
    this.#queuedBytes += frame.length;
    return true;
  }

  flush(): void {
    if (this.#queue.length === 0) return;
    const { wire, process, identity } = this.#owner;
    const { faults, random, time } = wire;
    const connection = this.#connection!;
    const target = this.#target!;
    const sender = { node: identity.node, host: process.host, sentAt: time.now() };
    const queue = this.#queue;
    const bytes = this.#queuedBytes;
    this.#queue = [];
    this.#queuedBytes = 0;
    const happens = (probability: number): boolean => probability > 0 && random.next() < probability;
    const arrival = (frames: readonly QueuedFrame[]) => (): void => {
      target.process.gate.deliver(() => target.receive(connection, sender, frames));
    };
    const late = (frame: QueuedFrame): boolean =>
      connection.forward.putLate(random.next() * faults.reorderMax, arrival([frame]));

    const inOrder: QueuedFrame[] = [];
    let dropped = 0;
    for (const frame of queue) {
      if (happens(faults.dropProbability)) {
        dropped++;
        continue;
      }
      if (happens(faults.duplicateProbability)) late(frame);
      if (!happens(faults.reorderProbability) || !late(frame)) inOrder.push(frame);
    }
    if (inOrder.length > 0 && !connection.forward.put(bytes, arrival(inOrder))) dropped += inOrder.length;
    if (dropped > 0) {
      wire.observe({
        type: "dropped",
        at: sender.sentAt,
        from: process.host,
        to: this.address.host,
        frames: dropped,
      });
    }
    if (happens(faults.resetProbability)) {
      time.at(sender.sentAt + wire.latency(process.host, this.address.host), () => connection.reset());
    }
  }

  peerConnected(incarnation: Incarnation): void {
    if (this.#state === "up" && incarnation !== this.#peerIncarnation) this.#lose("the peer was restarted");
    if (this.#state === "waiting") this.#dial();
  }

  peerDisconnected(): void {
    if (this.#state !== "up") return;
    const { time, options } = this.#owner.wire;
    if (time.now() - this.#upSince >= options.heartbeatInterval)
      this.#lose("the peer's connection to this node is gone");
  }

  connectionLost(connection: SimulatedConnection, reason: string): void {
    if (connection === this.#connection) this.#lose(reason);
  }

  stop(silently = false): void {
    this.#timer?.cancel();
    this.#connection?.close("dialler", silently);
    this.#connection = null;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#state = "stopped";
  }

  #dial(): void {
    const owner = this.#owner;
    const { wire, process, identity } = owner;
    this.#timer?.cancel();
    this.#state = "connecting";
    const connection = new SimulatedConnection(wire, owner, this.address.host);
    this.#connection = connection;
    wire.register(connection);
    this.#timer = owner.after(wire.options.connectTimeout, () => {
      this.#lose(`it did not answer within ${wire.options.connectTimeout} ms`);
    });
    const hello: Hello = {
      versions: VERSIONS,
      ...identity,
      target: this.peer,
      incarnation: owner.incarnation,
      heartbeatInterval: wire.options.heartbeatInterval,
    };
    // The answer counts only if this attempt is still the one.
    const back = (task: () => void): void => {
      connection.backward.put(0, () => {
        process.gate.deliver(() => {
          if (this.#connection === connection) task();
        });
      });
    };
    connection.forward.put(0, () => {
      const target = wire.listener(this.address);
      if (target === undefined) {
        back(() => this.#lose("nothing listens there (ECONNREFUSED)"));
        return;
      }
      target.process.gate.deliver(() => {
        target.accept(
          connection,
          hello,
          (reason) => back(() => this.#lose(reason)),
          () => back(() => this.#established(target)),
        );
      });
    });
  }

  #established(target: SimulatedTransport): void {
    const { wire } = this.#owner;
    this.#timer?.cancel();
    this.#timer = null;
    this.#state = "up";
    this.#upSince = wire.time.now();
    this.#target = target;
    this.#peerIncarnation = target.incarnation;
    this.#connection!.established(wire.silenceLimit());
    this.#owner.linkUp(this.peer);
  }

  #lose(reason: string): void {
    const { wire } = this.#owner;
    const { options, random, time } = wire;
    const wasUp = this.#state === "up";
    this.#connection?.close("dialler");
    this.#connection = null;
    this.#queue = [];
    this.#queuedBytes = 0;
    this.#timer?.cancel();
    this.#state = "waiting";
    if (wasUp && time.now() - this.#upSince >= options.backoffMax) this.#backoff = options.backoffMin;
    this.#timer = this.#owner.after(this.#backoff * (0.5 + random.next() / 2), () => this.#dial());
    this.#backoff = Math.min(this.#backoff * 2, options.backoffMax);
    if (wasUp) this.#owner.linkDown(this.peer, reason);
  }
}

/** Of a frame's length and up to 64 of its bytes: enough to notice sooner or later that somebody writes to it. */
function fingerprintOf(frame: Uint8Array): number {
  let hash = frame.length;
  const stride = Math.max(1, Math.floor(frame.length / 64));
  for (let i = 0; i < frame.length; i += stride) hash = Math.imul(hash ^ frame[i]!, 0x01000193);
  return hash;
}
