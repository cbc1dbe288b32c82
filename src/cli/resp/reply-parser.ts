/** Replies out of a byte stream, RESP2 and RESP3 (https://redis.io/docs/latest/develop/reference/protocol-spec). */
import { Double, Failure, MapReply, NULL_ARRAY, SetReply, Status, type Reply } from "../../core/reply.ts";

/** What arrived is no RESP: the other side is something else, or broken. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
}

const MAX_DEPTH = 32;
const MAX_LENGTH = 512 * 1024 * 1024;

/** Not all of the reply is there yet; nothing can be said before the buffer holds `needed` bytes. */
class Incomplete {
  readonly needed: number;
  constructor(needed: number) {
    this.needed = needed;
  }
}

/** Feed it chunks, take replies. Memory is bounded by the largest reply. */
export class ReplyParser {
  #buffer = Buffer.alloc(16_384);
  #start = 0;
  #end = 0;
  #offset = 0;
  #needed = 0;

  push(chunk: Uint8Array): void {
    if (this.#end + chunk.length > this.#buffer.length) this.#grow(chunk.length);
    this.#buffer.set(chunk, this.#end);
    this.#end += chunk.length;
  }

  /** The next whole reply; undefined when it has not arrived yet. Throws `ProtocolError`. */
  next(): Reply | undefined {
    if (this.#end - this.#start < this.#needed || this.#start === this.#end) return undefined;
    this.#offset = this.#start;
    try {
      const reply = this.#value(0);
      this.#start = this.#offset;
      this.#needed = 0;
      return reply;
    } catch (error) {
      if (!(error instanceof Incomplete)) throw error;
      this.#needed = error.needed - this.#start;
      return undefined;
    }
  }

  #grow(more: number): void {
    const length = this.#end - this.#start;
    const target =
      length + more <= this.#buffer.length / 2 ? this.#buffer : Buffer.alloc((length + more) * 2);
    target.set(this.#buffer.subarray(this.#start, this.#end), 0);
    this.#buffer = target;
    this.#start = 0;
    this.#end = length;
  }

  #value(depth: number): Reply {
    if (depth > MAX_DEPTH) throw new ProtocolError("a reply is nested too deeply");
    const line = this.#line();
    const rest = line.slice(1);
    switch (line[0]) {
      case "+":
        return new Status(rest);
      case "-":
        return new Failure(rest);
      case ":":
        return integer(rest);
      case "(":
        return BigInt(rest);
      case ",":
        return new Double(double(rest));
      case "#":
        return rest === "t";
      case "_":
        return null;
      case "$":
      case "=":
        return this.#bulk(rest, line[0] === "=" ? 4 : 0);
      case "!": {
        const text = this.#bulk(rest, 0);
        return new Failure(text === null ? "" : Buffer.from(text).toString());
      }
      case "*":
      case ">":
        return rest === "-1" ? NULL_ARRAY : this.#many(length(rest), depth);
      case "~":
        return new SetReply(this.#many(length(rest), depth));
      case "%": {
        const flat = this.#many(length(rest) * 2, depth);
        return new MapReply(
          Array.from(
            { length: flat.length / 2 },
            (_, index) => [flat[index * 2]!, flat[index * 2 + 1]!] as const,
          ),
        );
      }
      default:
        throw new ProtocolError(`a reply cannot start with ${JSON.stringify(line.slice(0, 20))}`);
    }
  }

  #line(): string {
    const at = this.#buffer.subarray(0, this.#end).indexOf("\r\n", this.#offset, "latin1");
    if (at < 0) {
      if (this.#end - this.#offset > 65_536) throw new ProtocolError("a line of a reply does not end");
      throw new Incomplete(this.#end + 1);
    }
    const line = this.#buffer.toString("utf8", this.#offset, at);
    this.#offset = at + 2;
    return line;
  }

  #bulk(header: string, skip: number): Uint8Array | null {
    if (header === "-1") return null;
    const size = length(header);
    const end = this.#offset + size;
    if (end + 2 > this.#end) throw new Incomplete(end + 2);
    const bytes = Uint8Array.from(this.#buffer.subarray(this.#offset + skip, end));
    this.#offset = end + 2;
    return bytes;
  }

  #many(count: number, depth: number): Reply[] {
    const items: Reply[] = [];
    for (let index = 0; index < count; index++) items.push(this.#value(depth + 1));
    return items;
  }
}

function length(text: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value <= MAX_LENGTH) return value;
  throw new ProtocolError(`${JSON.stringify(text.slice(0, 20))} is no length`);
}

function integer(text: string): number | bigint {
  if (!/^[+-]?\d{1,19}$/.test(text))
    throw new ProtocolError(`${JSON.stringify(text.slice(0, 20))} is no integer`);
  const value = Number(text);
  return Number.isSafeInteger(value) ? value : BigInt(text);
}

function double(text: string): number {
  if (text === "inf") return Infinity;
  if (text === "-inf") return -Infinity;
  return Number(text);
}
