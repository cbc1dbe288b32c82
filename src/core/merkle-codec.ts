/**
 * What replicas say about their Merkle trees, as bytes: parts of the messages of protocols. A family is the distance of its parent from the one
 * before, a bit for each child that holds anything, and eight bytes for each of those. Reading throws `CodecError` on anything that is not
 * written so; whether a tree has such nodes is for who asks it.
 */
import { type ByteReader, type ByteWriter, CodecError } from "./bytes.ts";
import type { Hash64 } from "./hash64.ts";
import type { MerkleFamily } from "./merkle-comparison.ts";
import type { MerkleShape } from "./merkle-tree.ts";

export function writeShape(writer: ByteWriter, { fanout, depth, seed }: MerkleShape): void {
  writer.u8(fanout - 1);
  writer.u8(depth);
  writer.u32(seed >>> 0);
}

export function readShape(reader: ByteReader): MerkleShape {
  return { fanout: reader.u8() + 1, depth: reader.u8(), seed: reader.u32() };
}

export function writeHash(writer: ByteWriter, { high, low }: Hash64): void {
  writer.u32(high);
  writer.u32(low);
}

export function readHash(reader: ByteReader): Hash64 {
  const high = reader.u32();
  return { high, low: reader.u32() };
}

/** Numbers of nodes or leaves, ascending. */
export function writeAscending(writer: ByteWriter, numbers: readonly number[]): void {
  writer.varint(numbers.length);
  let last = -1;
  for (const number of numbers) {
    writer.varint(number - last - 1);
    last = number;
  }
}

export function readAscending(reader: ByteReader): readonly number[] {
  const count = reader.varint();
  if (count > reader.remaining) throw new CodecError(`${count} numbers in ${reader.remaining} bytes`);
  const numbers: number[] = [];
  let last = -1;
  for (let at = 0; at < count; at++) {
    last += reader.varint() + 1;
    numbers.push(last);
  }
  return numbers;
}

/** All of one fanout; their parents ascend. */
export function writeFamilies(writer: ByteWriter, families: readonly MerkleFamily[]): void {
  writer.varint(families.length);
  const fanout = (families[0]?.hashes.length ?? 0) / 2;
  if (fanout > 0) writer.u8(fanout - 1);
  let last = -1;
  for (const { parent, hashes } of families) {
    writer.varint(parent - last - 1);
    last = parent;
    writeHashes(writer, hashes, fanout);
  }
}

export function readFamilies(reader: ByteReader): readonly MerkleFamily[] {
  const count = reader.varint();
  if (count > reader.remaining) throw new CodecError(`${count} families in ${reader.remaining} bytes`);
  const fanout = count > 0 ? reader.u8() + 1 : 0;
  const families: MerkleFamily[] = [];
  let parent = -1;
  for (let at = 0; at < count; at++) {
    parent += reader.varint() + 1;
    families.push({ parent, hashes: readHashes(reader, fanout) });
  }
  return families;
}

function writeHashes(writer: ByteWriter, hashes: Uint32Array, fanout: number): void {
  const holds = (child: number) => child < fanout && (hashes[2 * child] !== 0 || hashes[2 * child + 1] !== 0);
  for (let first = 0; first < fanout; first += 8) {
    let bits = 0;
    for (let bit = 0; bit < 8; bit++) if (holds(first + bit)) bits |= 1 << bit;
    writer.u8(bits);
  }
  for (let child = 0; child < fanout; child++) {
    if (!holds(child)) continue;
    writer.u32(hashes[2 * child]!);
    writer.u32(hashes[2 * child + 1]!);
  }
}

function readHashes(reader: ByteReader, fanout: number): Uint32Array {
  const bits = reader.raw(Math.ceil(fanout / 8));
  const hashes = new Uint32Array(2 * fanout);
  for (let child = 0; child < 8 * bits.length; child++) {
    if ((bits[child >> 3]! & (1 << (child & 7))) === 0) continue;
    if (child >= fanout) throw new CodecError(`child ${child} of ${fanout}`);
    const { high, low } = readHash(reader);
    if (high === 0 && low === 0) throw new CodecError(`child ${child} holds something and hashes to zero`);
    hashes[2 * child] = high;
    hashes[2 * child + 1] = low;
  }
  return hashes;
}
