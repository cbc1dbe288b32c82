/**
 * Two replicas find the leaves in which their Merkle trees differ, walking only below nodes that differ.
 *
 * ```
 *   asks                          answers
 *    | root, its hash --------------> |   the same: `same`, and that was all
 *    | <-- the root's children's -----|   else the hashes one level down
 *    | -- those of differing ones --> |
 *    :                                :   each message goes a level deeper; who gets hashes of leaves has found the leaves
 * ```
 *
 * Neither side keeps anything between messages: a lost one loses what lay below its nodes until the next comparison,
 * one that comes twice is answered twice. A write during the comparison may show up as a difference, never hide one
 * that stays. Cost: `depth` + 1 messages in sequence, and for each differing leaf at most `depth` families of hashes.
 */
import { unreachable } from "./assert.ts";
import type { Hash64 } from "./hash64.ts";
import type { MerkleTree } from "./merkle-tree.ts";

export type MerkleMessage =
  | { readonly type: "root"; readonly hash: Hash64 }
  /** Both roots were this one. */
  | { readonly type: "same"; readonly hash: Hash64 }
  /** All children of each parent: `fanout` hashes of two halves. Parents ascend and lie on one level. */
  | { readonly type: "children"; readonly families: readonly MerkleFamily[] };

export interface MerkleFamily {
  readonly parent: number;
  readonly hashes: Uint32Array;
}

export interface ComparisonStep {
  /** To the other side, in any order. */
  readonly replies: readonly MerkleMessage[];
  /** Buckets that differ, from 0, ascending. The other side does not know of them yet: send it what is in them. */
  readonly leaves: readonly number[];
  /** The other side had exactly this tree's entries when it sent its message. */
  readonly same: boolean;
}

/** The first message. */
export function openComparison(tree: MerkleTree): MerkleMessage {
  return { type: "root", hash: tree.root };
}

/** Takes a message from a tree of the same shape. No reply has more than `maxFamilies` families: a round may be several messages. */
export function compare(tree: MerkleTree, message: MerkleMessage, maxFamilies = 64): ComparisonStep {
  switch (message.type) {
    case "root": {
      const { hash } = message;
      if (tree.has(0, hash.high, hash.low))
        return { replies: [{ type: "same", hash }], leaves: [], same: true };
      return { replies: [{ type: "children", families: [family(tree, 0)] }], leaves: [], same: false };
    }
    case "same": {
      // Writes may have come in the meantime: the answer is about another tree then.
      const { high, low } = message.hash;
      return { replies: [], leaves: [], same: tree.has(0, high, low) };
    }
    case "children":
      return compareFamilies(tree, message.families, maxFamilies);
    default:
      return unreachable(message);
  }
}

function compareFamilies(
  tree: MerkleTree,
  families: readonly MerkleFamily[],
  maxFamilies: number,
): ComparisonStep {
  const leaves: number[] = [];
  const deeper: MerkleFamily[] = [];
  for (const { parent, hashes } of families) {
    const first = tree.firstChildOf(parent);
    for (let at = 0; at < tree.shape.fanout; at++) {
      const node = first + at;
      if (tree.has(node, hashes[2 * at]!, hashes[2 * at + 1]!)) continue;
      if (tree.isLeaf(node)) leaves.push(node - tree.firstLeaf);
      else deeper.push(family(tree, node));
    }
  }
  const replies: MerkleMessage[] = [];
  for (let from = 0; from < deeper.length; from += maxFamilies)
    replies.push({ type: "children", families: deeper.slice(from, from + maxFamilies) });
  return { replies, leaves, same: false };
}

function family(tree: MerkleTree, parent: number): MerkleFamily {
  return { parent, hashes: tree.childrenOf(parent) };
}
