/** Sets of distinct members. */
import { z } from "zod";
import { commandCall, read, write } from "./calls.ts";
import { bytes, bytesOut, COMMON, cursorOut, jsonOf, PAGING, READING } from "./inputs.ts";
import { cursorOf, fromCursor, pageOf } from "./pages.ts";
import { type DataRoute, route } from "./route.ts";

const members = z.strictObject({ members: z.array(bytes).min(1) });

const list = route(
  {
    method: "GET",
    path: "/sets/{key}",
    id: "listMembers",
    group: "Sets",
    summary: "List the members of a set",
    description: "A set that does not exist has no members. A null cursor is the end.",
    query: { ...READING, ...PAGING },
    body: "none",
    answers: {
      200: {
        description: "A page of members.",
        schema: z.strictObject({ members: z.array(bytesOut), cursor: cursorOut }),
      },
    },
  },
  async (request) => {
    const { cursor, limit } = request.query;
    const page = pageOf(
      await read(request, commandCall(".sscan", request.key, fromCursor(cursor), limit, "")),
    );
    return { body: { members: page.elements.map(jsonOf), cursor: cursorOf(page.next) } };
  },
);

const has = route(
  {
    method: "GET",
    path: "/sets/{key}/members/{member}",
    id: "hasMember",
    group: "Sets",
    summary: "Ask whether a set has a member",
    query: READING,
    body: "none",
    answers: { 200: { description: "Whether it has.", schema: z.strictObject({ member: z.boolean() }) } },
  },
  async (request) => {
    const reply = await read(request, commandCall("sismember", request.key, request.element("member")));
    return { body: { member: reply === 1 } };
  },
);

const add = route(
  {
    method: "POST",
    path: "/sets/{key}/add",
    id: "addMembers",
    group: "Sets",
    summary: "Add members",
    query: COMMON,
    headers: ["idempotency-key"],
    body: members,
    answers: {
      200: { description: "How many were not there before.", schema: z.strictObject({ added: z.int() }) },
    },
  },
  async (request) => {
    const added = await write(request, commandCall("sadd", request.key, ...request.body.members));
    return { body: { added } };
  },
);

const remove = route(
  {
    method: "POST",
    path: "/sets/{key}/remove",
    id: "removeMembers",
    group: "Sets",
    summary: "Remove members",
    query: COMMON,
    headers: ["idempotency-key"],
    body: members,
    answers: { 200: { description: "How many were there.", schema: z.strictObject({ removed: z.int() }) } },
  },
  async (request) => {
    const removed = await write(request, commandCall("srem", request.key, ...request.body.members));
    return { body: { removed } };
  },
);

export const setRoutes: readonly DataRoute[] = [list, has, add, remove];
