import { expect, test } from "vitest";
import { nodeId } from "../core/ids.ts";
import { type Load, placeShard, substitute } from "./spread.ts";

const loads = (count: number): Load[] =>
  Array.from({ length: count }, (_, i) => ({ node: nodeId(i + 1), replicas: 0, leaders: 0 }));

test("eight shards of three replicas on three nodes: leaders differ by at most one", () => {
  const nodes = loads(3);
  for (let shard = 0; shard < 8; shard++) expect(placeShard(nodes, 3).replicas).toHaveLength(3);
  const leaders = nodes.map((load) => load.leaders);
  expect(Math.max(...leaders) - Math.min(...leaders)).toBeLessThanOrEqual(1);
});

test("sixty shards on five nodes: replicas and leaders are even", () => {
  const nodes = loads(5);
  for (let shard = 0; shard < 60; shard++) placeShard(nodes, 3);
  expect(nodes.map((load) => load.replicas)).toEqual([36, 36, 36, 36, 36]);
  const leaders = nodes.map((load) => load.leaders);
  expect(Math.max(...leaders) - Math.min(...leaders)).toBeLessThanOrEqual(2);
});

test("a substitute is the least loaded node outside the shard, or nobody", () => {
  const nodes = loads(4);
  nodes[3]!.replicas = 5;
  expect(substitute(nodes, [nodeId(1), nodeId(2)])).toBe(3);
  expect(substitute(nodes, [nodeId(1), nodeId(2), nodeId(3), nodeId(4)])).toBe(null);
});
