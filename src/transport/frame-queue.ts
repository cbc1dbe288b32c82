import { FRAME_HEADER_BYTES, HEADER_BYTES, KIND, writeHeader, writeU32 } from "./packet.ts";

/** The part of a socket that the queue needs. */
export interface ByteSink {
  readonly writableLength: number;
  write(bytes: Uint8Array): unknown;
  cork(): void;
  uncork(): void;
}

/** Frames from here on are not copied but handed to the socket as they are. */
const LARGE_FRAME = 32 * 1024;
/** A packet of small frames is closed once it is this long: the receiver can start on it while the next one is coming. */
const FULL_PACKET = 64 * 1024;
const INITIAL_BUFFER = 16 * 1024;
/** A larger buffer is given back after use. */
const KEPT_BUFFER = 256 * 1024;

/** The longest packet that a queue writes when no frame is longer than this. */
export function longestPacket(maxFrameBytes: number): number {
  return Math.max(FRAME_HEADER_BYTES + maxFrameBytes, FULL_PACKET + LARGE_FRAME + FRAME_HEADER_BYTES);
}

/**
 * The frames that one peer gets at the next flush, already as packets. Small frames are copied into one buffer, which is
 * written in one piece and used again; large ones go to the socket by themselves, in the same system call (writev).
 */
export class FrameQueue {
  #buffer: Buffer = Buffer.allocUnsafeSlow(INITIAL_BUFFER);
  #length = 0;
  /** Where the packet being filled starts; -1: none is open. */
  #open = -1;
  /** Large frames, each with the position in the buffer before which everything comes first. */
  #large: { readonly at: number; readonly frame: Uint8Array }[] = [];
  #largeBytes = 0;

  /** Bytes that a flush would write. */
  get bytes(): number {
    return this.#length + this.#largeBytes;
  }

  push(frame: Uint8Array): void {
    if (frame.length >= LARGE_FRAME) {
      this.#pushLarge(frame);
      return;
    }
    const start = this.#open < 0 ? this.#length + HEADER_BYTES : this.#length;
    const end = start + FRAME_HEADER_BYTES + frame.length;
    this.#reserve(end);
    if (this.#open < 0) this.#open = this.#length;
    writeU32(this.#buffer, start, frame.length);
    this.#buffer.set(frame, start + FRAME_HEADER_BYTES);
    this.#length = end;
    if (end - this.#open >= FULL_PACKET) this.#seal();
  }

  /** Hands everything to the socket and is empty afterwards. */
  writeTo(sink: ByteSink): void {
    this.#seal();
    if (this.#large.length === 0) {
      sink.write(this.#buffer.subarray(0, this.#length));
    } else {
      sink.cork();
      let at = 0;
      for (const { at: until, frame } of this.#large) {
        sink.write(this.#buffer.subarray(at, until));
        sink.write(frame);
        at = until;
      }
      if (at < this.#length) sink.write(this.#buffer.subarray(at, this.#length));
      sink.uncork();
    }
    // Bytes that the kernel has not taken yet are the socket's: only a buffer that is through may be written again.
    if (sink.writableLength > 0 || this.#buffer.length > KEPT_BUFFER) {
      this.#buffer = Buffer.allocUnsafeSlow(INITIAL_BUFFER);
    }
    this.clear();
  }

  clear(): void {
    this.#length = 0;
    this.#open = -1;
    if (this.#large.length > 0) this.#large = [];
    this.#largeBytes = 0;
  }

  /** A packet of its own: the header and the frame's length in the buffer, the frame itself beside it. */
  #pushLarge(frame: Uint8Array): void {
    this.#seal();
    const start = this.#length;
    this.#reserve(start + HEADER_BYTES + FRAME_HEADER_BYTES);
    writeU32(this.#buffer, start + HEADER_BYTES, frame.length);
    writeHeader(this.#buffer, start, KIND.frames, FRAME_HEADER_BYTES, frame);
    this.#length = start + HEADER_BYTES + FRAME_HEADER_BYTES;
    this.#large.push({ at: this.#length, frame });
    this.#largeBytes += frame.length;
  }

  #seal(): void {
    if (this.#open < 0) return;
    writeHeader(this.#buffer, this.#open, KIND.frames, this.#length - this.#open - HEADER_BYTES);
    this.#open = -1;
  }

  #reserve(length: number): void {
    if (length <= this.#buffer.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(length, this.#buffer.length * 2));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
