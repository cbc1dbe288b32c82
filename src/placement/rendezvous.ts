/**
 * Rendezvous hashing (Thaler and Ravishankar 1998) with weights (Schindelhauer and Schomaker 2005, the logarithmic method): every
 * node has a score for every key, and the highest have the key. Balanced without virtual nodes, nothing to store, O(nodes) a
 * key. A node that joins, leaves or changes its weight moves only keys to it or from it.
 */
import { ByteWriter } from "../core/bytes.ts";
import { hash64 } from "../core/hash64.ts";
import type { NodeId } from "../core/ids.ts";
import type { Weighted } from "./ring.ts";

/** The `count` nodes with the highest scores, the highest first; fewer if there are fewer. */
export function rendezvousOwners(
  members: readonly Weighted[],
  key: Uint8Array,
  count: number,
  seed = 0,
): readonly NodeId[] {
  return rendezvousOrder(members, key, seed).slice(0, Math.max(0, count));
}

/** Every node, by its score for the key, the highest first: a preference list. Ties by id. */
export function rendezvousOrder(members: readonly Weighted[], key: Uint8Array, seed = 0): readonly NodeId[] {
  const writer = new ByteWriter();
  return members
    .map(({ node, weight }) => {
      writer.u32(node);
      writer.raw(key);
      const { high, low } = hash64(writer.finish(), seed);
      // Uniform in (0, 1), never either end.
      const uniform = (high * 2 ** 20 + (low >>> 12) + 0.5) / 2 ** 52;
      return { node, score: -weight / Math.log(uniform) };
    })
    .sort((a, b) => b.score - a.score || a.node - b.node)
    .map(({ node }) => node);
}
