/** Values under keys: bytes, stored and answered as they are. */
import { z } from "zod";
import { invariant } from "../../../core/assert.ts";
import type { Reply } from "../../../core/reply.ts";
import type { CommandCall, WatchedKey } from "../../../data/contract.ts";
import { isMerging } from "../../../node/api.ts";
import { refusal } from "../errors.ts";
import { HttpProblem, problem } from "../problems.ts";
import {
  commandCall,
  malformed,
  noSuchKey,
  preconditionFailed,
  read,
  succeeded,
  transact,
  write,
} from "./calls.ts";
import { COMMON, duration, jsonDuration, READING } from "./inputs.ts";
import { etagOf, isKnown, type Precondition, preconditionOf } from "./preconditions.ts";
import { type Answer, type DataRoute, route } from "./route.ts";

const BYTES = "application/octet-stream";
const JSON_TYPE = "application/json";

const flag = z.enum(["true", "false"]).default("false");

const get = route(
  {
    method: "GET",
    path: "/keys/{key}",
    id: "getValue",
    group: "Values",
    summary: "Read a value",
    description:
      "Answers the bytes as they were stored. `ETag` is the version of the key, `Kvorum-Ttl` the milliseconds until it " +
      "expires. With `Accept: application/json` the value is labelled as JSON, provided that it is.",
    query: READING,
    headers: ["if-none-match"],
    body: "none",
    answers: {
      200: { description: "The value.", schema: "bytes" },
      304: { description: "The caller has this version already.", schema: null },
      404: { description: "The key does not exist.", schema: null },
      409: { description: "The key holds a set or a map.", schema: null },
    },
  },
  async (request) => {
    const entry = entryOf(await read(request, commandCall(".entry", request.key)));
    if (entry === null) throw noSuchKey();
    const headers: Record<string, string> = { etag: etagOf(entry.version) };
    if (entry.ttl >= 0) headers["kvorum-ttl"] = String(entry.ttl);
    if (entry.value === null) throw problem("wrong-type", `The key holds a ${entry.type}, not a value.`);
    if (isKnown(request, entry.version)) return { status: 304, headers };
    const asJson = (request.incoming.headers.accept ?? "").includes(JSON_TYPE);
    if (asJson && !isJson(entry.value))
      throw new HttpProblem(
        406,
        refusal("not-acceptable", "The value is not JSON.", `Ask for it with Accept: ${BYTES}.`),
      );
    headers["content-type"] = asJson ? JSON_TYPE : BYTES;
    return { headers, body: entry.value };
  },
);

const put = route(
  {
    method: "PUT",
    path: "/keys/{key}",
    id: "putValue",
    group: "Values",
    summary: "Write a value",
    description:
      "The body is stored as it is; its content type is not kept. A body of `application/json` has to be JSON. With " +
      '`If-Match: "version"` it is a compare-and-set; `If-None-Match: *` only creates, `If-Match: *` only replaces.',
    query: {
      ...COMMON,
      ttl: duration.optional().meta({ description: "The key expires after this time." }),
      keepTtl: flag.meta({ description: "The key keeps the expiry that it has." }),
    },
    headers: ["if-match", "if-none-match", "idempotency-key"],
    body: "bytes",
    answers: {
      204: {
        description: "Done; `ETag` is the new version, except in keyspaces that merge.",
        schema: null,
      },
      412: { description: "The precondition does not hold; nothing was done.", schema: null },
    },
  },
  async (request) => {
    const { key, query, body, incoming } = request;
    const value = body ?? new Uint8Array(0);
    if (incoming.headers["content-type"]?.startsWith(JSON_TYPE) === true && !isJson(value))
      throw malformed("the body", "it is labelled application/json, and is not JSON");
    if (query.ttl !== undefined && query.keepTtl === "true")
      throw malformed("ttl", "it cannot stand together with keepTtl");
    const options = query.ttl === undefined ? [] : ["px", query.ttl];
    if (query.keepTtl === "true") options.push("keepttl");
    const precondition = preconditionOf(request);
    if (precondition.kind === "absent") options.push("nx");
    if (precondition.kind === "exists") options.push("xx");
    const set = commandCall("set", key, value, ...options);
    if (precondition.kind === "none" && isMerging(incoming.keyspace.replication)) {
      // The version would be that of what other replicas have written meanwhile, too.
      await write(request, set);
      return { status: 204 };
    }
    const replies = await conditionally(request, precondition, [set, commandCall(".version", key)]);
    if (succeeded(replies[0]) === null) throw notMet(precondition);
    return { status: 204, headers: { etag: etagOf(Number(succeeded(replies[1]))) } };
  },
);

