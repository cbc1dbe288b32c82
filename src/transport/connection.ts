import type { Socket } from "node:net";
import { CodecError } from "../core/bytes.ts";
import type { Millis } from "../core/machine.ts";
import type { FrameQueue } from "./frame-queue.ts";
import { encodeFirstPacket, encodePacket, KIND } from "./packet.ts";
import { PacketDecoder, type PacketLimit } from "./packet-decoder.ts";
import { describeSocketError } from "./sockets.ts";

export interface ConnectionOwner {
  /** False: the owner closes the connection, no further packet is wanted. */
  onPacket(kind: number, body: Uint8Array): boolean;
  /** All packets of one chunk have been handed over. */
  onChunkEnd(): void;
  /** Once, unless the owner closed it. `malformed`: what came was not what our protocol allows. */
  onLost(reason: string, malformed: boolean): void;
}

/** Milliseconds without progress after which a closing socket is given up. */
const LINGER = 1000;

const PING = encodePacket(KIND.ping, new Uint8Array(0));

/** A socket that carries packets, with the heartbeat in both directions. Either side of a connection uses it. */
export class Connection {
  /** Address and port of the other side; known for connections that we accepted. */
  readonly remote: string;
  readonly #socket: Socket;
  readonly #owner: ConnectionOwner;
  readonly #decoder: PacketDecoder;
  #open = true;
  #first = true;
  #sentSinceTick = true;
  #silence: Millis = 0;

  constructor(socket: Socket, owner: ConnectionOwner, limit: PacketLimit) {
    // Asked for now: a closed socket no longer knows.
    this.remote = `${socket.remoteAddress ?? "?"}:${socket.remotePort ?? "?"}`;
    this.#socket = socket;
    this.#owner = owner;
    this.#decoder = new PacketDecoder(limit);
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("end", () => this.#lose("the other side closed the connection"));
    socket.on("close", () => this.#lose("the connection is closed"));
    socket.on("error", (error) => this.#lose(describeSocketError(error)));
  }

  /** Which packets may come from now on. */
  expect(limit: PacketLimit): void {
    this.#decoder.limit = limit;
  }

  /** Bytes that were written and that the kernel has not taken. */
  get unsentBytes(): number {
    return this.#socket.writableLength;
  }

  /** Writes one packet at once. */
  send(kind: number, body: Uint8Array): void {
    this.#socket.write(this.#first ? encodeFirstPacket(kind, body) : encodePacket(kind, body));
    this.#first = false;
    this.#sentSinceTick = true;
  }

  flush(queue: FrameQueue): void {
    queue.writeTo(this.#socket);
    this.#sentSinceTick = true;
  }

  /**
   * Called twice a heartbeat interval: pings when nothing was sent since the last tick, and gives the connection up when
   * nothing came for `silenceLimit`. `elapsed` is what this process has waited, not what it has slept through: after a
   * stall of our own, what has arrived meanwhile is read before the other side is blamed for silence.
   */
  tick(elapsed: Millis, silenceLimit: Millis): void {
    this.#silence += elapsed;
    if (this.#silence > silenceLimit) {
      this.#lose(`nothing was heard for ${Math.round(this.#silence)} ms`);
      return;
    }
    // Bytes that the socket still holds are a sign of life on their way; adding to them would only fill memory.
    if (!this.#sentSinceTick && this.#socket.writableLength === 0) this.#socket.write(PING);
    this.#sentSinceTick = false;
  }

  /** Closes without `onLost`. What was written before is still sent if the other side takes it. */
  end(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.setTimeout(LINGER, () => this.#socket.destroy());
    this.#socket.destroySoon();
  }

  /** Closes without `onLost`, at once; what was not sent is lost. */
  destroy(): void {
    this.#open = false;
    this.#socket.destroy();
  }

  #receive(chunk: Buffer): void {
    if (!this.#open) return;
    this.#silence = 0;
    // Plain Uint8Arrays from here on: a Buffer's `slice` shares memory, and those who keep frames expect a copy.
    const bytes = new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length);
    let malformed: CodecError | null = null;
    try {
      this.#decoder.push(bytes, this.#onPacket);
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      malformed = error;
    }
    this.#owner.onChunkEnd();
    if (malformed !== null) this.#lose(malformed.message, true);
  }

  readonly #onPacket = (kind: number, body: Uint8Array): boolean => {
    return this.#owner.onPacket(kind, body) && this.#open;
  };

  #lose(reason: string, malformed = false): void {
    if (!this.#open) return;
    this.#open = false;
    this.#socket.destroy();
    this.#owner.onLost(reason, malformed);
  }
}
