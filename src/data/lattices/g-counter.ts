/**
 * The counter that only grows (RR-7506, specification 6): what each replica has added, and their sum. One number a
 * replica that ever added.
 */
import { type ByteReader, type ByteWriter, CodecError } from "../../core/bytes.ts";
import { KvorumError } from "../../core/errors.ts";
import type { ReplicaId } from "../../core/ids.ts";
import { replicas } from "./encoding.ts";
import type { Codec, Lattice } from "./lattice.ts";
import { chain, pointwise } from "./pointwise.ts";

/** What one replica may add in all: far above Redis' 64 bits, and few enough bytes for a bound on the state. */
export const MAX_ADDED = 2n ** 126n;

/** LEB128 as in core, without its limit. Up to here it is the same, and numbers are much faster than bigints. */
const SAFE = BigInt(Number.MAX_SAFE_INTEGER);
/** Bytes of seven bits each that a safe number fits into, whatever they are. */
const SAFE_BYTES = 7;

const amounts: Codec<bigint> = {
  encode(writer: ByteWriter, value: bigint): void {
    if (value <= SAFE) {
      writer.varint(Number(value));
      return;
    }
    let rest = value;
    for (; rest >= 0x80n; rest >>= 7n) writer.u8(Number(rest & 0x7fn) | 0x80);
    writer.u8(Number(rest));
  },
  decode(reader: ByteReader): bigint {
    let small = 0;
    let scale = 1;
    for (let bytes = 0; bytes < SAFE_BYTES; bytes++) {
      const byte = reader.u8();
      small += (byte & 0x7f) * scale;
      scale *= 0x80;
      if (byte >= 0x80) continue;
      if (byte === 0 && bytes > 0) throw new CodecError("an amount in more bytes than it needs");
      return BigInt(small);
    }
    return decodeLarge(reader, BigInt(small));
  },
};

function decodeLarge(reader: ByteReader, low: bigint): bigint {
  let value = low;
  for (let shift = 7n * BigInt(SAFE_BYTES); ; shift += 7n) {
    const byte = reader.u8();
    value |= BigInt(byte & 0x7f) << shift;
    if (value > MAX_ADDED || shift > 126n) throw new CodecError("an amount over its limit");
    if (byte >= 0x80) continue;
    if (byte === 0) throw new CodecError("an amount in more bytes than it needs");
    return value;
  }
}

/** Amounts under maximum. */
export const greatestAmount: Lattice<bigint> = chain(
  "greatest amount",
  0n,
  (left, right) => (left < right ? -1 : left > right ? 1 : 0),
  amounts,
);

export type GCounter = ReadonlyMap<ReplicaId, bigint>;

export const gCounters: Lattice<GCounter> = pointwise("G-counter", replicas, greatestAmount);

export function gCounterValue(state: GCounter): bigint {
  let sum = 0n;
  for (const amount of state.values()) sum += amount;
  return sum;
}

/** The delta that adds `by` >= 0. Throws `bad-request` below zero, `too-large` over `MAX_ADDED`. */
export function gCounterAdd(state: GCounter, replica: ReplicaId, by: bigint): GCounter {
  if (by < 0n) throw new KvorumError("bad-request", "A G-counter only grows.");
  if (by === 0n) return gCounters.bottom;
  return new Map([[replica, addAmounts(state.get(replica) ?? 0n, by)]]);
}

export function addAmounts(left: bigint, right: bigint): bigint {
  const sum = left + right;
  if (sum > MAX_ADDED) throw new KvorumError("too-large", "The replica's share of the counter is used up.");
  return sum;
}
