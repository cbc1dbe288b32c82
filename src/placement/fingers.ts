/**
 * The ring resolved hop by hop, by nodes that know little of it: the fingers of Chord (Stoica et al. 2001, section 4.3).
 *
 * For each of its points a node knows the next point, and the first point at or after each power of two from there:
 * O(log n) for a ring of n points. A question goes to the node of the known point that precedes the position most closely, which halves the
 * distance at least: O(log n) hops. The answer is the one that the whole ring gives.
 */
import type { NodeId } from "../core/ids.ts";
import { CIRCLE, firstAtOrAfter, type Ring, type RingPoint } from "./ring.ts";

export interface Fingers {
  readonly node: NodeId;
  /** Of each own point, by its position: the one after it. */
  readonly successors: ReadonlyMap<number, RingPoint>;
  /** Own points, their successors and fingers; in order, each once. */
  readonly known: readonly RingPoint[];
}

/** Whose the position is, or whom to ask next. */
export type Hop = { readonly owner: NodeId } | { readonly ask: NodeId };

/** What a node of the ring knows; null if it is not on it. */
export function fingersOf(ring: Ring, node: NodeId): Fingers | null {
  const successors = new Map<number, RingPoint>();
  const known = new Map<number, RingPoint>();
  const { points } = ring;
  const learn = (point: RingPoint) => known.set(point.position, point);
  points.forEach((own, index) => {
    if (own.node !== node) return;
    const next = points[(index + 1) % points.length]!;
    successors.set(own.position, next);
    learn(next);
    for (let distance = 1; distance < CIRCLE; distance *= 2)
      learn(points[firstAtOrAfter(points, (own.position + distance) % CIRCLE)]!);
    learn(own);
  });
  if (successors.size === 0) return null;
  return { node, successors, known: [...known.values()].sort((a, b) => a.position - b.position) };
}

/** One step of a lookup. Every node that is asked in turn is closer before the position, so it ends. */
export function resolve(fingers: Fingers, position: number): Hop {
  const { known } = fingers;
  const after = firstAtOrAfter(known, position);
  const preceding = known[(after + known.length - 1) % known.length]!;
  if (preceding.node !== fingers.node) return { ask: preceding.node };
  return { owner: fingers.successors.get(preceding.position)!.node };
}
