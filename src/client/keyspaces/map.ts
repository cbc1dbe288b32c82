/** A keyspace with values under names (fields) for each key. */
import { KvorumError } from "../../core/errors.ts";
import { MapReply, type Reply } from "../../core/reply.ts";
import type { Caller } from "../calls/caller.ts";
import { type Args, type Operation, word } from "../calls/operation.ts";
import type { ConditionalWriteOptions, ReadOptions, WriteOptions } from "../calls/options.ts";
import { arrayOf, bytesOf, bytesOrNull, isOne, numberOf } from "../calls/replies.ts";
import { InvalidValueError } from "../errors.ts";
import { decodeText, encodeText } from "../schema/codec.ts";
import type { Values } from "../schema/values.ts";
import { integer } from "./counter.ts";
import { type ElementOptions, elements } from "./elements.ts";
import { encodedAll } from "./encoded.ts";
import { Keyspace, KeyOperations, notAString } from "./keyspace.ts";
import type { Watch, WatchOptions } from "../watch/watch.ts";
import type { Names } from "./names.ts";

export class MapOperations<In, Out> extends KeyOperations {
  readonly #values: Values<In, Out>;

  constructor(names: Names, values: Values<In, Out>) {
    super(names);
    this.#values = values;
  }

  get(key: string, field: string): Operation<Out | undefined> {
    return this.read("hget", key, [encodeText(field)], (reply) => this.#decodedOrNot(reply));
  }

  getMany(key: string, fields: readonly string[]): Operation<(Out | undefined)[]> {
    const args = encodedAll(fields, encodeText);
    return this.read("hmget", key, args, (reply) => arrayOf(reply).map((value) => this.#decodedOrNot(value)));
  }

  getAll(key: string): Operation<Map<string, Out>> {
    return this.read("hgetall", key, [], (reply) => {
      if (!(reply instanceof MapReply)) throw new KvorumError("internal", "HGETALL answered no map.");
      return new Map(reply.pairs.map(([field, value]) => this.pair(bytesOf(field), bytesOf(value))));
    });
  }

  set(key: string, field: string, value: In): Operation<boolean> {
    return this.write("hset", key, this.#fields([[field, value]]), isOne);
  }

  setMany(key: string, fields: Readonly<Record<string, In>>): Operation<number> {
    return this.write("hset", key, this.#fields(Object.entries(fields)), numberOf);
  }

  add(key: string, field: string, value: In): Operation<boolean> {
    return this.write("hsetnx", key, this.#fields([[field, value]]), isOne);
  }

  delete(key: string, field: string): Operation<boolean> {
    return this.write("hdel", key, [encodeText(field)], isOne);
  }

  deleteMany(key: string, fields: readonly string[]): Operation<number> {
    return this.write("hdel", key, encodedAll(fields, encodeText), numberOf);
  }

  has(key: string, field: string): Operation<boolean> {
    return this.read("hexists", key, [encodeText(field)], isOne);
  }

  size(key: string): Operation<number> {
    return this.read("hlen", key, [], numberOf);
  }

  /** Only where the values are numbers, as JSON. */
  increment(
    this: MapOperations<number, number>,
    key: string,
    field: string,
    by: number | bigint = 1,
  ): Operation<number> {
    if (this.#values.codecName !== "json")
      throw new KvorumError("contradiction", `Values in ${this.#values.codecName} cannot be incremented.`);
    return this.write("hincrby", key, [encodeText(field), word(integer(by))], numberOf);
  }

  pair(field: Uint8Array, value: Uint8Array): [string, Out] {
    return [fieldName(field), this.#values.decode(value)];
  }

  #decodedOrNot(reply: Reply): Out | undefined {
    const value = bytesOrNull(reply);
    return value === null ? undefined : this.#values.decode(value);
  }

  #fields(fields: readonly (readonly [string, In])[]): Args | Promise<Args> {
    const names = fields.map(([name]) => encodeText(name));
    const interleaved = (values: Args): Args => values.flatMap((value, i) => [names[i]!, value]);
    const values = encodedAll(
      fields.map(([, value]) => value),
      this.#values.encode,
    );
    return values instanceof Promise ? values.then(interleaved) : interleaved(values);
  }
}

function fieldName(field: Uint8Array): string {
  try {
    return decodeText(field);
  } catch {
    throw new InvalidValueError([{ path: [], message: "There is a field whose name is not UTF-8" }]);
  }
}

export class MapKeyspace<In, Out = In> extends Keyspace<MapOperations<In, Out>> {
  constructor(caller: Caller, names: Names, values: Values<In, Out>) {
    super(caller, new MapOperations(names, values), "hash");
  }

  /** Undefined: there is no such field. */
  get(key: string, field: string, options?: ReadOptions): Promise<Out | undefined> {
    return this.reading((at) => at.get(key, field), options);
  }

  /** In the order of the fields, of one moment. */
  getMany(key: string, fields: readonly string[], options?: ReadOptions): Promise<(Out | undefined)[]> {
    return this.reading((at) => at.getMany(key, fields), options);
  }

  /** All fields as they are at one moment; none for a key that is not there. Very large: `too-large`, use `entries`. */
  getAll(key: string, options?: ReadOptions): Promise<Map<string, Out>> {
    return this.reading((at) => at.getAll(key), options);
  }

  /** Whether the field is new. */
  set(key: string, field: string, value: In, options?: WriteOptions): Promise<boolean> {
    return this.writing((at) => at.set(key, field, value), options);
  }

  /** How many of the fields are new. Other fields stay. */
  setMany(key: string, fields: Readonly<Record<string, In>>, options?: WriteOptions): Promise<number> {
    return this.writing((at) => at.setMany(key, fields), options);
  }

  /** False: the field is there already, and stays as it is. */
  add(key: string, field: string, value: In, options?: ConditionalWriteOptions): Promise<boolean> {
    return this.writing((at) => at.add(key, field, value), options, "conditional");
  }

  /** Whether the field was there. A map without fields is not there. */
  delete(key: string, field: string, options?: WriteOptions): Promise<boolean> {
    return this.writing((at) => at.delete(key, field), options);
  }

  /** How many of the fields were there. */
  deleteMany(key: string, fields: readonly string[], options?: WriteOptions): Promise<number> {
    return this.writing((at) => at.deleteMany(key, fields), options);
  }

  /** Removes the whole map. Whether it was there. */
  clear(key: string, options?: WriteOptions): Promise<boolean> {
    return this.writing((at) => at.clear(key), options);
  }

  has(key: string, field: string, options?: ReadOptions): Promise<boolean> {
    return this.reading((at) => at.has(key, field), options);
  }

  /** How many fields there are. */
  size(key: string, options?: ReadOptions): Promise<number> {
    return this.reading((at) => at.size(key), options);
  }

  /** The field's number after it; one that is not there is 0. Only for maps of numbers, as JSON. */
  increment(
    this: MapKeyspace<number, number>,
    key: string,
    field: string,
    by?: number | bigint,
    options?: WriteOptions,
  ): Promise<number> {
    return this.writing((at) => at.increment(key, field, by), options, "additive");
  }

  /** Walks through the fields, many at a time. One that is there from the beginning to the end comes exactly once. */
  async *entries(key: string, options: ElementOptions = {}): AsyncGenerator<[string, Out], void, undefined> {
    for await (const page of elements(this.caller, ".hscan", this.operations.names, key, options))
      for (let i = 0; i < page.length; i += 2) yield this.operations.pair(page[i]!, page[i + 1]!);
  }

  /** The keys whose fields change from now on, or from an earlier revision. What changed in them has to be read. */
  watch(options?: WatchOptions): Watch<never> {
    return this.watching(notAString, options);
  }
}
