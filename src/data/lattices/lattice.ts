/**
 * Join semilattices: states that merge without a conflict, whatever the order and however often (Shapiro, Preguiça,
 * Baquero, Zawirski 2011, INRIA RR-7506, section 2.3).
 *
 * All types here are **delta-state** (Almeida, Shoker, Baquero 2018, "Delta state replicated data types"): a mutator
 * returns a delta, itself a small state of the same lattice, and `join(state, delta)` is the state after the operation.
 * A delta may be lost, doubled, delayed and reordered; joined deltas are a delta again. States are immutable.
 */
import { ByteReader, ByteWriter } from "../../core/bytes.ts";

/** How a value is written and read. Reading takes exactly what writing makes, and throws `CodecError` for anything else. */
export interface Codec<T> {
  encode(writer: ByteWriter, value: T): void;
  decode(reader: ByteReader): T;
}

export interface Lattice<State> extends Codec<State> {
  /** For messages and tests. */
  readonly name: string;
  /** Below every state: `join(bottom, s)` equals `s`. */
  readonly bottom: State;
  /** The least state above both: commutative, associative, idempotent. Changes neither. */
  join(left: State, right: State): State;
  /** Equal states have equal bytes, and only they. */
  equals(left: State, right: State): boolean;
  /** The lattice's order: whether `right` knows all that `left` knows; the same as `equals(join(left, right), right)`. */
  leq(left: State, right: State): boolean;
}

/** A lattice's equality follows from its order. */
export function lattice<State>(definition: Omit<Lattice<State>, "equals">): Lattice<State> {
  const { leq } = definition;
  return { ...definition, equals: (left, right) => leq(left, right) && leq(right, left) };
}

export function joinAll<State>(of: Lattice<State>, states: Iterable<State>): State {
  let joined = of.bottom;
  for (const state of states) joined = of.join(joined, state);
  return joined;
}

export function toBytes<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new ByteWriter();
  codec.encode(writer, value);
  return writer.finish();
}

/** Throws `CodecError` unless the bytes are one value, whole, as `toBytes` writes it. */
export function fromBytes<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new ByteReader(bytes);
  const value = codec.decode(reader);
  reader.end();
  return value;
}
