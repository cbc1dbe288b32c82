/**
 * Replies onto the wire, in RESP2 or RESP3.
 *
 * One writer serves all connections of a server: what is ready for one of them is written in one go and handed out as
 * pieces for its socket. Pieces are views of a slab that is never written twice, so a socket may keep them as long as it
 * needs; an idle connection holds no buffer at all. A large bulk is handed out as it is, without copying.
 */
import { unreachable } from "../../core/assert.ts";
import {
  Double,
  Failure,
  MapReply,
  NullArray,
  OK,
  QUEUED,
  type Reply,
  SetReply,
  Status,
} from "../../core/reply.ts";

export type RespVersion = 2 | 3;

/** What a subscriber hears, in this order: push messages in RESP3, arrays in RESP2. */
export class Pushes {
  readonly messages: readonly (readonly Reply[])[];
  constructor(messages: readonly (readonly Reply[])[]) {
    this.messages = messages;
  }
}

/** What goes out to a client. */
export type Output = Reply | Pushes;

const SLAB_BYTES = 32 * 1024;
/** From here on a bulk is cheaper handed out than copied. */
const LARGE_BULK_BYTES = 16 * 1024;
/** The longest header: a type byte, the 20 digits of a 64-bit integer, CR LF. */
const HEADER_BYTES = 24;

const CR = 13;
const LF = 10;
const ZERO = 48;
const MINUS = 45;
const DOLLAR = 36;
const STAR = 42;
const COLON = 58;
const COMMA = 44;
const PERCENT = 37;
const TILDE = 126;
const GREATER = 62;

function isBinary(text: string): boolean {
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) > 0xff) return false;
  return true;
}

const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");

const OK_BYTES = bytesOf("+OK\r\n");
const QUEUED_BYTES = bytesOf("+QUEUED\r\n");
const NULL_BULK = bytesOf("$-1\r\n");
const NULL_ARRAY_2 = bytesOf("*-1\r\n");
const NULL_3 = bytesOf("_\r\n");
const TRUE_3 = bytesOf("#t\r\n");
const FALSE_3 = bytesOf("#f\r\n");

/** `:0` to `:1023`, the counts that most replies are. */
const SMALL_INTEGERS: readonly Uint8Array[] = Array.from({ length: 1024 }, (_, value) =>
  bytesOf(`:${value}\r\n`),
);

export class ReplyWriter {
  #slab: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  /** Where the present piece begins, and where the next byte goes. */
  #start = 0;
  #at = 0;
  #pieces: Uint8Array[] = [];
  /** Bytes in `#pieces`. */
  #closed = 0;

  /** Bytes written since the last `take`. */
  get length(): number {
    return this.#closed + this.#at - this.#start;
  }

  /** What was written since the last call, in order. */
  take(): Uint8Array[] {
    this.#closePiece();
    const pieces = this.#pieces;
    this.#pieces = [];
    this.#closed = 0;
    return pieces;
  }

  write(reply: Output, version: RespVersion): void {
    if (typeof reply === "number") this.#integer(reply);
    else if (reply === null) this.#constant(version === 3 ? NULL_3 : NULL_BULK);
    else if (reply instanceof Uint8Array) this.#bulk(reply);
    else if (reply === OK) this.#constant(OK_BYTES);
    else this.#rare(reply, version);
  }

