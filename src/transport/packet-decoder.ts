import { crc32 } from "node:zlib";
import { CodecError } from "../core/bytes.ts";
import { HEADER_BYTES, PREFACE, readU32 } from "./packet.ts";

/** The longest body that is acceptable now for this kind of packet; undefined: this kind has no place here. */
export type PacketLimit = (kind: number) => number | undefined;

/** False: stop, the connection is being closed. */
export type PacketSink = (kind: number, body: Uint8Array) => boolean;

/** Never more than this is allocated for a packet ahead of its bytes. */
const FIRST_ALLOCATION = 64 * 1024;

/**
 * Cuts a byte stream into packets, however it is chunked. A packet that is whole in a chunk is handed out as a view of the
 * chunk, so chunks must never be reused; one that is spread over several is gathered in a buffer that grows with what has
 * arrived, whatever length the header claims.
 */
export class PacketDecoder {
  limit: PacketLimit;
  #prefaceSeen = 0;
  #held: Uint8Array = new Uint8Array(0);
  #heldBytes = 0;
  /** How many bytes `#held` must get before it can be looked at again; meaningful while #heldBytes > 0. */
  #needed = 0;

  constructor(limit: PacketLimit) {
    this.limit = limit;
  }

  /** Throws `CodecError` for what cannot be a packet; the packets before it have been handed out. */
  push(chunk: Uint8Array, sink: PacketSink): void {
    let at = this.#skipPreface(chunk);
    while (at < chunk.length) {
      if (this.#heldBytes > 0) {
        at += this.#hold(chunk, at);
        if (this.#heldBytes < this.#needed) return;
        this.#needed = this.#size(this.#held, 0);
        if (this.#heldBytes < this.#needed) continue;
        const packet = this.#held;
        this.#held = new Uint8Array(0);
        this.#heldBytes = 0;
        if (!emit(packet, 0, this.#needed, sink)) return;
      } else {
        const available = chunk.length - at;
        this.#needed = available < HEADER_BYTES ? HEADER_BYTES : this.#size(chunk, at);
        if (available < this.#needed) {
          this.#hold(chunk, at);
          return;
        }
        if (!emit(chunk, at, this.#needed, sink)) return;
        at += this.#needed;
      }
    }
  }

  #skipPreface(chunk: Uint8Array): number {
    let at = 0;
    while (this.#prefaceSeen < PREFACE.length && at < chunk.length) {
      if (chunk[at++] !== PREFACE[this.#prefaceSeen])
        throw new CodecError("it does not speak Kvorum's protocol");
      this.#prefaceSeen++;
    }
    return at;
  }

  /** Size of the packet whose header starts at `at`, checked before anything is done for it. */
  #size(bytes: Uint8Array, at: number): number {
    const length = readU32(bytes, at + 4);
    const kind = bytes[at + 8]!;
    const limit = this.limit(kind);
    if (limit === undefined) throw new CodecError(`a packet of kind ${kind} has no place here`);
    if (length > limit) {
      throw new CodecError(`a packet of kind ${kind} claims ${length} bytes, over the limit of ${limit}`);
    }
    return HEADER_BYTES + length;
  }

  /** Copies up to `#needed` bytes into `#held`; returns how many it took. */
  #hold(chunk: Uint8Array, at: number): number {
    const taken = Math.min(this.#needed - this.#heldBytes, chunk.length - at);
    const total = this.#heldBytes + taken;
    if (total > this.#held.length) {
      const room = Math.min(this.#needed, Math.max(total, this.#held.length * 2, FIRST_ALLOCATION));
      const grown = new Uint8Array(room);
      grown.set(this.#held.subarray(0, this.#heldBytes));
      this.#held = grown;
    }
    this.#held.set(chunk.subarray(at, at + taken), this.#heldBytes);
    this.#heldBytes = total;
    return taken;
  }
}

function emit(bytes: Uint8Array, at: number, size: number, sink: PacketSink): boolean {
  if (crc32(bytes.subarray(at + 4, at + size)) !== readU32(bytes, at)) {
    throw new CodecError("the checksum of a packet is wrong");
  }
  return sink(bytes[at + 8]!, bytes.subarray(at + HEADER_BYTES, at + size));
}
