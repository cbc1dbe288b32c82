/** A keyspace with a set of values for each key. */
import type { Caller } from "../calls/caller.ts";
import type { Args, Operation } from "../calls/operation.ts";
import type { ReadOptions, WriteOptions } from "../calls/options.ts";
import { arrayOf, bytesOf, isOne, numberOf } from "../calls/replies.ts";
import type { Values } from "../schema/values.ts";
import { type ElementOptions, elements } from "./elements.ts";
import { encodedAll } from "./encoded.ts";
import { Keyspace, KeyOperations, notAString } from "./keyspace.ts";
import type { Watch, WatchOptions } from "../watch/watch.ts";
import type { Names } from "./names.ts";

export class SetOperations<In, Out> extends KeyOperations {
  readonly #values: Values<In, Out>;

  constructor(names: Names, values: Values<In, Out>) {
    super(names);
    this.#values = values;
  }

  add(key: string, member: In): Operation<boolean> {
    return this.write("sadd", key, this.#encoded([member]), isOne);
  }

  addAll(key: string, members: readonly In[]): Operation<number> {
    return this.write("sadd", key, this.#encoded(members), numberOf);
  }

  remove(key: string, member: In): Operation<boolean> {
    return this.write("srem", key, this.#encoded([member]), isOne);
  }

  removeAll(key: string, members: readonly In[]): Operation<number> {
    return this.write("srem", key, this.#encoded(members), numberOf);
  }

  has(key: string, member: In): Operation<boolean> {
    return this.read("sismember", key, this.#encoded([member]), isOne);
  }

  hasEach(key: string, members: readonly In[]): Operation<boolean[]> {
    return this.read("smismember", key, this.#encoded(members), (reply) => arrayOf(reply).map(isOne));
  }

  size(key: string): Operation<number> {
    return this.read("scard", key, [], numberOf);
  }

  all(key: string): Operation<Out[]> {
    return this.read("smembers", key, [], (reply) =>
      arrayOf(reply).map((member) => this.decoded(bytesOf(member))),
    );
  }

  decoded(member: Uint8Array): Out {
    return this.#values.decode(member);
  }

  #encoded(members: readonly In[]): Args | Promise<Args> {
    return encodedAll(members, this.#values.encode);
  }
}

/**
 * Adding and removing a member can be repeated without harm, unlike an increment: a set needs no session to be right, only
 * its answers (whether the member was new) do.
 */
export class SetKeyspace<In, Out = In> extends Keyspace<SetOperations<In, Out>> {
  constructor(caller: Caller, names: Names, values: Values<In, Out>) {
    super(caller, new SetOperations(names, values), "set");
  }

  /** Whether it is new. */
  add(key: string, member: In, options?: WriteOptions): Promise<boolean> {
    return this.writing((at) => at.add(key, member), options);
  }

  /** How many of them are new. At least one has to be given. */
  addAll(key: string, members: readonly In[], options?: WriteOptions): Promise<number> {
    return this.writing((at) => at.addAll(key, members), options);
  }

  /** Whether it was a member. A set without members is not there. */
  remove(key: string, member: In, options?: WriteOptions): Promise<boolean> {
    return this.writing((at) => at.remove(key, member), options);
  }

  /** How many of them were members. At least one has to be given. */
  removeAll(key: string, members: readonly In[], options?: WriteOptions): Promise<number> {
    return this.writing((at) => at.removeAll(key, members), options);
  }

  /** Removes the whole set. Whether it was there. */
  clear(key: string, options?: WriteOptions): Promise<boolean> {
    return this.writing((at) => at.clear(key), options);
  }

  has(key: string, member: In, options?: ReadOptions): Promise<boolean> {
    return this.reading((at) => at.has(key, member), options);
  }

  hasEach(key: string, members: readonly In[], options?: ReadOptions): Promise<boolean[]> {
    return this.reading((at) => at.hasEach(key, members), options);
  }

  size(key: string, options?: ReadOptions): Promise<number> {
    return this.reading((at) => at.size(key), options);
  }

  /** All members as they are at one moment. A definite `too-large` for very large sets: walk through their `members`. */
  all(key: string, options?: ReadOptions): Promise<Out[]> {
    return this.reading((at) => at.all(key), options);
  }

  /** Walks through the members, many at a time. One that is there from the beginning to the end comes exactly once. */
  async *members(key: string, options: ElementOptions = {}): AsyncGenerator<Out, void, undefined> {
    for await (const page of elements(this.caller, ".sscan", this.operations.names, key, options))
      for (const member of page) yield this.operations.decoded(member);
  }

  /** The keys whose members change from now on, or from an earlier revision. What changed in them has to be read. */
  watch(options?: WatchOptions): Watch<never> {
    return this.watching(notAString, options);
  }
}
