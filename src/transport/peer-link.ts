/**
 * Our connection to one peer, on which we send. It looks after itself:
 *
 *             dial                    welcome
 *   waiting ────────> connecting ─────────────────> up
 *      ^                  │ refused, lost, too slow  │ lost, silent, peer restarted
 *      └──────────────────┴──────────────────────────┘
 *        after a delay that doubles from backoffMin to backoffMax and starts over once a connection has lasted
 */
import { invariant } from "../core/assert.ts";
import { CodecError } from "../core/bytes.ts";
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { Address, Clock, Logger, PeerIdentity, Random, TimerHandle } from "../core/world.ts";
import { formatAddress } from "./address.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { FrameQueue } from "./frame-queue.ts";
import {
  decodeRefusal,
  decodeWelcome,
  encodeHello,
  MAX_HANDSHAKE_BYTES,
  type Incarnation,
  type Welcome,
} from "./handshake.ts";
import { SILENT_INTERVALS, type TcpOptions } from "./options.ts";
import { KIND } from "./packet.ts";
import type { SocketFactory } from "./sockets.ts";

export interface LinkHost {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Logger;
  readonly options: TcpOptions;
  readonly sockets: SocketFactory;
  readonly identity: PeerIdentity;
  readonly incarnation: Incarnation;
  linkUp(peer: NodeId): void;
  linkDown(peer: NodeId): void;
  /** The link's queue is no longer empty: it wants to be flushed. */
  linkHasFrames(link: PeerLink): void;
}

/** The same trouble is logged again after this long. */
const REPEAT_LOG: Millis = 60_000;

const handshakeLimit = (kind: number): number | undefined =>
  kind === KIND.welcome || kind === KIND.refused ? MAX_HANDSHAKE_BYTES : undefined;
const pingsOnly = (kind: number): number | undefined => (kind === KIND.ping ? 0 : undefined);

export class PeerLink implements ConnectionOwner {
  readonly peer: NodeId;
  readonly address: Address;
  readonly #host: LinkHost;
  readonly #queue = new FrameQueue();
  #state: "waiting" | "connecting" | "up" | "stopped" = "waiting";
  #connection: Connection | null = null;
  /** Until the next attempt while waiting, until this one is given up while connecting. */
  #timer: TimerHandle | null = null;
  #backoff: Millis;
  #upSince: Millis = 0;
  #silenceLimit: Millis = 0;
  #peerIncarnation: Incarnation = "";
  /** Since when it has not been up; null while it is. */
  #troubleSince: Millis | null = null;
  #logged = "";
  #loggedAt: Millis = 0;

  constructor(peer: NodeId, address: Address, host: LinkHost) {
    this.peer = peer;
    this.address = address;
    this.#host = host;
    this.#backoff = host.options.backoffMin;
    this.#dial();
  }

  get isUp(): boolean {
    return this.#state === "up";
  }

