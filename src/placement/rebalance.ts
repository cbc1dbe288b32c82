/** Spreads what is there over the nodes that there are now: as few moves as make it even. Deterministic. */
import type { NodeId } from "../core/ids.ts";
import type { Located } from "./zones.ts";

/** The replicas of one shard, the preferred leader first. */
type Holders = readonly NodeId[];

/**
 * The same shards, each with as many replicas: no node holds two more of them than another that could take one, and none is preferred to
 * lead more than its part where that can be had. No shard stands in fewer zones than before, and in more where it can. `elsewhere` is
 * what else the nodes hold, and decides between equals.
 */
export function rebalance(
  shards: readonly Holders[],
  nodes: readonly Located[],
  elsewhere: ReadonlyMap<NodeId, number>,
): readonly Holders[] {
  const zones = new Map(nodes.map(({ node, zone }) => [node, zone]));
  const held = new Map(nodes.map(({ node }) => [node, countOf(shards, node)]));
  const next = [...shards];
  for (let moved = true; moved;) {
    moved = false;
    for (const [at, holders] of next.entries()) {
      const move = bestMove(holders, zones, held, elsewhere);
      if (move === null) continue;
      next[at] = holders.map((node) => (node === move.from ? move.to : node));
      held.set(move.from, held.get(move.from)! - 1);
      held.set(move.to, held.get(move.to)! + 1);
      moved = true;
    }
  }
  return withLeaders(next);
}

interface Move {
  readonly from: NodeId;
  readonly to: NodeId;
}

/** Every move either brings a zone more or evens out the load, so there is an end to them. Null: none does. */
function bestMove(
  holders: Holders,
  zones: ReadonlyMap<NodeId, string>,
  held: ReadonlyMap<NodeId, number>,
  elsewhere: ReadonlyMap<NodeId, number>,
): Move | null {
  const zonesOf = (list: Holders): number => new Set(list.map((node) => zones.get(node))).size;
  const before = zonesOf(holders);
  let best: (Move & { readonly rank: readonly number[] }) | null = null;
  for (const from of holders) {
    if (!held.has(from)) continue;
    for (const to of zones.keys()) {
      if (holders.includes(to)) continue;
      const gain = zonesOf(holders.map((node) => (node === from ? to : node))) - before;
      const relief = held.get(from)! - held.get(to)!;
      if (gain < 0 || (gain === 0 && relief < 2)) continue;
      const rank = [gain, relief, -(elsewhere.get(to) ?? 0), -to, -from];
      if (best === null || isHigher(rank, best.rank)) best = { from, to, rank };
    }
  }
  return best;
}

/** Preferences stay, except where one node has more than its part and another holder has less. */
function withLeaders(shards: readonly Holders[]): readonly Holders[] {
  const led = new Map<NodeId, number>();
  for (const [first] of shards) if (first !== undefined) led.set(first, (led.get(first) ?? 0) + 1);
  return shards.map((holders) => {
    const first = holders[0];
    if (first === undefined) return holders;
    const least = holders.reduce((best, node) => ((led.get(node) ?? 0) < (led.get(best) ?? 0) ? node : best));
    if (led.get(first)! - (led.get(least) ?? 0) < 2) return holders;
    led.set(first, led.get(first)! - 1);
    led.set(least, (led.get(least) ?? 0) + 1);
    return [least, ...holders.filter((node) => node !== least)];
  });
}

const countOf = (shards: readonly Holders[], node: NodeId): number =>
  shards.filter((holders) => holders.includes(node)).length;

function isHigher(a: readonly number[], b: readonly number[]): boolean {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at >= 0 && a[at]! > b[at]!;
}
