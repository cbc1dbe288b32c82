/** Two replicas' sets of keys, their trees, and a comparison that goes through bytes. */
import { ByteReader, ByteWriter } from "./bytes.ts";
import {
  readAscending,
  readFamilies,
  readHash,
  writeAscending,
  writeFamilies,
  writeHash,
} from "./merkle-codec.ts";
import { familiesOf, MerkleWalk, ROOT } from "./merkle-comparison.ts";
import { MerkleTree, type MerkleShape } from "./merkle-tree.ts";

export type Versions = ReadonlyMap<string, number>;

const text = (value: string): Uint8Array => Uint8Array.from(value, (char) => char.charCodeAt(0) & 0xff);
export const keyBytes = text;
export const versionBytes = (version: number): Uint8Array => text(String(version));

export function treeOf(shape: MerkleShape, versions: Versions): MerkleTree {
  const tree = new MerkleTree(shape);
  for (const [key, version] of versions) tree.update(keyBytes(key), null, versionBytes(version));
  return tree;
}

/** What is in one set with another version than in the other, or not in both: by brute force. */
export function differingLeaves(tree: MerkleTree, a: Versions, b: Versions): number[] {
  const keys = [...new Set([...a.keys(), ...b.keys()])].filter((key) => a.get(key) !== b.get(key));
  return [...new Set(keys.map((key) => tree.leafOf(keyBytes(key))))].sort((x, y) => x - y);
}

export interface Compared {
  readonly leaves: number[];
  readonly same: boolean;
  readonly messages: number;
  readonly families: number;
  /** The most nodes that one question named. */
  readonly largest: number;
}

/** `a` asks. Everything that is said goes through bytes. */
export function compareTrees(a: MerkleTree, b: MerkleTree, maxFamilies?: number): Compared {
  const writer = new ByteWriter();
  writeHash(writer, a.root);
  const { high, low } = readHash(new ByteReader(writer.finish()));
  if (b.has(ROOT, high, low)) return { leaves: [], same: true, messages: 2, families: 0, largest: 0 };
  const walk = new MerkleWalk(a, maxFamilies);
  const leaves: number[] = [];
  let [messages, families, largest] = [0, 0, 0];
  for (let parents: readonly number[] = [ROOT]; parents.length > 0; parents = walk.ask()) {
    messages += 2;
    families += parents.length;
    largest = Math.max(largest, parents.length);
    writeAscending(writer, parents);
    const asked = new ByteReader(writer.finish());
    writeFamilies(writer, familiesOf(b, readAscending(asked)));
    asked.end();
    const answer = new ByteReader(writer.finish());
    for (const { leaf } of walk.take(readFamilies(answer))) leaves.push(leaf);
    answer.end();
  }
  return { leaves, same: false, messages, families, largest };
}
