/** The page docs/experiments/merkle.md: what a comparison of two replicas costs, against their size and their difference. */
import { ByteReader, ByteWriter } from "../../core/bytes.ts";
import { decodeMerkleMessage, encodeMerkleMessage } from "../../core/merkle-codec.ts";
import { compare, openComparison, type MerkleMessage } from "../../core/merkle-comparison.ts";
import { depthFor, MerkleTree } from "../../core/merkle-tree.ts";
import { table } from "./table.ts";

/** A key and a version, as short as they come. */
const OLD = Uint8Array.of(1);
const NEW = Uint8Array.of(2);
const KEYS_PER_LEAF = 16;

export interface MerkleCost {
  readonly rounds: number;
  readonly messages: number;
  readonly bytes: number;
  readonly leaves: readonly number[];
}

/** `asking` opens; everything goes through bytes. A round is what is on its way at one time. */
export function costOfComparison(asking: MerkleTree, answering: MerkleTree): MerkleCost {
  const leaves: number[] = [];
  let [from, to] = [asking, answering];
  let [rounds, messages, bytes] = [0, 0, 0];
  const writer = new ByteWriter();
  for (let waiting: MerkleMessage[] = [openComparison(asking)]; waiting.length > 0; rounds++) {
    const replies: MerkleMessage[] = [];
    for (const message of waiting) {
      encodeMerkleMessage(writer, from, message);
      const encoded = writer.finish();
      messages++;
      bytes += encoded.length;
      const step = compare(to, decodeMerkleMessage(new ByteReader(encoded), to));
      replies.push(...step.replies);
      leaves.push(...step.leaves);
    }
    waiting = replies;
    [from, to] = [to, from];
  }
  return { rounds, messages, bytes, leaves };
}

/** Two replicas with the same keys. */
class Replicas {
  readonly left: MerkleTree;
  readonly right: MerkleTree;
  readonly #perLeaf: Uint32Array;
  readonly #keys: number;

  constructor(keys: number, fanout: number, keysPerLeaf: number) {
    const shape = { fanout, depth: depthFor(keys, fanout, keysPerLeaf), seed: 1 };
    this.left = new MerkleTree(shape);
    this.right = new MerkleTree(shape);
    this.#keys = keys;
    this.#perLeaf = new Uint32Array(this.left.leaves);
    for (let key = 0; key < keys; key++) {
      this.left.update(keyOf(key), null, OLD);
      this.right.update(keyOf(key), null, OLD);
      this.#perLeaf[this.left.leafOf(keyOf(key))]!++;
    }
  }

  /** With this many keys of another version, spread over all. Afterwards the two are the same again. */
  differingIn(count: number): MerkleCost & { readonly found: number } {
    const changed = Array.from({ length: count }, (_, at) => keyOf(Math.floor((at * this.#keys) / count)));
    for (const key of changed) this.right.update(key, OLD, NEW);
    const cost = costOfComparison(this.left, this.right);
    for (const key of changed) this.right.update(key, NEW, OLD);
    return { ...cost, found: cost.leaves.reduce((sum, leaf) => sum + this.#perLeaf[leaf]!, 0) };
  }
}

/** `scale` makes the sets smaller, for tests. `say` is told what is being measured. */
export function measureMerkle(say: (line: string) => void, scale = 1): { readonly page: string } {
  const bySize: (string | number)[][] = [];
  for (const full of [1000, 10_000, 100_000, 1_000_000]) {
    const keys = Math.max(100, Math.round(full * scale));
    say(`a comparison of ${keys} keys`);
    const replicas = new Replicas(keys, 16, KEYS_PER_LEAF);
    for (const count of [0, 1, 10, 100, 1000]) {
      if (count > keys / 10) continue;
      const { rounds, messages, bytes, found } = replicas.differingIn(count);
      const each = count === 0 ? "" : Math.round(bytes / count);
      const { depth } = replicas.left.shape;
      bySize.push([keys, depth, count, rounds, messages, bytes, each, found, 8 * keys]);
    }
  }
  const keys = Math.max(100, Math.round(100_000 * scale));
  const byFanout = [2, 4, 8, 16, 32, 64].map((fanout) => {
    say(`a fanout of ${fanout}`);
    const replicas = new Replicas(keys, fanout, KEYS_PER_LEAF);
    const { rounds, messages, bytes, found } = replicas.differingIn(Math.round(keys / 1000));
    return [fanout, replicas.left.shape.depth, replicas.left.nodes * 8, rounds, messages, bytes, found];
  });
  return { page: merklePage(bySize, byFanout, keys) };
}

function keyOf(key: number): Uint8Array {
  const writer = new ByteWriter();
  writer.binary(`key:${key}`);
  return writer.finish();
}

function merklePage(
  bySize: readonly (readonly (string | number)[])[],
  byFanout: readonly (readonly (string | number)[])[],
  keys: number,
): string {
  return `# What it costs to find where two replicas differ

<!-- Written by \`npm run experiments\`. What is said here stands in src/sim/experiments/merkle.ts. -->

Two replicas compare their Merkle trees (\`src/core/merkle-tree.ts\`, \`merkle-comparison.ts\`), as bytes (\`merkle-codec.ts\`), and find the
buckets in which they differ. Nothing is drawn: every number below is the same on every machine.

## By size and by difference

A fanout of 16, and as many levels as keep a bucket at ${KEYS_PER_LEAF} keys or fewer on average, with at most 2^22 buckets.

${table(
  [
    "keys",
    "depth",
    "differ in",
    "rounds",
    "messages",
    "bytes",
    "bytes a difference",
    "keys in found buckets",
    "bytes without a tree",
  ],
  bySize,
)}

A round is one way of the network; the messages of a round travel together, each with the hashes below up to 64 nodes. "Keys in found buckets" are the keys
whose versions have to be exchanged afterwards. "Without a tree" is one 64-bit hash for every key, and no keys.

The cost follows the difference: a set a hundred times as large costs two levels more, and two that are the same cost two messages.
Many differences share the nodes near the root, so each costs less.

## By fanout

${keys} keys, of which ${Math.round(keys / 1000)} differ.

${table(
  ["fanout", "depth", "bytes of memory", "rounds", "messages", "bytes", "keys in found buckets"],
  byFanout,
)}

A narrow tree sends fewer hashes and takes more rounds. The depth is a whole number, so a wide tree may have buckets much smaller than
asked for: fewer keys are exchanged afterwards, for more memory.
`;
}
