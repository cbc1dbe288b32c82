/** How the values of a keyspace become bytes. */
import { InvalidValueError } from "../errors.ts";
import { canonicalJson } from "./canonical-json.ts";

/**
 * Values as bytes, and back. `decode(encode(value))` equals `value`; equal values have equal bytes where they are members of a
 * set. Both may throw: a value that cannot be written, or bytes that no value has. The bytes are not kept by `decode`.
 */
export interface Codec<T> {
  /** Says in error messages how the bytes were to be read. */
  readonly name?: string;
  readonly encode: (value: T) => Uint8Array;
  readonly decode: (bytes: Uint8Array) => T;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Canonical JSON in UTF-8: see `canonical-json.ts` for what it refuses. The default. */
export function json<T>(): Codec<T> {
  return {
    name: "json",
    encode: (value) => encoder.encode(canonicalJson(value)),
    decode: (bytes) => JSON.parse(decoder.decode(bytes)) as T,
  };
}

/** Strings as UTF-8. */
export function text(): Codec<string> {
  return { name: "text", encode: encodeText, decode: (bytes) => decoder.decode(bytes) };
}

/** Bytes as they are; copied both ways. */
export function bytes(): Codec<Uint8Array> {
  return {
    name: "bytes",
    encode: (value) => Uint8Array.from(value),
    decode: (given) => Uint8Array.from(given),
  };
}

/** Throws `InvalidValueError` for a lone surrogate, which UTF-8 would replace in silence. */
export function encodeText(value: string): Uint8Array {
  if (/\p{Surrogate}/u.test(value))
    throw new InvalidValueError([{ path: [], message: "A lone surrogate is no text that UTF-8 can hold." }]);
  return encoder.encode(value);
}

/** Throws `TypeError` for what is not UTF-8. */
export const decodeText = (given: Uint8Array): string => decoder.decode(given);
