/** Maps: fields with a value each. */
import { z } from "zod";
import { noSuchKey, commandCall, read, write } from "./calls.ts";
import { countOf } from "./counters.ts";
import {
  bytes,
  bytesOut,
  COMMON,
  cursorOut,
  integer,
  integerOut,
  jsonOf,
  PAGING,
  READING,
} from "./inputs.ts";
import { cursorOf, fromCursor, pageOf } from "./pages.ts";
import { type DataRoute, route } from "./route.ts";

const FIELD = "/maps/{key}/fields/{field}";

const list = route(
  {
    method: "GET",
    path: "/maps/{key}",
    id: "listFields",
    group: "Maps",
    summary: "List the fields of a map",
    description: "A map that does not exist has no fields. A null cursor is the end.",
    query: { ...READING, ...PAGING },
    body: "none",
    answers: {
      200: {
        description: "A page of fields.",
        schema: z.strictObject({
          fields: z.array(z.strictObject({ name: bytesOut, value: bytesOut })),
          cursor: cursorOut,
        }),
      },
    },
  },
  async (request) => {
    const { cursor, limit } = request.query;
    const page = pageOf(
      await read(request, commandCall(".hscan", request.key, fromCursor(cursor), limit, "")),
    );
    const { elements } = page;
    const fields = elements.flatMap((name, i) =>
      i % 2 === 0 ? [{ name: jsonOf(name), value: jsonOf(elements[i + 1]!) }] : [],
    );
    return { body: { fields, cursor: cursorOf(page.next) } };
  },
);

const set = route(
  {
    method: "POST",
    path: "/maps/{key}/set",
    id: "setFields",
    group: "Maps",
    summary: "Set fields, all in one step",
    query: COMMON,
    headers: ["idempotency-key"],
    body: z.strictObject({ fields: z.array(z.strictObject({ name: bytes, value: bytes })).min(1) }),
    answers: {
      200: { description: "How many were not there before.", schema: z.strictObject({ added: z.int() }) },
    },
  },
  async (request) => {
    const pairs = request.body.fields.flatMap(({ name, value }) => [name, value]);
    return { body: { added: await write(request, commandCall("hset", request.key, ...pairs)) } };
  },
);

const remove = route(
  {
    method: "POST",
    path: "/maps/{key}/remove",
    id: "removeFields",
    group: "Maps",
    summary: "Remove fields",
    query: COMMON,
    headers: ["idempotency-key"],
    body: z.strictObject({ fields: z.array(bytes).min(1) }),
    answers: { 200: { description: "How many were there.", schema: z.strictObject({ removed: z.int() }) } },
  },
  async (request) => {
    const removed = await write(request, commandCall("hdel", request.key, ...request.body.fields));
    return { body: { removed } };
  },
);

const getField = route(
  {
    method: "GET",
    path: FIELD,
    id: "getField",
    group: "Maps",
    summary: "Read one field",
    query: READING,
    body: "none",
    answers: {
      200: { description: "The field's value.", schema: "bytes" },
      404: { description: "The map or the field does not exist.", schema: null },
    },
  },
  async (request) => {
    const value = await read(request, commandCall("hget", request.key, request.element("field")));
    if (value === null) throw noSuchKey();
    return { headers: { "content-type": "application/octet-stream" }, body: value };
  },
);

const putField = route(
  {
    method: "PUT",
    path: FIELD,
    id: "putField",
    group: "Maps",
    summary: "Set one field to the body's bytes",
    query: COMMON,
    headers: ["idempotency-key"],
    body: "bytes",
    answers: { 204: { description: "Done.", schema: null } },
  },
  async (request) => {
    const value = request.body ?? new Uint8Array(0);
    await write(request, commandCall("hset", request.key, request.element("field"), value));
    return { status: 204 };
  },
);

const increment = route(
  {
    method: "POST",
    path: `${FIELD}/increment`,
    id: "incrementField",
    group: "Maps",
    summary: "Add to a field that holds an integer",
    query: COMMON,
    headers: ["idempotency-key"],
    body: z.strictObject({ by: integer.default("1") }).default({ by: "1" }),
    answers: { 200: { description: "The field.", schema: z.strictObject({ value: integerOut }) } },
  },
  async (request) => {
    const call = commandCall("hincrby", request.key, request.element("field"), request.body.by);
    return { body: { value: countOf(await write(request, call)) } };
  },
);

export const mapRoutes: readonly DataRoute[] = [list, set, remove, getField, putField, increment];
