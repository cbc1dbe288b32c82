/** The page docs/experiments/merkle.md and its plot: what a comparison of two replicas costs, against their size and their difference. */
import { ByteReader, ByteWriter } from "../../core/bytes.ts";
import {
  readAscending,
  readFamilies,
  readHash,
  readShape,
  writeAscending,
  writeFamilies,
  writeHash,
  writeShape,
} from "../../core/merkle-codec.ts";
import { familiesOf, MerkleWalk, ROOT } from "../../core/merkle-comparison.ts";
import { depthFor, MerkleTree } from "../../core/merkle-tree.ts";
import { merklePlot, type MeasuredComparison } from "./merkle-plot.ts";
import { table } from "./table.ts";

/** A key and a version, as short as they come. */
const OLD = Uint8Array.of(1);
const NEW = Uint8Array.of(2);
const KEYS_PER_LEAF = 16;

export interface MerkleCost {
  /** One way of the network each, one after the other. */
  readonly messages: number;
  readonly bytes: number;
  readonly leaves: readonly number[];
}

/** As anti-entropy does it: one question at a time, everything through bytes. */
export function costOfComparison(asking: MerkleTree, answering: MerkleTree): MerkleCost {
  const leaves: number[] = [];
  let [messages, bytes] = [0, 0];
  const writer = new ByteWriter();
  const say = (write: () => void): ByteReader => {
    write();
    const encoded = writer.finish();
    messages++;
    bytes += encoded.length;
    return new ByteReader(encoded);
  };
  const opening = say(() => {
    writeShape(writer, asking.shape);
    writeHash(writer, asking.root);
  });
  readShape(opening);
  const { high, low } = readHash(opening);
  if (answering.has(ROOT, high, low)) {
    say(() => writeHash(writer, answering.root));
    return { messages, bytes, leaves };
  }
  const walk = new MerkleWalk(asking);
  for (let parents: readonly number[] = [ROOT]; parents.length > 0; parents = walk.ask()) {
    // The root's children are the answer to the opening.
    const asked = parents[0] === ROOT ? parents : readAscending(say(() => writeAscending(writer, parents)));
    const answer = say(() => writeFamilies(writer, familiesOf(answering, asked)));
    for (const { leaf } of walk.take(readFamilies(answer))) leaves.push(leaf);
  }
  return { messages, bytes, leaves };
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
export function measureMerkle(
  say: (line: string) => void,
  scale = 1,
): { readonly page: string; readonly plot: string } {
  const measured: MeasuredComparison[] = [];
  const bySize: (string | number)[][] = [];
  for (const full of [1000, 10_000, 100_000, 1_000_000]) {
    const keys = Math.max(100, Math.round(full * scale));
    say(`a comparison of ${keys} keys`);
    const replicas = new Replicas(keys, 16, KEYS_PER_LEAF);
    for (const count of [0, 1, 10, 100, 1000]) {
      if (count > keys / 10) continue;
      const { messages, bytes, found } = replicas.differingIn(count);
      measured.push({ keys, count, messages, bytes });
      const each = count === 0 ? "" : Math.round(bytes / count);
      const { depth } = replicas.left.shape;
      bySize.push([keys, depth, count, messages, bytes, each, found, 8 * keys]);
    }
  }
  const keys = Math.max(100, Math.round(100_000 * scale));
  const byFanout = [2, 4, 8, 16, 32, 64].map((fanout) => {
    say(`a fanout of ${fanout}`);
    const replicas = new Replicas(keys, fanout, KEYS_PER_LEAF);
    const { messages, bytes, found } = replicas.differingIn(Math.round(keys / 1000));
    return [fanout, replicas.left.shape.depth, replicas.left.nodes * 8, messages, bytes, found];
  });
  return { page: merklePage(bySize, byFanout, keys), plot: merklePlot(measured) };
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

![Bytes and messages of a comparison](merkle.svg)

${table(
  [
    "keys",
    "depth",
    "differ in",
    "messages",
    "bytes",
    "bytes a difference",
    "keys in found buckets",
    "bytes without a tree",
  ],
  bySize,
)}

The side that asks goes one step at a time: a question names up to 64 nodes, the answer has the hashes below them, so the messages are the ways
of the network one after the other. "Keys in found buckets" are the keys whose versions have to be exchanged
afterwards. "Without a tree" is one 64-bit hash for every key, and no keys.

The cost follows the difference: a set a hundred times as large costs four messages more, two levels, and two that are the same cost two.
Many differences share the nodes near the root, so each costs less.

## By fanout

${keys} keys, of which ${Math.round(keys / 1000)} differ.

${table(["fanout", "depth", "bytes of memory", "messages", "bytes", "keys in found buckets"], byFanout)}

A narrow tree sends fewer hashes and takes more messages. The depth is a whole number, so a wide tree may have buckets much smaller than
asked for: fewer keys are exchanged afterwards, for more memory.
`;
}