const remove = route(
  {
    method: "DELETE",
    path: "/keys/{key}",
    id: "deleteKey",
    group: "Values",
    summary: "Delete a key of any type",
    query: COMMON,
    headers: ["if-match", "idempotency-key"],
    body: "none",
    answers: {
      200: {
        description: "Whether the key was there.",
        schema: z.strictObject({ deleted: z.boolean() }),
      },
      412: { description: "The precondition does not hold; nothing was done.", schema: null },
    },
  },
  async (request): Promise<Answer> => {
    const precondition = preconditionOf(request);
    if (precondition.kind === "absent") throw malformed("If-None-Match", "a DELETE takes If-Match only");
    const del = commandCall("del", request.key);
    const deleted =
      precondition.kind === "none"
        ? (await write(request, del)) === 1
        : succeeded((await conditionally(request, precondition, [del]))[0]) === 1;
    if (!deleted && precondition.kind === "exists") throw notMet(precondition);
    return { body: { deleted } };
  },
);

const expire = route(
  {
    method: "POST",
    path: "/keys/{key}/expire",
    id: "expireKey",
    group: "Values",
    summary: "Set or remove the expiry of a key of any type",
    query: COMMON,
    headers: ["idempotency-key"],
    body: z.strictObject({
      ttl: jsonDuration.nullable().meta({ description: "Time to live; null: it no longer expires." }),
    }),
    answers: {
      200: {
        description:
          "Whether anything changed: false without the key, or where there was no expiry to remove.",
        schema: z.strictObject({ changed: z.boolean() }),
      },
    },
  },
  async (request) => {
    const { ttl } = request.body;
    const call =
      ttl === null ? commandCall("persist", request.key) : commandCall("pexpire", request.key, ttl);
    return { body: { changed: (await write(request, call)) === 1 } };
  },
);

export const registerRoutes: readonly DataRoute[] = [get, put, remove, expire];

interface Entry {
  readonly type: string;
  readonly version: number;
  readonly ttl: number;
  readonly value: Uint8Array | null;
}

function entryOf(reply: Reply): Entry | null {
  if (reply === null) return null;
  invariant(Array.isArray(reply) && reply.length === 4, ".entry answers four things");
  const [type, version, ttl, value] = reply as readonly Reply[];
  return {
    type: Buffer.from(type as Uint8Array).toString(),
    version: Number(version),
    ttl: Number(ttl),
    value: value as Uint8Array | null,
  };
}

/** Does the calls on `key` if the version that the caller expects is the present one. */
async function conditionally(
  request: Parameters<typeof transact>[0],
  precondition: Precondition,
  calls: readonly CommandCall[],
): Promise<readonly Reply[]> {
  if (precondition.kind === "impossible") throw notMet(precondition);
  const watched: readonly WatchedKey[] =
    precondition.kind === "version" ? [{ key: request.key, version: precondition.version }] : [];
  const replies = await transact(request, calls, watched);
  if (replies === null) throw notMet(precondition);
  return replies;
}

function notMet({ kind }: Precondition): HttpProblem {
  switch (kind) {
    case "absent":
      return preconditionFailed("The key exists already.");
    case "exists":
      return preconditionFailed("The key does not exist.");
    default:
      return preconditionFailed("The key has another version than If-Match says.");
  }
}

function isJson(value: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value));
    return true;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return false;
    throw error;
  }
}
