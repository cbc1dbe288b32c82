/**
 * Frames over a socket that was a RESP connection before: the packets in which nodes speak to each other (`src/transport`), of
 * the one kind `frames`. What one turn sends leaves in one write.
 */
import type { Socket } from "node:net";
import { CodecError } from "../core/bytes.ts";
import { FrameQueue, longestPacket } from "../transport/frame-queue.ts";
import { KIND, PREFACE, splitFrames } from "../transport/packet.ts";
import { PacketDecoder } from "../transport/packet-decoder.ts";
import { MAX_OPERATION_BYTES } from "../node/sizes.ts";

/** The largest operation, with what is around it. */
export const MAX_FRAME_BYTES = MAX_OPERATION_BYTES + 64 * 1024;

export interface FrameStreamOwner {
  /** A view of what was received: valid as long as it is held. */
  onFrame(frame: Uint8Array): void;
  /** What has been sent so far is with the kernel. */
  onDrain(): void;
  /** The peer sends no more, or the connection is gone. Called once. */
  onClose(): void;
  /** The peer does not keep to the protocol; the stream is closed after that. */
  onProblem(problem: string): void;
}

/** Takes the socket over: nobody else reads or writes it any more. */
export class FrameStream {
  readonly #socket: Socket;
  readonly #owner: FrameStreamOwner;
  readonly #queue = new FrameQueue();
  readonly #decoder: PacketDecoder;
  #scheduled = false;
  #closed = false;

  constructor(socket: Socket, owner: FrameStreamOwner) {
    this.#socket = socket;
    this.#owner = owner;
    const limit = longestPacket(MAX_FRAME_BYTES);
    this.#decoder = new PacketDecoder((kind) => (kind === KIND.frames ? limit : undefined));
    socket.on("data", (chunk: Uint8Array) => this.#onData(chunk));
    socket.on("drain", () => owner.onDrain());
    socket.on("end", () => this.#end());
    // What is said to a connection that breaks is lost; that it broke is told by "close", which follows.
    socket.on("error", () => undefined);
    socket.on("close", () => this.#end());
    socket.write(PREFACE);
  }

  /** Waiting to be sent. */
  get unsentBytes(): number {
    return this.#queue.bytes + this.#socket.writableLength;
  }

  get closed(): boolean {
    return this.#closed;
  }

  send(frame: Uint8Array): void {
    if (this.#closed) return;
    this.#queue.push(frame);
    if (this.#scheduled) return;
    this.#scheduled = true;
    process.nextTick(() => this.#flush());
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Sends what is queued, then closes. */
  close(): void {
    if (this.#closed) return;
    this.#flush();
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
    this.#end();
  }

  #flush(): void {
    this.#scheduled = false;
    if (!this.#closed && this.#queue.bytes > 0) this.#queue.writeTo(this.#socket);
  }

  #onData(chunk: Uint8Array): void {
    if (this.#closed) return;
    try {
      this.#decoder.push(chunk, (_kind, body) => this.#onPacket(body));
    } catch (error) {
      if (!(error instanceof CodecError)) throw error;
      this.#owner.onProblem(error.message);
      this.destroy();
    }
  }

  #onPacket(body: Uint8Array): boolean {
    const frames: Uint8Array[] = [];
    splitFrames(body, frames);
    for (const frame of frames) {
      if (this.#closed) return false;
      this.#owner.onFrame(frame);
    }
    return !this.#closed;
  }

  #end(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.clear();
    this.#owner.onClose();
  }
}
