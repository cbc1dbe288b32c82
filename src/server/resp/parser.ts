/**
 * Requests off the wire: arrays of bulk strings, and inline commands, as Redis' `networking.c` reads them (RESP2 and RESP3
 * requests look alike). The parser is fed chunks exactly as the socket gives them and keeps its place between any two bytes.
 *
 * Arguments that lie whole within a chunk are views of it; only one that is cut by a chunk's end is put together, once,
 * when its last byte is there. Every length is checked before anything is kept because of it.
 */

/** Framing that cannot be followed any further; `message` is what the client is told before it is disconnected. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

/** Looked at for every argument: they may change while a connection lives. */
export interface ParserLimits {
  /** A longer argument is skipped, and its command answered with an error; the connection stays usable. */
  readonly maxBulkBytes: number;
  /** The same for a whole command: its arguments together, each counted with `ARGUMENT_OVERHEAD` bytes on top. */
  readonly maxCommandBytes: number;
}

export interface RequestHandler {
  /**
   * A command. Its name is `source[nameStart, nameEnd)`, in whatever case it came; `args` holds the rest. `bytes` is what
   * it takes in memory. Names and arguments are views that stay valid.
   */
  onCommand(source: Uint8Array, nameStart: number, nameEnd: number, args: Uint8Array[], bytes: number): void;
  /** A well-formed command over a limit. It was read to its end and dropped. */
  onOversized(reason: string): void;
}

/** Roughly what a view costs beside its bytes, so that a million empty arguments are not free. */
export const ARGUMENT_OVERHEAD = 64;

const MAX_MULTIBULK = 1024 * 1024;
const MAX_INLINE_BYTES = 64 * 1024;
/** Redis' own ceiling of proto-max-bulk-len: beyond it a length is taken for garbage. */
const MAX_SKIPPED_BULK = 512 * 1024 * 1024;
/** A sign and the digits of any length we accept, with room to spare: a longer line holds no such number. */
const MAX_HEADER_BYTES = 24;

const CR = 13;
const LF = 10;
const STAR = 42;
const MINUS = 45;
const ZERO = 48;
const DOLLAR = 36;

const INCOMPLETE = -3;
const INVALID = -2;
const NEGATIVE = -1;

const EMPTY = new Uint8Array(0);

export class RequestParser {
  readonly #limits: ParserLimits;
  readonly #handler: RequestHandler;

  /** Arguments of the present command still to come, its name included; 0 between two commands. */
  #remaining = 0;
  #args: Uint8Array[] = [];
  #commandBytes = 0;
  /** The name, when it came in an earlier chunk. */
  #name: Uint8Array | null = null;
  /** Why the present command is skipped; null when it is not. */
  #oversized: string | null = null;

  /** The argument that is cut by the end of a chunk: bytes still to come, with its CR LF; 0 when there is none. */
  #missing = 0;
  #parts: Uint8Array[] = [];

  /** The start of a header line that is cut by the end of a chunk. */
  #carry: Uint8Array = EMPTY;
  #inline: Uint8Array[] = [];
  #inlineBytes = 0;

  /** Where the last number ended, behind its CR LF. */
  #after = 0;
  #stopped = false;

  constructor(limits: ParserLimits, handler: RequestHandler) {
    this.#limits = limits;
    this.#handler = handler;
  }

