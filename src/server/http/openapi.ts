/**
 * The OpenAPI 3.1 document, made of the routes themselves: the schemas in it are those that check requests. A test holds it
 * against what the door serves.
 */
import { z } from "zod";
import { ERRORS } from "../../core/errors.ts";
import { adminSchema } from "./admin-schema.ts";
import { DATA_PATH } from "./data/serve.ts";
import type { HeaderName, RouteInfo } from "./data/route.ts";
import { DATA_ROUTES } from "./data/routes.ts";
import { watchRoute } from "./data/watch.ts";

type Json = Readonly<Record<string, unknown>>;

interface Operation {
  readonly operationId: string;
  readonly tags: readonly [string];
  readonly summary: string;
  readonly description?: string;
  readonly parameters: readonly Json[];
  readonly requestBody?: Json;
  readonly responses: Json;
}

export interface OpenApi {
  readonly openapi: "3.1.0";
  readonly info: Json;
  readonly tags: readonly { readonly name: string; readonly description: string }[];
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Json;
  readonly security: readonly Json[];
}

const GROUPS: Readonly<Record<string, string>> = {
  Values: "Bytes under keys, with versions: read, write, compare-and-set, expire, list.",
  Counters: "64-bit counters.",
  Sets: "Sets of members under one key.",
  Maps: "Fields with values under one key.",
  Batches: "Several operations as one.",
  Watching: "The changes as they are made.",
  Cluster: "What the cluster is and does, and its administration.",
};

const HEADERS: Readonly<Record<HeaderName, string>> = {
  "if-match": "Only if the key has this version (the `ETag` that a read gave); `*`: only if it exists.",
  "if-none-match":
    "Reading: not if the caller has this version. Writing: `*`, only if the key does not exist.",
  "idempotency-key":
    "1 to 128 visible characters of the caller's choice: a request with the same one is not done again, and gets the " +
    "first one's answer. Remembered for an hour, or as long as the header `Idempotency-Expires` says (at most 7d).",
  "last-event-id": "The id of the last event that was received: the stream goes on after it.",
};

const NAMES: Readonly<Record<string, string>> = {
  keyspace: "The name of a keyspace.",
  key: "A key, percent-encoded.",
  member: "A member of the set, percent-encoded.",
  field: "A field of the map, percent-encoded.",
};

const keyspaceInfo = z.looseObject({
  name: z.string(),
  replication: z.string(),
  replicas: z.int(),
  shards: z.int(),
  quorum: z.looseObject({ r: z.int(), w: z.int(), sloppy: z.boolean() }).nullable(),
  conflicts: z.string().nullable(),
  placement: z.string(),
  limits: z.looseObject({ maxKeyBytes: z.int(), maxValueBytes: z.int() }),
  shardList: z.array(z.looseObject({ group: z.int(), shard: z.int(), leader: z.int().nullable() })),
});
const userInfo = z.looseObject({
  name: z.string(),
  grants: z.array(z.looseObject({ keyspace: z.string(), role: z.string() })),
});
const readiness = z.looseObject({ ready: z.boolean(), reason: z.string().optional() });
const nodeStatus = z.looseObject({ version: z.string(), name: z.string(), ready: z.boolean() });
const membershipInfo = z.looseObject({
  enabled: z.boolean(),
  name: z.string(),
  localHealth: z.number(),
  counters: z.record(z.string(), z.int()),
  members: z.array(
    z.looseObject({
      id: z.int(),
      name: z.string(),
      state: z.enum(["alive", "suspect", "dead", "left"]),
      incarnation: z.int(),
      milliseconds: z.int(),
      suspectedBy: z.int().nullable(),
    }),
  ),
});

const channelsInfo = z.looseObject({
  epoch: z.int().meta({ description: "Of the view that this node knows; 0: nobody has used channels yet." }),
  members: z.array(z.looseObject({ node: z.int(), reliable: z.boolean() })),
  channels: z.int(),
  patterns: z.int(),
  counters: z.record(z.string(), z.int()),
  groups: z.array(
    z.looseObject({
      guarantee: z.enum(["plain", "fifo", "causal", "total"]),
      order: z.string(),
      reliability: z.string(),
      joined: z.boolean(),
      heldBack: z.int().meta({ description: "Messages in the hold-back queue; `detail.heldBack` has them." }),
    }),
  ),
});

