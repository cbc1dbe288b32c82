/**
 * Counts RESP2 replies in a byte stream and looks at no more of them than whether they are errors: a load generator that made values of
 * them would be the slower end.
 */
import { binaryString } from "../core/bytes.ts";

const LF = 0x0a;
const MINUS = 0x2d;

export class ReplyScanner {
  readonly #onReply: (error: string | null) => void;
  /** A line whose end has not arrived. */
  #rest: Uint8Array | null = null;
  /** Bytes of a bulk string that are still to come, with its line end. */
  #skip = 0;
  /** How many elements are missing in each array that has begun, the innermost last. */
  readonly #open: number[] = [];
  #error: string | null = null;

  /** Called for each reply, with its text if it is an error, or holds one. */
  constructor(onReply: (error: string | null) => void) {
    this.#onReply = onReply;
  }

  /** Throws for what is no RESP2. Does not keep the chunk. */
  push(chunk: Uint8Array): void {
    const bytes = this.#rest === null ? chunk : joined(this.#rest, chunk);
    this.#rest = null;
    let at = 0;
    while (at < bytes.length) {
      if (this.#skip > 0) {
        const skipped = Math.min(this.#skip, bytes.length - at);
        this.#skip -= skipped;
        at += skipped;
        if (this.#skip === 0) this.#ended();
        continue;
      }
      const end = bytes.indexOf(LF, at);
      if (end < 0) {
        this.#rest = bytes.slice(at);
        return;
      }
      this.#line(bytes, at, end - 1);
      at = end + 1;
    }
  }

  #line(bytes: Uint8Array, start: number, end: number): void {
    const type = String.fromCharCode(bytes[start]!);
    switch (type) {
      case "+":
      case ":":
        this.#ended();
        return;
      case "-":
        this.#error ??= binaryString(bytes.subarray(start + 1, end));
        this.#ended();
        return;
      case "$": {
        const length = integer(bytes, start + 1, end);
        if (length < 0) this.#ended();
        else this.#skip = length + 2;
        return;
      }
      case "*": {
        const count = integer(bytes, start + 1, end);
        if (count <= 0) this.#ended();
        else this.#open.push(count);
        return;
      }
      default:
        throw new Error(`a reply begins with ${JSON.stringify(type)}: this is no RESP`);
    }
  }

  /** An element is over, and with it perhaps the arrays that it is the last of. */
  #ended(): void {
    while (this.#open.length > 0) {
      const missing = this.#open.at(-1)! - 1;
      if (missing > 0) {
        this.#open[this.#open.length - 1] = missing;
        return;
      }
      this.#open.pop();
    }
    const error = this.#error;
    this.#error = null;
    this.#onReply(error);
  }
}

function integer(bytes: Uint8Array, start: number, end: number): number {
  const negative = bytes[start] === MINUS;
  let value = 0;
  for (let at = negative ? start + 1 : start; at < end; at++) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) throw new Error("a length in a reply is no number: this is no RESP");
    value = value * 10 + digit;
  }
  return negative ? -value : value;
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
