/**
 * Reading and writing of binary formats, without Node's Buffer so that protocols stay portable.
 * Integers: `u8`, `u32` (big endian), `varint` (LEB128, non-negative, up to 2^53-1), `f64` (big endian).
 */

/** Malformed bytes: where reading stopped and why. Input from a peer or a disk, never a defect of the caller. */
export class CodecError extends Error {
  override readonly name = "CodecError";
}

const EMPTY = new Uint8Array(0);
/** Eight bytes to turn a number into; a view on every buffer would cost more than all that is read through it. */
const F64 = new Uint8Array(8);
const F64_VIEW = new DataView(F64.buffer);
const SMALLEST = 256;
/** A writer that is used again starts with what it needed last, up to this. */
const LARGEST_KEPT = 1 << 16;

/** V8 keeps arrays of up to so many bytes in its own heap, which makes them ten times cheaper than a view of a buffer. */
const ON_HEAP_BYTES = 64;

const COPIED_ONE_BY_ONE = 24;

/**
 * A byte buffer that grows by doubling. `finish` hands out what was written, without a copy unless it is short, and resets
 * the writer. With `slabs`, several results share one buffer of up to 64 KiB, which spares an allocation each: for what is
 * forgotten soon, or all at about the same time, as the buffer lives as long as any of them.
 */
export class ByteWriter {
  #bytes: Uint8Array = EMPTY;
  /** What is being written begins here. */
  #start = 0;
  #end = 0;
  #nextCapacity: number;
  readonly #slabs: boolean;

  constructor(capacity = SMALLEST, { slabs = false }: { readonly slabs?: boolean } = {}) {
    this.#nextCapacity = capacity;
    this.#slabs = slabs;
  }

  get length(): number {
    return this.#end - this.#start;
  }

  u8(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#end++] = value;
  }

  u32(value: number): void {
    this.#reserve(4);
    this.#bytes[this.#end++] = value >>> 24;
    this.#bytes[this.#end++] = value >>> 16;
    this.#bytes[this.#end++] = value >>> 8;
    this.#bytes[this.#end++] = value;
  }

  f64(value: number): void {
    this.#reserve(8);
    F64_VIEW.setFloat64(0, value);
    for (let i = 0; i < 8; i++) this.#bytes[this.#end++] = F64[i]!;
  }

  varint(value: number): void {
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#end++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#end++] = rest;
  }

  /** Raw bytes, without a length. */
  raw(bytes: Uint8Array): void {
    const { length } = bytes;
    this.#reserve(length);
    const target = this.#bytes;
    let at = this.#end;
    this.#end += length;
    // A call of `set` costs more than copying so few.
    if (length > COPIED_ONE_BY_ONE) target.set(bytes, at);
    else for (let i = 0; i < length; i++) target[at++] = bytes[i]!;
  }

  /** A varint length, then the bytes. */
  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.raw(bytes);
  }

  /** A binary string (each char code below 256), with its length before it. */
  binary(text: string): void {
    this.varint(text.length);
    this.#reserve(text.length);
    for (let i = 0; i < text.length; i++) this.#bytes[this.#end++] = text.charCodeAt(i);
  }

  /** What was written so far. The writer starts over and changes it no more. */
  finish(): Uint8Array {
    const start = this.#start;
    const end = this.#end;
    if (end - start <= ON_HEAP_BYTES) {
      this.#end = start;
      return this.#bytes.slice(start, end);
    }
    const out = this.#bytes.subarray(start, end);
    if (this.#slabs) {
      this.#start = end;
    } else {
      this.#nextCapacity = Math.max(SMALLEST, Math.min(end, LARGEST_KEPT));
      this.#bytes = EMPTY;
      this.#start = 0;
      this.#end = 0;
    }
    return out;
  }

  #reserve(more: number): void {
    if (this.#end + more > this.#bytes.length) this.#grow(more);
  }

  #grow(more: number): void {
    const { length } = this;
    // Of a slab only what is being written moves to the next one.
    const grown = new Uint8Array(Math.max(length + more, length * 2, this.#nextCapacity));
    if (length > 0) grown.set(this.#bytes.subarray(this.#start, this.#end));
    if (this.#slabs) this.#nextCapacity = Math.min(LARGEST_KEPT, this.#nextCapacity * 2);
    this.#bytes = grown;
    this.#start = 0;
    this.#end = length;
  }
}

/** Reads what `ByteWriter` wrote. Every read is bounds-checked; a length is checked before anything is made of it. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  u8(): number {
    this.#need(1);
    return this.#bytes[this.#offset++]!;
  }

  u32(): number {
    this.#need(4);
    const bytes = this.#bytes;
    const at = this.#offset;
    this.#offset += 4;
    return bytes[at]! * 0x1000000 + ((bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!);
  }

  f64(): number {
    this.#need(8);
    for (let i = 0; i < 8; i++) F64[i] = this.#bytes[this.#offset++]!;
    return F64_VIEW.getFloat64(0);
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.u8();
      value += (byte & 0x7f) * scale;
      if (value > Number.MAX_SAFE_INTEGER)
        throw new CodecError(`varint over 2^53-1 at offset ${this.#offset}`);
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
  }

  /** `length` raw bytes as a view into the source, not a copy. */
  raw(length: number): Uint8Array {
    this.#need(length);
    // Not `subarray`: of a Node Buffer that costs twice as much, and gives another one.
    const out = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + this.#offset, length);
    this.#offset += length;
    return out;
  }

  /** Bytes with their length before them; a view, not a copy. */
  bytes(): Uint8Array {
    const length = this.varint();
    return length === 0 ? EMPTY : this.raw(length);
  }

  binary(): string {
    return binaryString(this.bytes());
  }

  /** Throws unless everything has been read: trailing bytes mean that the format is not what we think. */
  end(): void {
    if (this.remaining !== 0)
      throw new CodecError(`${this.remaining} bytes left over at offset ${this.#offset}`);
  }

  #need(length: number): void {
    if (length > this.remaining) {
      throw new CodecError(`need ${length} bytes at offset ${this.#offset}, have ${this.remaining}`);
    }
  }
}

/** Bytes as a string with one char per byte: keys of maps, compact and comparable in byte order. */
export function binaryString(bytes: Uint8Array): string {
  if (bytes.length <= 4096) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  let out = "";
  for (let i = 0; i < bytes.length; i += 4096) out += binaryString(bytes.subarray(i, i + 4096));
  return out;
}

/** The inverse of `binaryString`. */
export function binaryBytes(text: string): Uint8Array {
  const out = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) out[i] = text.charCodeAt(i);
  return out;
}
