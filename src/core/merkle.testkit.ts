/** Two replicas' sets of keys, their trees, and a comparison that goes through bytes. */
import { ByteReader, ByteWriter } from "./bytes.ts";
import { decodeMerkleMessage, encodeMerkleMessage } from "./merkle-codec.ts";
import { compare, openComparison, type MerkleMessage } from "./merkle-comparison.ts";
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
  readonly rounds: number;
  readonly families: number;
}

/** `a` asks. Messages of a round are all delivered before those of the next. */
export function compareTrees(a: MerkleTree, b: MerkleTree, maxFamilies?: number): Compared {
  const leaves: number[] = [];
  let same = false;
  let messages = 0;
  let rounds = 0;
  let families = 0;
  let waiting: MerkleMessage[] = [openComparison(a)];
  let [to, from] = [b, a];
  while (waiting.length > 0) {
    rounds++;
    const replies: MerkleMessage[] = [];
    for (const message of waiting) {
      messages++;
      if (message.type === "children") families += message.families.length;
      const writer = new ByteWriter();
      encodeMerkleMessage(writer, from, message);
      const reader = new ByteReader(writer.finish());
      const step = compare(to, decodeMerkleMessage(reader, to), maxFamilies);
      reader.end();
      replies.push(...step.replies);
      leaves.push(...step.leaves);
      same ||= step.same;
    }
    waiting = replies;
    [to, from] = [from, to];
  }
  return { leaves, same, messages, rounds, families };
}
