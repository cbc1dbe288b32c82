/**
 * The messages of a comparison as bytes: a kind, the shape of the sender's tree, then a hash or families. A family is the distance
 * of its parent from the one before, a bit for each child that holds anything, and eight bytes for each of those.
 */
import { type ByteReader, type ByteWriter, CodecError } from "./bytes.ts";
import type { Hash64 } from "./hash64.ts";
import type { MerkleFamily, MerkleMessage } from "./merkle-comparison.ts";
import type { MerkleTree } from "./merkle-tree.ts";

const ROOT = 0;
const SAME = 1;
const CHILDREN = 2;

export function encodeMerkleMessage(writer: ByteWriter, tree: MerkleTree, message: MerkleMessage): void {
  const { fanout, depth, seed } = tree.shape;
  writer.u8(message.type === "root" ? ROOT : message.type === "same" ? SAME : CHILDREN);
  writer.u8(fanout - 1);
  writer.u8(depth);
  writer.u32(seed >>> 0);
  if (message.type !== "children") {
    writer.u32(message.hash.high);
    writer.u32(message.hash.low);
    return;
  }
  writer.varint(message.families.length);
  let last = 0;
  for (const { parent, hashes } of message.families) {
    writer.varint(parent - last);
    last = parent;
    writeHashes(writer, hashes, fanout);
  }
}

/** Throws `CodecError` on anything that `encodeMerkleMessage` does not write, and for a tree of another shape. */
export function decodeMerkleMessage(reader: ByteReader, tree: MerkleTree): MerkleMessage {
  const { fanout, depth, seed } = tree.shape;
  const kind = reader.u8();
  const theirs = { fanout: reader.u8() + 1, depth: reader.u8(), seed: reader.u32() };
  if (theirs.fanout !== fanout || theirs.depth !== depth || theirs.seed !== seed >>> 0)
    throw new CodecError(`a Merkle tree of another shape: ${JSON.stringify(theirs)}`);
  if (kind === ROOT) return { type: "root", hash: readHash(reader) };
  if (kind === SAME) return { type: "same", hash: readHash(reader) };
  if (kind !== CHILDREN) throw new CodecError(`unknown kind of Merkle message ${kind}`);
  const families: MerkleFamily[] = [];
  const count = reader.varint();
  let parent = 0;
  for (let at = 0; at < count; at++) {
    const distance = reader.varint();
    if (at > 0 && distance === 0) throw new CodecError(`node ${parent} twice`);
    parent += distance;
    if (parent >= tree.firstLeaf) throw new CodecError(`node ${parent} has no children`);
    families.push({ parent, hashes: readHashes(reader, fanout) });
  }
  return { type: "children", families };
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

function readHash(reader: ByteReader): Hash64 {
  const high = reader.u32();
  return { high, low: reader.u32() };
}
