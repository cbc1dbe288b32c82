/**
 * An incremental Merkle tree (Merkle 1987) over the keys of a replica, for replicas to find out cheaply where they differ.
 *
 * A leaf stands for a range of key hashes, its bucket. Every node's hash is the XOR of the hashes of all entries (key and
 * version) below it: an incremental hash of a set (Bellare and Micciancio 1997), so that a change of one key costs one XOR
 * per level, the order of changes does not matter, no key is kept here, and what holds nothing is zero. Two
 * trees of one shape with different entries have the same hash by accident once in 2^64.
 *
 * The tree is an array: the root is node 0, the children of node i are the `fanout` nodes from `i * fanout + 1` on. Level
 * by level, so an index means the same on every replica of the same shape.
 */
import { invariant } from "./assert.ts";
import { ByteWriter } from "./bytes.ts";
import { hash64, type Hash64 } from "./hash64.ts";

/** Replicas that compare must have the same. */
export interface MerkleShape {
  /** Children of a node, 2 to 256. */
  readonly fanout: number;
  /** Levels below the root, from 1: there are `fanout ** depth` leaves, at most 2^22. */
  readonly depth: number;
  /** Of all hashes: 32 bits. One that clients do not know makes it harder to aim at one leaf. */
  readonly seed: number;
}

const MAX_LEAVES = 1 << 22;

export const NO_ENTRY: Hash64 = { high: 0, low: 0 };

export class MerkleTree {
  readonly shape: MerkleShape;
  readonly leaves: number;
  readonly nodes: number;
  /** The high halves at even, the low halves at odd places. */
  readonly #hashes: Uint32Array;
  readonly #writer = new ByteWriter();

  /** Without entries. Throws `RangeError` for a shape out of its bounds. Takes 8 bytes a node. */
  constructor(shape: MerkleShape) {
    const { fanout, depth } = shape;
    const leaves = fanout ** depth;
    if (!Number.isInteger(fanout) || fanout < 2 || fanout > 256)
      throw new RangeError(`a fanout of ${fanout}`);
    if (!Number.isInteger(depth) || depth < 1 || leaves > MAX_LEAVES)
      throw new RangeError(`a depth of ${depth} with a fanout of ${fanout}`);
    this.shape = shape;
    this.leaves = leaves;
    this.nodes = (leaves * fanout - 1) / (fanout - 1);
    this.#hashes = new Uint32Array(2 * this.nodes);
  }

  /**
   * A key goes from one version to another; null: is not there. A version is any bytes that are equal on two replicas
   * if and only if the key's content is. `before` must be what was said last of this key: otherwise this tree
   * differs from all others although its data does not, and every comparison says so.
   */
  update(key: Uint8Array, before: Uint8Array | null, after: Uint8Array | null): void {
    const from = before === null ? NO_ENTRY : this.#entry(key, before);
    const to = after === null ? NO_ENTRY : this.#entry(key, after);
    this.replace(this.leafOf(key), from, to);
  }

  /** As `update`, for who knows the key's leaf and the hashes of its entries already; `NO_ENTRY`: is not there. */
  replace(leaf: number, before: Hash64, after: Hash64): void {
    this.#change(leaf, before.high ^ after.high, before.low ^ after.low);
  }

  /** What is hashed for an entry: the key with its length before it, and the version. */
  hashEntry(entry: Uint8Array): Hash64 {
    return hash64(entry, this.shape.seed);
  }

  /** Gives a leaf the hash that it had in another tree of this shape: a tree is read back from its leaves alone. */
  restore(leaf: number, hash: Hash64): void {
    invariant(leaf >= 0 && leaf < this.leaves, `no leaf ${leaf}`);
    const before = this.hashOf(this.firstLeaf + leaf);
    this.#change(leaf, hash.high ^ before.high, hash.low ^ before.low);
  }

  /** Forgets all entries. */
  clear(): void {
    this.#hashes.fill(0);
  }

  /** The bucket of a key, from 0. Buckets are even, contiguous ranges of the key's hash, in order. */
  leafOf(key: Uint8Array): number {
    return this.leafAt(hash64(key, this.shape.seed).high);
  }

  /** The bucket of a key whose hash begins with these 32 bits. */
  leafAt(high: number): number {
    return Math.floor((high * this.leaves) / 2 ** 32);
  }

  get firstLeaf(): number {
    return this.nodes - this.leaves;
  }

  isLeaf(node: number): boolean {
    return node >= this.firstLeaf;
  }

  parentOf(node: number): number {
    invariant(node > 0, "the root has no parent");
    return Math.floor((node - 1) / this.shape.fanout);
  }

  /** Its other children follow, `fanout` in all. */
  firstChildOf(node: number): number {
    invariant(!this.isLeaf(node), `node ${node} is a leaf`);
    return node * this.shape.fanout + 1;
  }

  hashOf(node: number): Hash64 {
    invariant(node >= 0 && node < this.nodes, `no node ${node}`);
    return { high: this.#hashes[2 * node]!, low: this.#hashes[2 * node + 1]! };
  }

  get root(): Hash64 {
    return this.hashOf(0);
  }

  has(node: number, high: number, low: number): boolean {
    return this.#hashes[2 * node] === high && this.#hashes[2 * node + 1] === low;
  }

  /** The halves of the hashes of all children, one after the other: a copy. */
  childrenOf(node: number): Uint32Array {
    const first = this.firstChildOf(node);
    return this.#hashes.slice(2 * first, 2 * (first + this.shape.fanout));
  }

  #change(leaf: number, high: number, low: number): void {
    const { fanout } = this.shape;
    for (let node = this.firstLeaf + leaf; ; node = Math.floor((node - 1) / fanout)) {
      this.#hashes[2 * node]! ^= high;
      this.#hashes[2 * node + 1]! ^= low;
      if (node === 0) return;
    }
  }

  /** The key's length is part of it: what is key and what is version cannot be mistaken. */
  #entry(key: Uint8Array, version: Uint8Array): Hash64 {
    this.#writer.bytes(key);
    this.#writer.raw(version);
    return this.hashEntry(this.#writer.finish());
  }
}

/** The smallest depth with which `keys` keys come to at most `keysPerLeaf` in a bucket, as far as a tree may be deep. */
export function depthFor(keys: number, fanout: number, keysPerLeaf: number): number {
  let depth = 1;
  while (fanout ** depth * keysPerLeaf < keys && fanout ** (depth + 1) <= MAX_LEAVES) depth++;
  return depth;
}
