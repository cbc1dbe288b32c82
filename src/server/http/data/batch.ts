/** Several operations as one step, atomic within one shard. */
import { z } from "zod";
import { Failure, type Reply } from "../../../core/reply.ts";
import type { CommandCall, WatchedKey } from "../../../data/contract.ts";
import { commandCall, preconditionFailed, problemOf, read, transact } from "./calls.ts";
import { countOf } from "./counters.ts";
import { bytes, bytesOut, COMMON, integer, integerOut, jsonDuration, jsonOf } from "./inputs.ts";
import { type Checked, type DataRoute, route } from "./route.ts";

const key = bytes;
const operation = z.discriminatedUnion("op", [
  z.strictObject({ op: z.literal("get"), key }),
  z.strictObject({ op: z.literal("put"), key, value: bytes, ttl: jsonDuration.optional() }),
  z.strictObject({ op: z.literal("delete"), key }),
  z.strictObject({ op: z.literal("increment"), key, by: integer.default("1") }),
  z.strictObject({ op: z.literal("add"), key, members: z.array(bytes).min(1) }),
  z.strictObject({ op: z.literal("remove"), key, members: z.array(bytes).min(1) }),
  z.strictObject({ op: z.literal("setField"), key, field: bytes, value: bytes }),
  z.strictObject({ op: z.literal("removeField"), key, field: bytes }),
]);
type Operation = z.infer<typeof operation>;

const MOST_OPERATIONS = 1000;

const body = z.strictObject({
  operations: z.array(operation).min(1).max(MOST_OPERATIONS),
  if: z
    .array(
      z.strictObject({
        key,
        version: z.int().min(0).nullable().meta({ description: "The number in its ETag; null: absent." }),
      }),
    )
    .max(MOST_OPERATIONS)
    .default([])
    .meta({ description: "Keys and the versions that they must still have." }),
});

const error = z.strictObject({
  code: z.string(),
  message: z.string(),
  hint: z.string(),
  definite: z.boolean(),
});
const results = z.array(
  z.union([
    z.strictObject({ value: z.union([bytesOut, integerOut, z.null()]) }),
    z.strictObject({ deleted: z.boolean() }),
    z.strictObject({ added: z.int() }),
    z.strictObject({ removed: z.int() }),
    z.strictObject({ error }),
    z.strictObject({}),
  ]),
);

const batch = route(
  {
    method: "POST",
    path: "/batch",
    id: "batch",
    group: "Batches",
    summary: "Several operations as one atomic step",
    description:
      "All keys have to lie in one shard: give them a common `{tag}`. Nobody sees some of the operations without the " +
      "others. An operation that a key's type refuses answers `{ error }` in its place; the others are done. With `if`, " +
      "nothing is done unless every key there still has its version.",
    query: COMMON,
    headers: ["idempotency-key"],
    body,
    answers: {
      200: {
        description: "One result for each operation, in order.",
        schema: z.strictObject({ results }),
      },
      409: { description: "The keys lie in different shards.", schema: null },
      412: { description: "A key has another version; nothing was done.", schema: null },
    },
  },
  async (request) => {
    const calls = request.body.operations.map((each) => callOf(each, request.keyOf(each.key)));
    const watched = await watchedKeys(request);
    const replies = await transact(request, calls, watched);
    if (replies === null) throw preconditionFailed("A key of `if` has another version.");
    return { body: { results: request.body.operations.map((each, i) => resultOf(each, replies[i]!)) } };
  },
);

export const batchRoutes: readonly DataRoute[] = [batch];

type Request = Checked<{ readonly timeout?: number | undefined }, z.infer<typeof body>>;

/** A key that has to be absent is watched under the version that its absence has now. */
async function watchedKeys(request: Request): Promise<readonly WatchedKey[]> {
  return Promise.all(
    request.body.if.map(async ({ key: outside, version }) => {
      const inside = request.keyOf(outside);
      if (version !== null) return { key: inside, version };
      const query = { ...request.query, consistency: "linearizable" } as const;
      const present = Number(await read({ ...request, query }, commandCall(".version", inside)));
      if (present % 2 === 0) throw preconditionFailed("A key that `if` expects to be absent exists.");
      return { key: inside, version: present };
    }),
  );
}

function callOf(operation: Operation, inside: Uint8Array): CommandCall {
  switch (operation.op) {
    case "get":
      return commandCall("get", inside);
    case "put":
      return operation.ttl === undefined
        ? commandCall("set", inside, operation.value)
        : commandCall("set", inside, operation.value, "px", operation.ttl);
    case "delete":
      return commandCall("del", inside);
    case "increment":
      return commandCall("incrby", inside, operation.by);
    case "add":
      return commandCall("sadd", inside, ...operation.members);
    case "remove":
      return commandCall("srem", inside, ...operation.members);
    case "setField":
      return commandCall("hset", inside, operation.field, operation.value);
    case "removeField":
      return commandCall("hdel", inside, operation.field);
  }
}

function resultOf({ op }: Operation, reply: Reply): object {
  if (reply instanceof Failure) return problemOf(reply).body;
  switch (op) {
    case "get":
      return { value: reply === null ? null : jsonOf(reply as Uint8Array) };
    case "put":
      return {};
    case "delete":
      return { deleted: reply === 1 };
    case "increment":
      return { value: countOf(reply) };
    case "add":
    case "setField":
      return { added: reply };
    case "remove":
    case "removeField":
      return { removed: reply };
  }
}
