/**
 * A replica finds the leaves in which its Merkle tree differs from another's, walking only below nodes that differ.
 *
 * ```
 *   asks                              answers
 *    | its root ------------------------> |   the same: that was all
 *    | <-- the root's children ---------- |   else the hashes one level down
 *    | which nodes differ --------------> |
 *    | <-- their children --------------- |   level by level, until leaves differ
 * ```
 *
 * The side that answers keeps nothing. A write during the walk may show up as a difference, never hide one that was there at its start
 * and stays. Cost: two messages and one family of hashes for each level, for few differences; for each differing leaf at most
 * `depth` families.
 */
import type { Hash64 } from "./hash64.ts";
import type { MerkleTree } from "./merkle-tree.ts";

/** All children of a parent: `fanout` hashes of two halves. */
export interface MerkleFamily {
  readonly parent: number;
  readonly hashes: Uint32Array;
}

/** A leaf that differs, and its hash at the other side. */
export interface DifferingLeaf {
  /** From 0. */
  readonly leaf: number;
  readonly theirs: Hash64;
}

/** Whose children a side is asked for first. */
export const ROOT = 0;

/** The children of each of these nodes, none of which may be a leaf. */
export function familiesOf(tree: MerkleTree, parents: readonly number[]): readonly MerkleFamily[] {
  return parents.map((parent) => ({ parent, hashes: tree.childrenOf(parent) }));
}

/**
 * One walk, at the side that asks. It begins with the root asked for, and goes deep before it goes on: at most
 * `depth * fanout * maxFamilies` nodes wait, however much differs.
 */
export class MerkleWalk {
  readonly #tree: MerkleTree;
  readonly #maxFamilies: number;
  readonly #waiting: number[] = [];
  readonly #asked = new Set([ROOT]);

  /** `maxFamilies`: in one message. */
  constructor(tree: MerkleTree, maxFamilies = 64) {
    this.#tree = tree;
    this.#maxFamilies = maxFamilies;
  }

  /** An answer is still to come. */
  get isAsking(): boolean {
    return this.#asked.size > 0;
  }

  /** Whose children to ask for next, ascending; empty when none waits. */
  ask(): readonly number[] {
    const parents = this.#waiting.splice(-this.#maxFamilies).sort((a, b) => a - b);
    for (const parent of parents) this.#asked.add(parent);
    return parents;
  }

  /** Families that were not asked for, or came before, are ignored, as are those of a tree of another fanout. */
  take(families: readonly MerkleFamily[]): readonly DifferingLeaf[] {
    const tree = this.#tree;
    const leaves: DifferingLeaf[] = [];
    for (const { parent, hashes } of families) {
      if (hashes.length !== 2 * tree.shape.fanout || !this.#asked.delete(parent)) continue;
      const first = tree.firstChildOf(parent);
      for (let at = 0; at < tree.shape.fanout; at++) {
        const theirs = { high: hashes[2 * at]!, low: hashes[2 * at + 1]! };
        if (tree.has(first + at, theirs.high, theirs.low)) continue;
        if (tree.isLeaf(first + at)) leaves.push({ leaf: first + at - tree.firstLeaf, theirs });
        else this.#waiting.push(first + at);
      }
    }
    return leaves;
  }
}