  /** False: not connected, or the queue is full; the frame was dropped. A queue that is empty takes any one frame. */
  send(frame: Uint8Array): boolean {
    if (this.#state !== "up") return false;
    const { maxFrameBytes, maxQueueBytes } = this.#host.options;
    invariant(
      frame.length <= maxFrameBytes,
      `a frame of ${frame.length} bytes is over the limit of ${maxFrameBytes}`,
    );
    const waiting = this.#queue.bytes + this.#connection!.unsentBytes;
    if (waiting > 0 && waiting + frame.length > maxQueueBytes) return false;
    if (this.#queue.bytes === 0) this.#host.linkHasFrames(this);
    this.#queue.push(frame);
    return true;
  }

  flush(): void {
    if (this.#queue.bytes > 0) this.#connection!.flush(this.#queue);
  }

  tick(elapsed: Millis): void {
    if (this.#state === "up") this.#connection!.tick(elapsed, this.#silenceLimit);
  }

  /** The peer has just connected to us, so it is there: no need to wait for the next attempt. */
  peerConnected(incarnation: Incarnation): void {
    if (this.#state === "up" && incarnation !== this.#peerIncarnation) this.#lose("the peer was restarted");
    if (this.#state === "waiting") this.#dial();
  }

  /**
   * The peer's connection to us is gone, and frames of it may be lost. Our own is probably as dead (a killed process
   * closes both at once), and whoever waits for an answer must hear of it: the pair fails together. A connection younger
   * than a heartbeat interval is spared, or two nodes could answer each other's losses for ever.
   */
  peerDisconnected(): void {
    if (this.#state !== "up") return;
    if (this.#host.clock.now() - this.#upSince < this.#host.options.heartbeatInterval) return;
    this.#lose("the peer's connection to this node is gone");
  }

  /** Nothing is called back afterwards. `graceful`: what was flushed is still sent. */
  stop(graceful: boolean): void {
    this.#timer?.cancel();
    if (graceful && this.#state === "up") this.#connection!.end();
    else this.#connection?.destroy();
    this.#connection = null;
    this.#queue.clear();
    this.#state = "stopped";
  }

  onPacket(kind: number, body: Uint8Array): boolean {
    if (this.#state === "up") return true; // a ping
    if (kind === KIND.welcome) return this.#welcome(decodeWelcome(body));
    this.#lose(`it refuses this node: ${decodeRefusal(body)}`);
    return false;
  }

  onChunkEnd(): void {
    // Nothing but pings comes on this connection: there is nothing to hand over.
  }

  onLost(reason: string): void {
    this.#lose(reason);
  }

  #dial(): void {
    const { sockets, options, clock, identity, incarnation } = this.#host;
    this.#timer?.cancel();
    this.#state = "connecting";
    this.#timer = clock.setTimer(options.connectTimeout, () => {
      this.#lose(`it did not answer within ${options.connectTimeout} ms`);
    });
    this.#connection = new Connection(sockets.connect(this.address), this, handshakeLimit);
    this.#connection.send(
      KIND.hello,
      encodeHello({
        versions: options.versions,
        cluster: identity.cluster,
        node: identity.node,
        target: this.peer,
        incarnation,
        heartbeatInterval: options.heartbeatInterval,
      }),
    );
  }

  #welcome(welcome: Welcome): boolean {
    const { clock, options, identity, log } = this.#host;
    if (welcome.cluster !== identity.cluster || welcome.node !== this.peer) {
      throw new CodecError("it answered the handshake as a node that was not asked for");
    }
    if (welcome.version < options.versions.min || welcome.version > options.versions.max) {
      throw new CodecError(`it chose protocol version ${welcome.version}, which was not offered`);
    }
    this.#timer?.cancel();
    this.#timer = null;
    this.#state = "up";
    this.#upSince = clock.now();
    this.#peerIncarnation = welcome.incarnation;
    this.#silenceLimit = silenceLimit(welcome.heartbeatInterval, options.heartbeatInterval);
    this.#troubleSince = null;
    this.#logged = "";
    this.#connection!.expect(pingsOnly);
    log.info({ peer: this.peer, address: formatAddress(this.address) }, "connected to peer");
    this.#host.linkUp(this.peer);
    return true;
  }

  #lose(reason: string): void {
    const { clock, random, options } = this.#host;
    const wasUp = this.#state === "up";
    const now = clock.now();
    this.#connection?.destroy();
    this.#connection = null;
    this.#queue.clear();
    this.#timer?.cancel();
    this.#state = "waiting";
    if (wasUp && now - this.#upSince >= options.backoffMax) this.#backoff = options.backoffMin;
    // Between half and all of it, so that nodes that lost each other at once do not meet again and again.
    this.#timer = clock.setTimer(this.#backoff * (0.5 + random.next() / 2), () => this.#dial());
    this.#backoff = Math.min(this.#backoff * 2, options.backoffMax);
    this.#report(reason, wasUp, now);
    if (wasUp) this.#host.linkDown(this.peer);
  }

  /** One line for each reason. Nodes that start together miss each other at first: that is worth none. */
  #report(reason: string, wasUp: boolean, now: Millis): void {
    this.#troubleSince ??= now;
    if (!wasUp && now - this.#troubleSince < this.#host.options.backoffMax) return;
    if (reason === this.#logged && now - this.#loggedAt < REPEAT_LOG) return;
    this.#logged = reason;
    this.#loggedAt = now;
    const fields = { peer: this.peer, address: formatAddress(this.address), reason };
    this.#host.log.warn(fields, wasUp ? "lost the connection to peer" : "cannot connect to peer, trying on");
  }
}

/** After how much silence a connection is given up; what the peer announces is taken within reason. */
export function silenceLimit(theirs: Millis, ours: Millis): Millis {
  return SILENT_INTERVALS * Math.min(Math.max(theirs, ours), 60_000);
}