/** Routes beside the data: at their whole path. */
const OTHER_ROUTES: readonly RouteInfo[] = [
  get("/health/live", "live", "Does the process run?", z.strictObject({ live: z.boolean() })),
  get(
    "/health/ready",
    "ready",
    "Does the node serve requests? 503 with the reason until it does.",
    readiness,
  ),
  get("/health", "health", "Both.", readiness),
  get("/metrics", "metrics", "For Prometheus.", z.string(), "text/plain"),
  get("/v1/status", "status", "The node, its cluster and its replicas.", nodeStatus),
  get("/v1/members", "members", "Who is alive, as far as this node knows.", membershipInfo),
  get("/v1/channels", "channels", "Publish/subscribe at this node, with its hold-back queues.", channelsInfo),
  get("/v1/keyspaces", "keyspaces", "All keyspaces with their shards.", z.array(keyspaceInfo)),
  get("/v1/users", "users", "The users and what they may do; never their passwords.", z.array(userInfo)),
  get("/v1/openapi.json", "openapi", "This document.", z.looseObject({})),
  get("/v1/docs", "docs", "This document as a page.", z.string(), "text/html"),
  {
    method: "POST",
    path: "/v1/admin",
    id: "administer",
    group: "Cluster",
    summary: "Create, alter and drop keyspaces; remove nodes; move leaders; set and delete users",
    query: z.strictObject({}),
    headers: [],
    body: adminSchema,
    answers: {
      200: { description: "Done.", schema: z.looseObject({ ok: z.literal(true) }) },
      409: { description: "It contradicts what is there.", schema: null },
    },
  },
];

function get(path: string, id: string, summary: string, schema: z.ZodType, type?: string): RouteInfo {
  const answer = { description: summary, schema, ...(type === undefined ? {} : { type }) };
  const fixed = { method: "GET", group: "Cluster", headers: [], body: "none" } as const;
  return { ...fixed, path, id, summary, query: z.strictObject({}), answers: { 200: answer } };
}

/** The document of a node of this version. */
export function openApi(version: string): OpenApi {
  const data = [...DATA_ROUTES, watchRoute].map((route) => ({ ...route, path: `${DATA_PATH}${route.path}` }));
  const paths: Record<string, Record<string, Operation>> = {};
  for (const route of [...data, ...OTHER_ROUTES])
    (paths[route.path] ??= {})[route.method.toLowerCase()] = operationOf(route);
  return {
    openapi: "3.1.0",
    info: {
      title: "Kvorum",
      version,
      description:
        "A replicated store in which every keyspace chooses its replication protocol. Every error says whether it is " +
        "definite: an operation that failed definitely was not done and never will be; after any other, nobody knows.",
      license: { name: "MIT", identifier: "MIT" },
    },
    tags: Object.entries(GROUPS).map(([name, description]) => ({ name, description })),
    paths,
    components: {
      schemas: { Error: ERROR },
      responses: {
        Error: {
          description: "It failed; `definite` says whether it surely was not done.",
          content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } },
        },
      },
      securitySchemes: {
        basic: { type: "http", scheme: "basic" },
        bearer: { type: "http", scheme: "bearer" },
      },
    },
    security: [{}, { basic: [] }, { bearer: [] }],
  };
}

const ERROR: Json = {
  type: "object",
  required: ["error"],
  properties: {
    error: {
      type: "object",
      required: ["code", "message", "hint", "definite"],
      properties: {
        code: {
          type: "string",
          description: "One of the examples, or of HTTP itself: not-found, method-not-allowed and the like.",
          examples: Object.keys(ERRORS),
        },
        message: { type: "string" },
        hint: { type: "string" },
        definite: { type: "boolean" },
      },
    },
  },
};

function operationOf(route: RouteInfo): Operation {
  const { id, group, summary, description, body, answers } = route;
  const responses = Object.entries(answers).map(([status, answer]) => [
    status,
    responseOf(Number(status), answer),
  ]);
  return {
    operationId: id,
    tags: [group],
    summary,
    ...(description === undefined ? {} : { description }),
    parameters: parametersOf(route),
    ...(body === "none"
      ? {}
      : { requestBody: { required: body !== "bytes", content: contentOf(body, "input") } }),
    responses: { ...Object.fromEntries(responses), default: { $ref: "#/components/responses/Error" } },
  };
}

function responseOf(status: number, { description, schema, type }: RouteInfo["answers"][number]): Json {
  if (schema !== null) return { description, content: contentOf(schema, "output", type) };
  return status < 400
    ? { description }
    : { description, content: { "application/json": { schema: { $ref: "#/components/schemas/Error" } } } };
}

function contentOf(schema: z.ZodType | "bytes", io: "input" | "output", type = "application/json"): Json {
  return schema === "bytes" ? { "*/*": {} } : { [type]: { schema: schemaOf(schema, io) } };
}

function parametersOf({ path, query, headers }: RouteInfo): readonly Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name: name!,
    in: "path",
    required: true,
    description: NAMES[name!]!,
    schema: { type: "string" },
  }));
  const { properties = {}, required = [] } = schemaOf(query, "input") as {
    properties?: Readonly<Record<string, Json>>;
    required?: readonly string[];
  };
  const inQuery = Object.entries(properties).map(([name, { description, ...schema }]) => ({
    name,
    in: "query",
    required: required.includes(name),
    ...(description === undefined ? {} : { description }),
    schema,
  }));
  const inHeaders = headers.map((name) => ({
    name,
    in: "header",
    required: false,
    description: HEADERS[name],
    schema: { type: "string" },
  }));
  return [...inPath, ...inQuery, ...inHeaders];
}

function schemaOf(schema: z.ZodType, io: "input" | "output"): Json {
  const { $schema: _dialect, ...json } = z.toJSONSchema(schema, { io, unrepresentable: "any" });
  return json;
}