  /** Bytes held for a command that is not complete yet. */
  get buffered(): number {
    return Math.max(0, this.#commandBytes - this.#missing) + this.#inlineBytes + this.#carry.length;
  }

  /** From now on everything is ignored, also the rest of the chunk being read. */
  stop(): void {
    this.#stopped = true;
    this.#args = [];
    this.#parts = [];
    this.#inline = [];
  }

  /** Reads all of `chunk`, which the caller no longer changes. Throws `ProtocolError`; the parser is then at its end. */
  feed(chunk: Uint8Array): void {
    if (this.#stopped || chunk.length === 0) return;
    try {
      let at = 0;
      if (this.#missing > 0) {
        at = this.#resumeBulk(chunk);
        if (this.#missing > 0) return;
      } else if (this.#inlineBytes > 0) {
        at = this.#readInline(chunk, 0);
      } else if (this.#carry.length > 0) {
        const joined = new Uint8Array(this.#carry.length + chunk.length);
        joined.set(this.#carry);
        joined.set(chunk, this.#carry.length);
        this.#carry = EMPTY;
        this.#read(joined, 0);
        return;
      }
      this.#read(chunk, at);
    } catch (error) {
      this.stop();
      throw error;
    }
  }

  #read(chunk: Uint8Array, from: number): void {
    const end = chunk.length;
    const limits = this.#limits;
    // A view of its own costs half of what the `subarray` of a Buffer does.
    const { buffer, byteOffset: base } = chunk;
    let at = from;
    // The name of the present command: in `chunk` unless it came earlier.
    let nameStart = 0;
    let nameEnd = 0;
    let nameHere = false;

    while (at < end && !this.#stopped) {
      if (this.#remaining === 0) {
        if (chunk[at] !== STAR) {
          at = this.#readInline(chunk, at);
          continue;
        }
        const count = this.#number(chunk, at + 1, end);
        if (count === INCOMPLETE) return this.#keepHeader(chunk, at, "invalid multibulk length");
        if (count === INVALID || count > MAX_MULTIBULK) {
          throw new ProtocolError("Protocol error: invalid multibulk length");
        }
        at = this.#after;
        if (count <= 0) continue;
        this.#begin(count);
        nameHere = false;
        continue;
      }

      if (chunk[at] !== DOLLAR) {
        const got = String.fromCharCode(chunk[at]!);
        throw new ProtocolError(`Protocol error: expected '$', got '${got}'`);
      }
      const length = this.#number(chunk, at + 1, end);
      if (length === INCOMPLETE) {
        if (nameHere) this.#name = chunk.slice(nameStart, nameEnd);
        return this.#keepHeader(chunk, at, "invalid bulk length");
      }
      if (length < 0 || length > MAX_SKIPPED_BULK) {
        throw new ProtocolError("Protocol error: invalid bulk length");
      }
      at = this.#after;
      this.#commandBytes += length + ARGUMENT_OVERHEAD;
      if (length > limits.maxBulkBytes) {
        this.#oversize(`an argument of ${length} bytes is over the limit of ${limits.maxBulkBytes} bytes`);
      } else if (this.#commandBytes > limits.maxCommandBytes) {
        this.#oversize(`the command is over the limit of ${limits.maxCommandBytes} bytes`);
      }

      const bulkEnd = at + length;
      if (bulkEnd + 2 > end) {
        if (nameHere) this.#name = chunk.slice(nameStart, nameEnd);
        this.#missing = bulkEnd + 2 - end;
        this.#parts = this.#oversized === null ? [chunk.subarray(at)] : [];
        return;
      }
      if (chunk[bulkEnd] !== CR || chunk[bulkEnd + 1] !== LF) throw unterminated();
      if (this.#oversized === null) {
        if (nameHere || this.#name !== null) {
          this.#args.push(new Uint8Array(buffer, base + at, length));
        } else {
          nameStart = at;
          nameEnd = bulkEnd;
          nameHere = true;
        }
      }
      at = bulkEnd + 2;
      if (--this.#remaining === 0) {
        if (this.#name !== null) this.#complete(this.#name, 0, this.#name.length);
        else this.#complete(chunk, nameStart, nameEnd);
        nameHere = false;
      }
    }
    if (nameHere && this.#remaining > 0) this.#name = chunk.slice(nameStart, nameEnd);
  }

  #begin(count: number): void {
    this.#remaining = count;
    this.#args = [];
    this.#commandBytes = 0;
    this.#name = null;
    this.#oversized = null;
  }

  #complete(source: Uint8Array, nameStart: number, nameEnd: number): void {
    const args = this.#args;
    const bytes = this.#commandBytes;
    const oversized = this.#oversized;
    this.#args = [];
    this.#commandBytes = 0;
    this.#name = null;
    if (oversized === null) this.#handler.onCommand(source, nameStart, nameEnd, args, bytes);
    else this.#handler.onOversized(oversized);
  }

  /** From here to its end the present command is read and forgotten. */
  #oversize(reason: string): void {
    this.#oversized ??= reason;
    this.#args = [];
    this.#parts = [];
    this.#commandBytes = 0;
  }

  /** The rest of an argument that began in an earlier chunk. Gives the place behind it. */
  #resumeBulk(chunk: Uint8Array): number {
    const taken = Math.min(chunk.length, this.#missing);
    this.#missing -= taken;
    // A skipped argument keeps only what its CR LF may lie in.
    if (this.#oversized === null) this.#parts.push(chunk.subarray(0, taken));
    else this.#parts = [...this.#parts.slice(-1), chunk.subarray(Math.max(0, taken - 2), taken)];
    if (this.#missing > 0) return taken;

    const whole = concat(this.#parts);
    this.#parts = [];
    const length = whole.length - 2;
    if (this.#oversized === null || length >= 0) {
      if (whole[length] !== CR || whole[length + 1] !== LF) throw unterminated();
    }
    if (this.#oversized === null) {
      const bulk = whole.subarray(0, length);
      if (this.#name === null) this.#name = bulk;
      else this.#args.push(bulk);
    }
    if (--this.#remaining === 0) {
      const name = this.#name ?? EMPTY;
      this.#complete(name, 0, name.length);
    }
    return taken;
  }

  /**
   * The number before the next CR LF. `NEGATIVE` stands for every negative one; leading zeros and signs are refused, as
   * Redis' `string2ll` does.
   */
  #number(chunk: Uint8Array, from: number, end: number): number {
    let at = from;
    if (at >= end) return INCOMPLETE;
    let byte = chunk[at]!;
    const negative = byte === MINUS;
    if (negative) {
      if (++at >= end) return INCOMPLETE;
      byte = chunk[at]!;
    }
    const first = at;
    let value = 0;
    for (;;) {
      const digit = byte - ZERO;
      if (digit < 0 || digit > 9) break;
      value = value * 10 + digit;
      if (++at >= end) return INCOMPLETE;
      byte = chunk[at]!;
    }
    const digits = at - first;
    if (byte !== CR || digits === 0 || digits > 15 || (chunk[first] === ZERO && digits > 1)) return INVALID;
    if (at + 1 >= end) return INCOMPLETE;
    if (chunk[at + 1] !== LF) return INVALID;
    this.#after = at + 2;
    return negative ? NEGATIVE : value;
  }

  #keepHeader(chunk: Uint8Array, at: number, complaint: string): void {
    if (chunk.length - at > MAX_HEADER_BYTES) throw new ProtocolError(`Protocol error: ${complaint}`);
    this.#carry = chunk.slice(at);
  }

  /** A line of words, for people with telnet. Gives the place behind it, or the chunk's end when it goes on. */
  #readInline(chunk: Uint8Array, at: number): number {
    const newline = chunk.indexOf(LF, at);
    const stop = newline < 0 ? chunk.length : newline;
    if (this.#inlineBytes + stop - at > MAX_INLINE_BYTES) {
      throw new ProtocolError("Protocol error: too big inline request");
    }
    if (stop > at) {
      this.#inline.push(chunk.subarray(at, stop));
      this.#inlineBytes += stop - at;
    }
    if (newline < 0) return stop;
    let line = this.#inline.length === 1 ? this.#inline[0]! : concat(this.#inline);
    this.#inline = [];
    this.#inlineBytes = 0;
    if (line[line.length - 1] === CR) line = line.subarray(0, line.length - 1);
    const words = splitWords(line);
    const name = words.shift();
    if (name !== undefined) {
      this.#handler.onCommand(name, 0, name.length, words, line.length + ARGUMENT_OVERHEAD * words.length);
    }
    return newline + 1;
  }
}

function unterminated(): ProtocolError {
  return new ProtocolError("Protocol error: expected CR LF after a bulk");
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

const ESCAPES: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, b: 8, a: 7 };

const isSpace = (byte: number): boolean => byte === 32 || (byte >= 9 && byte <= 13);

/** Splits a line into words as Redis' `sdssplitargs` does: "double quotes" with escapes, 'single quotes' with \'. */
function splitWords(line: Uint8Array): Uint8Array[] {
  const words: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    while (at < line.length && isSpace(line[at]!)) at++;
    if (at >= line.length) return words;
    const word: number[] = [];
    let quote = 0;
    for (; ; at++) {
      if (at >= line.length) {
        if (quote !== 0) throw new ProtocolError("Protocol error: unbalanced quotes in request");
        break;
      }
      const byte = line[at]!;
      if (quote === 0) {
        if (isSpace(byte)) break;
        if (byte === 0x22 || byte === 0x27) quote = byte;
        else word.push(byte);
      } else if (byte === quote) {
        if (at + 1 < line.length && !isSpace(line[at + 1]!)) {
          throw new ProtocolError("Protocol error: unbalanced quotes in request");
        }
        quote = 0;
      } else if (byte === 0x5c && quote === 0x22 && at + 1 < line.length) {
        at += unescape(line, at + 1, word);
      } else if (byte === 0x5c && line[at + 1] === 0x27) {
        word.push(0x27);
        at++;
      } else {
        word.push(byte);
      }
    }
    words.push(Uint8Array.from(word));
  }
}

/** Decodes the escape behind a backslash into `word`; gives how many bytes it took. */
function unescape(line: Uint8Array, at: number, word: number[]): number {
  const letter = String.fromCharCode(line[at]!);
  if (letter === "x" && at + 2 < line.length) {
    const digits = String.fromCharCode(line[at + 1]!, line[at + 2]!);
    if (/^[0-9a-f]{2}$/i.test(digits)) {
      word.push(Number.parseInt(digits, 16));
      return 3;
    }
  }
  word.push(ESCAPES[letter] ?? line[at]!);
  return 1;
}
