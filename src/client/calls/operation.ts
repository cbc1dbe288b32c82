/** One command on one key, as plain data: the same for a call of its own and inside a batch. */
import { binaryBytes } from "../../core/bytes.ts";
import type { Reply } from "../../core/reply.ts";

/** `R` is what it results in. Made by a keyspace's operations, and only good in that keyspace. */
export class Operation<R> {
  readonly name: string;
  readonly write: boolean;
  /** As it is inside, with the keyspace's prefix. */
  readonly key: Uint8Array;
  /** After the key. A promise while a schema is thinking about a value. */
  readonly rest: Args | Promise<Args>;
  readonly decode: (reply: Reply) => R;

  constructor(
    access: "read" | "write",
    name: string,
    key: Uint8Array,
    rest: Args | Promise<Args>,
    decode: (reply: Reply) => R,
  ) {
    this.write = access === "write";
    this.name = name;
    this.key = key;
    this.rest = rest;
    this.decode = decode;
  }
}

export type Args = readonly Uint8Array[];

/** ASCII words and numbers as arguments. */
export const word = (value: string | number | bigint): Uint8Array => binaryBytes(String(value));
