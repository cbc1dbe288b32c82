/** What a keyspace promises, as data and in sentences. */
import { z } from "zod";
import type { NodeId } from "../../../core/ids.ts";
import { type KeyspaceInfo, type KvorumNode, type LeadershipInfo, isMerging } from "../../../node/api.ts";
import { explainKeyspace } from "../../../node/explain.ts";
import { type ExplainedLeader, explainLeaders } from "../../../node/explain-leader.ts";
import { COMMON } from "./inputs.ts";
import { type DataRoute, route } from "./route.ts";

const said = z.looseObject({ text: z.string() });

const explanation = z.looseObject({
  keyspace: z.string(),
  replication: z.string(),
  kind: z.enum(["ordered", "merging"]),
  summary: z.string(),
  replicas: z.int(),
  acknowledged: said.extend({ replicas: z.int() }),
  reads: said.extend({ replicas: z.int(), consistency: z.array(z.string()) }),
  survives: said.extend({ writes: z.int(), reads: z.int(), lostDisks: z.int() }),
  quorum: said
    .extend({
      n: z.int(),
      r: z.int(),
      w: z.int(),
      sloppy: z.boolean(),
      readsSeeNewest: z.boolean(),
      writesMeet: z.boolean(),
    })
    .nullable(),
  failover: said,
  conflicts: said.extend({ policy: z.string().nullable() }),
  refused: z.array(z.looseObject({ what: z.string(), why: z.string() })),
  staleness: said.nullable(),
  leaders: z
    .array(
      said.extend({
        shard: z.int(),
        group: z.int(),
        leader: z.string().nullable(),
        leadership: z.looseObject({}).nullable(),
      }),
    )
    .nullable(),
});

const explain = route(
  {
    method: "GET",
    path: "/explain",
    id: "explainKeyspace",
    group: "Cluster",
    summary: "Explain what a keyspace promises",
    description:
      "When a write is acknowledged, what a read sees, what may fail, what a failover costs, what is refused and why; in " +
      "sentences, with the numbers beside them. Times are milliseconds. The staleness of a quorum is estimated from what the " +
      "node that is asked has measured lately as a coordinator. Of each shard's leader it says why it sits where it sits; null where " +
      "nobody leads, as the keyspace merges.",
    query: COMMON,
    body: "none",
    answers: { 200: { description: "The explanation.", schema: explanation } },
  },
  async ({ incoming: { node, keyspace } }) => ({
    body: {
      ...explainKeyspace(keyspace, node.measuredLegs(keyspace.name)),
      leaders: isMerging(keyspace.replication) ? null : await leadersOf(node, keyspace),
    },
  }),
);

async function leadersOf(node: KvorumNode, keyspace: KeyspaceInfo): Promise<readonly ExplainedLeader[]> {
  const groups = keyspace.shardList.map(({ group }) => group);
  const leaderships = await new Promise<readonly LeadershipInfo[]>((done) => node.leaderships(groups, done));
  const { nodes } = node.status();
  const nameOf = (id: NodeId): string => nodes.find((known) => known.id === id)?.name ?? `node ${id}`;
  return explainLeaders(keyspace, leaderships, nameOf);
}

export const explainRoutes: readonly DataRoute[] = [explain];
