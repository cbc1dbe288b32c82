import type { Socket } from "node:net";
import type { NodeId } from "../core/ids.ts";
import type { Millis } from "../core/machine.ts";
import type { Clock, PeerIdentity, TimerHandle } from "../core/world.ts";
import { Connection, type ConnectionOwner } from "./connection.ts";
import { longestPacket } from "./frame-queue.ts";
import {
  CALL_HEADER_BYTES,
  commonVersion,
  decodeCall,
  decodeHello,
  encodeRefusal,
  encodeWelcome,
  judge,
  MAX_HANDSHAKE_BYTES,
  type Hello,
  type Incarnation,
  type Refusal,
} from "./handshake.ts";
import type { TcpOptions } from "./options.ts";
import { KIND, splitFrames } from "./packet.ts";
import { silenceLimit } from "./peer-link.ts";
import type { RateLimitedLog } from "./rate-limited-log.ts";

export interface IncomingHost {
  readonly clock: Clock;
  readonly options: TcpOptions;
  readonly warnings: RateLimitedLog;
  /** Null: calls work, peers do not. */
  readonly ownIdentity: PeerIdentity | null;
  readonly incarnation: Incarnation;
  knows(node: NodeId): boolean;
  /** The connection has said who it is, and was welcomed. */
  incomingPeer(connection: IncomingConnection, hello: Hello): void;
  incomingFrames(peer: NodeId, frames: readonly Uint8Array[]): void;
  incomingCall(request: Uint8Array, answer: (response: Uint8Array) => void): void;
  /** Once; not after `stop`. */
  incomingClosed(connection: IncomingConnection): void;
}

/** No call is waited for longer, whatever the caller asks. */
const LONGEST_CALL: Millis = 60_000;

/**
 * A connection that somebody opened to us: a peer, which then sends frames and gets pings, or a caller with one question.
 * Until it has said which, it may only say little, and not for long.
 */
export class IncomingConnection implements ConnectionOwner {
  /** Set once the other side has been welcomed as a peer. */
  peer: NodeId | null = null;
  readonly socket: Socket;
  readonly #host: IncomingHost;
  readonly #connection: Connection;
  #deadline: TimerHandle | null;
  #frames: Uint8Array[] = [];
  #silenceLimit: Millis = 0;
  #closed = false;

  constructor(socket: Socket, host: IncomingHost) {
    const { options } = host;
    this.socket = socket;
    this.#host = host;
    this.#connection = new Connection(socket, this, (kind) => {
      if (kind === KIND.hello) return MAX_HANDSHAKE_BYTES;
      return kind === KIND.call ? options.maxCallBytes + CALL_HEADER_BYTES : undefined;
    });
    this.#deadline = host.clock.setTimer(options.handshakeTimeout, () => {
      this.#drop(`it did not say who it is within ${options.handshakeTimeout} ms`);
    });
  }

  tick(elapsed: Millis): void {
    if (this.peer !== null) this.#connection.tick(elapsed, this.#silenceLimit);
  }

  /** Closes without calling back. `graceful`: what was written is still sent. */
  stop(graceful: boolean): void {
    this.#closed = true;
    this.#deadline?.cancel();
    if (graceful) this.#connection.end();
    else this.#connection.destroy();
  }

  onPacket(kind: number, body: Uint8Array): boolean {
    if (kind === KIND.frames) splitFrames(body, this.#frames);
    else if (kind === KIND.hello) return this.#hello(decodeHello(body));
    else if (kind === KIND.call) return this.#call(body);
    return true;
  }

  onChunkEnd(): void {
    if (this.#frames.length === 0) return;
    const frames = this.#frames;
    this.#frames = [];
    this.#host.incomingFrames(this.peer!, frames);
  }

  onLost(reason: string, malformed: boolean): void {
    if (malformed) this.#warn(`closed a connection: ${reason}`, reason);
    this.#close();
  }

  #hello(hello: Hello): boolean {
    const { options, ownIdentity: identity, incarnation } = this.#host;
    const refusal = judge(hello, identity, options.versions, (node) => this.#host.knows(node));
    if (refusal !== null) return this.#refuse(refusal, hello.node);
    this.#deadline?.cancel();
    this.#deadline = null;
    this.peer = hello.node;
    this.#silenceLimit = silenceLimit(hello.heartbeatInterval, options.heartbeatInterval);
    const longest = longestPacket(options.maxFrameBytes);
    this.#connection.expect((kind) => (kind === KIND.frames ? longest : kind === KIND.ping ? 0 : undefined));
    this.#connection.send(
      KIND.welcome,
      encodeWelcome({
        version: commonVersion(options.versions, hello.versions)!,
        cluster: identity!.cluster,
        node: identity!.node,
        incarnation,
        heartbeatInterval: options.heartbeatInterval,
      }),
    );
    this.#host.incomingPeer(this, hello);
    return true;
  }

  #call(body: Uint8Array): boolean {
    const { options, clock } = this.#host;
    const call = decodeCall(body);
    if (commonVersion(options.versions, call.versions) === null) return this.#refuse("version", null);
    // One question a connection; anything further is malformed.
    this.#connection.expect(() => undefined);
    this.#deadline?.cancel();
    this.#deadline = clock.setTimer(Math.min(call.timeout, LONGEST_CALL), () => {
      this.#connection.destroy();
      this.#close();
    });
    this.#host.incomingCall(call.request, (response) => {
      if (this.#closed) return; // answered already, or too late
      if (response.length > options.maxCallBytes) {
        this.#drop(
          `the answer to its call has ${response.length} bytes, over the limit of ${options.maxCallBytes}`,
        );
        return;
      }
      this.#connection.send(KIND.answer, response);
      this.#connection.end();
      this.#close();
    });
    return true;
  }

  #refuse(refusal: Refusal, node: NodeId | null): false {
    this.#connection.send(KIND.refused, encodeRefusal(refusal));
    this.#connection.end();
    this.#warn(
      `refused a connection: ${REFUSED_LOG[refusal]}`,
      `${refusal} ${node ?? ""}`,
      node === null ? {} : { node },
    );
    this.#close();
    return false;
  }

  #drop(reason: string): void {
    this.#connection.destroy();
    this.#warn(`closed a connection: ${reason}`, reason);
    this.#close();
  }

  #warn(message: string, subject: string, fields: object = {}): void {
    const peer = this.peer === null ? {} : { peer: this.peer };
    this.#host.warnings.warn(subject, { remote: this.#connection.remote, ...peer, ...fields }, message);
  }

  #close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#deadline?.cancel();
    this.#host.incomingClosed(this);
  }
}

/** The same refusals as `REFUSALS`, seen from this side. */
const REFUSED_LOG = {
  version: "it speaks none of this node's protocol versions",
  "not-ready": "this node does not belong to a cluster yet",
  "wrong-cluster": "it belongs to another cluster",
  "wrong-node": "it looks for another node at this address",
  "unknown-node": "it is no member of this cluster, as far as this node knows",
} as const satisfies Record<Refusal, string>;
