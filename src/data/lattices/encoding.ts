/**
 * The parts that lattices are written with. There is one way to write a state, and no other way is read: a number in
 * more bytes than it needs or keys out of order are malformed, so that equal states have equal bytes and equal digests.
 */
import { type ByteReader, binaryString, CodecError } from "../../core/bytes.ts";
import { type ReplicaId, replicaId } from "../../core/ids.ts";
import type { Codec } from "./lattice.ts";

function varintBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes++;
  return bytes;
}

/** Whole numbers from 0 to 2^53-1. */
export const counts: Codec<number> = {
  encode: (writer, value) => writer.varint(value),
  decode(reader) {
    const start = reader.offset;
    const value = reader.varint();
    if (reader.offset - start !== varintBytes(value))
      throw new CodecError(`a number in more bytes than it needs at offset ${start}`);
    return value;
  },
};

/** Whole numbers from 1 on. */
export function readPositive(reader: ByteReader): number {
  const value = counts.decode(reader);
  if (value === 0) throw new CodecError(`a zero before offset ${reader.offset}`);
  return value;
}

export const replicas: Codec<ReplicaId> = {
  encode: (writer, value) => writer.varint(value),
  decode: (reader) => replicaId(readPositive(reader)),
};

/** Binary strings (each char code below 256), as everywhere in the data types. */
export const texts: Codec<string> = {
  encode: (writer, value) => writer.binary(value),
  decode: (reader) => binaryString(reader.raw(counts.decode(reader))),
};

export const booleans: Codec<boolean> = {
  encode: (writer, value) => writer.u8(value ? 1 : 0),
  decode(reader) {
    const byte = reader.u8();
    if (byte > 1) throw new CodecError(`${byte} is neither true nor false`);
    return byte === 1;
  },
};

/** A value, or null: one byte more. */
export function nullable<T>(codec: Codec<T>): Codec<T | null> {
  return {
    encode(writer, value) {
      booleans.encode(writer, value !== null);
      if (value !== null) codec.encode(writer, value);
    },
    decode: (reader) => (booleans.decode(reader) ? codec.decode(reader) : null),
  };
}

/** `compareKeys` orders binary strings by their bytes, and ids as numbers. */
export function compareKeys<K extends string | number>(left: K, right: K): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** Keys ascending, each before its value. */
export function maps<K extends string | number, V>(
  keys: Codec<K>,
  values: Codec<V>,
): Codec<ReadonlyMap<K, V>> {
  return {
    encode(writer, map) {
      writer.varint(map.size);
      for (const [key, value] of [...map].sort((a, b) => compareKeys(a[0], b[0]))) {
        keys.encode(writer, key);
        values.encode(writer, value);
      }
    },
    decode(reader) {
      const map = new Map<K, V>();
      let last: K | null = null;
      for (let left = counts.decode(reader); left > 0; left--) {
        const key = keys.decode(reader);
        if (last !== null && key <= last)
          throw new CodecError(`keys out of order at offset ${reader.offset}`);
        last = key;
        map.set(key, values.decode(reader));
      }
      return map;
    },
  };
}
