/** A keyspace with an integer for each key. */
import { binaryString } from "../../core/bytes.ts";
import { KvorumError } from "../../core/errors.ts";
import type { Caller } from "../calls/caller.ts";
import { type Operation, word } from "../calls/operation.ts";
import type { ReadOptions, WriteOptions } from "../calls/options.ts";
import { bytesOrNull, isOne, numberOf } from "../calls/replies.ts";
import { InvalidValueError } from "../errors.ts";
import { Keyspace, KeyOperations } from "./keyspace.ts";
import type { Watch, WatchOptions } from "../watch/watch.ts";
import type { Names } from "./names.ts";

export class CounterOperations extends KeyOperations {
  get(key: string): Operation<number> {
    return this.read("get", key, [], (reply) => {
      const stored = bytesOrNull(reply);
      return stored === null ? 0 : countOf(stored);
    });
  }

  increment(key: string, by: number | bigint = 1): Operation<number> {
    return this.write("incrby", key, [word(integer(by))], numberOf);
  }

  decrement(key: string, by: number | bigint = 1): Operation<number> {
    return this.write("decrby", key, [word(integer(by))], numberOf);
  }

  set(key: string, value: number | bigint): Operation<void> {
    return this.write("set", key, [word(integer(value))], () => undefined);
  }

  delete(key: string): Operation<boolean> {
    return this.write("del", key, [], isOne);
  }
}

export class CounterKeyspace extends Keyspace<CounterOperations> {
  constructor(caller: Caller, names: Names) {
    super(caller, new CounterOperations(names), "string");
  }

  /** 0 for a key that is not there. */
  get(key: string, options?: ReadOptions): Promise<number> {
    return this.reading((at) => at.get(key), options);
  }

  /** The count after it. Beyond 64 bits: a definite `bad-request`. */
  increment(key: string, by?: number | bigint, options?: WriteOptions): Promise<number> {
    return this.writing((at) => at.increment(key, by), options, "additive");
  }

  /** The count after it. */
  decrement(key: string, by?: number | bigint, options?: WriteOptions): Promise<number> {
    return this.writing((at) => at.decrement(key, by), options, "additive");
  }

  set(key: string, value: number | bigint, options?: WriteOptions): Promise<void> {
    return this.writing((at) => at.set(key, value), options);
  }

  /** Whether it was there. */
  delete(key: string, options?: WriteOptions): Promise<boolean> {
    return this.writing((at) => at.delete(key), options);
  }

  /** The changes from now on, or from an earlier revision, with the counts after them. */
  watch(options?: WatchOptions): Watch<number> {
    return this.watching(countOf, options);
  }
}

export function integer(value: number | bigint): number | bigint {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return value;
  throw new KvorumError("bad-request", `${value} is not a whole number that JavaScript holds exactly.`);
}

/** Throws `InvalidValueError`. */
export function countOf(stored: Uint8Array): number {
  const text = binaryString(stored);
  if (!/^-?\d+$/.test(text))
    throw new InvalidValueError([{ path: [], message: "What is stored under this key is not a count" }]);
  return Number(text);
}
