/** What a keyspace promises, as data and in sentences. */
import { z } from "zod";
import { explainKeyspace } from "../../../node/explain.ts";
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
      "node that is asked has measured lately as a coordinator.",
    query: COMMON,
    body: "none",
    answers: { 200: { description: "The explanation.", schema: explanation } },
  },
  async ({ incoming: { node, keyspace } }) => ({
    body: explainKeyspace(keyspace, node.measuredLegs(keyspace.name)),
  }),
);

export const explainRoutes: readonly DataRoute[] = [explain];
