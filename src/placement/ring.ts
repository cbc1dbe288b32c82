/**
 * Consistent hashing (Karger et al. 1997) with virtual nodes: every node has several points on a circle of hashes, in proportion
 * to its weight (Dynamo, DeCandia et al. 2007, section 6.2); a key belongs to the node of the first point at or after
 * its own, its replicas to the nodes that follow. A node that joins takes keys from the others and moves none between
 * them. The share of a node with p points is off by about 1/sqrt(p): docs/experiments/rings.md.
 */
import { ByteWriter } from "../core/bytes.ts";
import { hash64, type Hash64 } from "../core/hash64.ts";
import type { NodeId } from "../core/ids.ts";

/** Positions are whole numbers below this: 52 bits, so that the sum of two is exact. */
export const CIRCLE = 2 ** 52;

export interface Weighted {
  readonly node: NodeId;
  /** Its share in comparison with the others: positive. */
  readonly weight: number;
}

export interface RingPoint {
  readonly position: number;
  readonly node: NodeId;
}

export interface Ring {
  /** In the order of the circle. */
  readonly points: readonly RingPoint[];
  readonly nodes: number;
}

/** A node of weight 1 gets `pointsPerNode` points, any node at least one. The order of the members does not matter. */
export function buildRing(members: readonly Weighted[], pointsPerNode: number, seed = 0): Ring {
  const points: RingPoint[] = [];
  const writer = new ByteWriter();
  for (const { node, weight } of members) {
    const count = Math.max(1, Math.round(weight * pointsPerNode));
    for (let index = 0; index < count; index++) {
      writer.u32(node);
      writer.u32(index);
      points.push({ position: positionOf(hash64(writer.finish(), seed)), node });
    }
  }
  points.sort((a, b) => a.position - b.position || a.node - b.node);
  return { points, nodes: new Set(members.map(({ node }) => node)).size };
}

/** Where a key lies on the circle. */
export function keyPosition(key: Uint8Array, seed = 0): number {
  return positionOf(hash64(key, seed));
}

function positionOf({ high, low }: Hash64): number {
  return high * 2 ** 20 + (low >>> 12);
}

/** The first `count` different nodes from a position on, fewer if there are fewer. */
export function ringOwners(ring: Ring, position: number, count: number): readonly NodeId[] {
  const owners: NodeId[] = [];
  if (count <= 0) return owners;
  for (const node of ringOrder(ring, position)) if (owners.push(node) >= count) break;
  return owners;
}

/** Every node once, in the order in which the circle comes upon it from a position on: a preference list. */
export function* ringOrder(ring: Ring, position: number): Generator<NodeId, void> {
  const { points } = ring;
  const seen = new Set<NodeId>();
  const start = firstAtOrAfter(points, position);
  for (let step = 0; step < points.length && seen.size < ring.nodes; step++) {
    const { node } = points[(start + step) % points.length]!;
    if (seen.has(node)) continue;
    seen.add(node);
    yield node;
  }
}

/** The part of all positions that each node owns first. They add up to 1. */
export function ringShares(ring: Ring): ReadonlyMap<NodeId, number> {
  const shares = new Map<NodeId, number>();
  let before = (ring.points.at(-1)?.position ?? 0) - CIRCLE;
  for (const { position, node } of ring.points) {
    shares.set(node, (shares.get(node) ?? 0) + (position - before) / CIRCLE);
    before = position;
  }
  return shares;
}

/** Which of the points, in order, is the first at or after a position; after the last one it is the first again. */
export function firstAtOrAfter(points: readonly { readonly position: number }[], position: number): number {
  let low = 0;
  let high = points.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (points[middle]!.position < position) low = middle + 1;
    else high = middle;
  }
  return low === points.length ? 0 : low;
}