  #rare(reply: Exclude<Output, null | number | Uint8Array>, version: RespVersion): void {
    if (reply instanceof Pushes) {
      for (const message of reply.messages) {
        this.#header(version === 3 ? GREATER : STAR, message.length);
        for (const element of message) this.write(element, version);
      }
    } else if (Array.isArray(reply)) {
      this.#header(STAR, reply.length);
      for (const element of reply as readonly Reply[]) this.write(element, version);
    } else if (reply instanceof Status) {
      if (reply === QUEUED) this.#constant(QUEUED_BYTES);
      else this.#line("+", reply.text);
    } else if (reply instanceof Failure) {
      this.#line("-", reply.message);
    } else if (reply instanceof MapReply) {
      if (version === 3) this.#header(PERCENT, reply.pairs.length);
      else this.#header(STAR, reply.pairs.length * 2);
      for (const [key, value] of reply.pairs) {
        this.write(key, version);
        this.write(value, version);
      }
    } else if (reply instanceof SetReply) {
      this.#header(version === 3 ? TILDE : STAR, reply.members.length);
      for (const member of reply.members) this.write(member, version);
    } else if (reply instanceof Double) {
      this.#double(reply.value, version);
    } else if (reply instanceof NullArray) {
      this.#constant(version === 3 ? NULL_3 : NULL_ARRAY_2);
    } else if (typeof reply === "bigint") {
      this.#constant(bytesOf(`:${reply}\r\n`));
    } else if (typeof reply === "boolean") {
      if (version === 3) this.#constant(reply ? TRUE_3 : FALSE_3);
      else this.#integer(reply ? 1 : 0);
    } else {
      unreachable(reply as never);
    }
  }

  #integer(value: number): void {
    const constant = value >= 0 ? SMALL_INTEGERS[value] : undefined;
    if (constant !== undefined) this.#constant(constant);
    else if (Number.isSafeInteger(value)) this.#header(COLON, value);
    else this.#constant(bytesOf(`:${BigInt(Math.trunc(value))}\r\n`));
  }

  #bulk(bytes: Uint8Array): void {
    this.#header(DOLLAR, bytes.length);
    if (bytes.length >= LARGE_BULK_BYTES) {
      this.#closePiece();
      this.#pieces.push(bytes);
      this.#closed += bytes.length;
      this.#reserve(2);
    } else {
      this.#reserve(bytes.length + 2);
      this.#slab.set(bytes, this.#at);
      this.#at += bytes.length;
    }
    this.#slab[this.#at++] = CR;
    this.#slab[this.#at++] = LF;
  }

  #double(value: number, version: RespVersion): void {
    let text = String(value);
    if (value === Number.POSITIVE_INFINITY) text = "inf";
    else if (value === Number.NEGATIVE_INFINITY) text = "-inf";
    else if (Number.isNaN(value)) text = "nan";
    if (version === 2) {
      this.#bulk(bytesOf(text));
      return;
    }
    this.#reserve(text.length + 3);
    this.#slab[this.#at++] = COMMA;
    this.#at += this.#slab.write(text, this.#at, "latin1");
    this.#slab[this.#at++] = CR;
    this.#slab[this.#at++] = LF;
  }

  /** A type byte and a safe integer. */
  #header(type: number, value: number): void {
    this.#reserve(HEADER_BYTES);
    const slab = this.#slab;
    let at = this.#at;
    slab[at++] = type;
    let rest = value;
    if (rest < 0) {
      slab[at++] = MINUS;
      rest = -rest;
    }
    let digits = 1;
    for (let bound = 10; rest >= bound; bound *= 10) digits++;
    for (let place = at + digits - 1; place >= at; place--) {
      const quotient = Math.floor(rest / 10);
      slab[place] = ZERO + (rest - quotient * 10);
      rest = quotient;
    }
    at += digits;
    slab[at++] = CR;
    slab[at++] = LF;
    this.#at = at;
  }

  /**
   * A line of text. CR and LF would end it early and forge a second reply: they become spaces. What a client said is
   * repeated in it as a binary string; other text is UTF-8.
   */
  #line(type: "+" | "-", text: string): void {
    const line = `${type}${text.replace(/[\r\n]/g, " ")}\r\n`;
    this.#constant(Buffer.from(line, isBinary(line) ? "latin1" : "utf8"));
  }

  #constant(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#slab.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  #closePiece(): void {
    if (this.#at === this.#start) return;
    this.#pieces.push(this.#slab.subarray(this.#start, this.#at));
    this.#closed += this.#at - this.#start;
    this.#start = this.#at;
  }

  #reserve(more: number): void {
    if (this.#at + more <= this.#slab.length) return;
    this.#closePiece();
    this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, more));
    this.#start = 0;
    this.#at = 0;
  }
}

/** An array of arrays as one flat array: how RESP2 shows pairs. Other replies stay as they are. */
export function flattened(reply: Reply): Reply {
  return Array.isArray(reply) ? (reply as readonly Reply[]).flat(1) : reply;
}

/** A fair guess of what a reply holds in memory, for limits; exact where it matters, for bulks. */
export function replyBytes(reply: Output): number {
  if (reply instanceof Uint8Array) return reply.length + 32;
  if (typeof reply !== "object" || reply === null) return 16;
  let sum = 32;
  if (reply instanceof Pushes) for (const message of reply.messages) sum += replyBytes(message);
  else if (Array.isArray(reply)) for (const element of reply as readonly Reply[]) sum += replyBytes(element);
  else if (reply instanceof SetReply) for (const member of reply.members) sum += replyBytes(member);
  else if (reply instanceof MapReply) {
    for (const [key, value] of reply.pairs) sum += replyBytes(key) + replyBytes(value);
  }
  return sum;
}
