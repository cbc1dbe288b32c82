/** Counters: values that hold a signed 64-bit integer in decimal. */
import { z } from "zod";
import type { Reply } from "../../../core/reply.ts";
import { problem } from "../problems.ts";
import { commandCall, read, write } from "./calls.ts";
import { COMMON, integer, integerOf, integerOut, READING } from "./inputs.ts";
import { type DataRoute, route } from "./route.ts";

const counter = { description: "The counter.", schema: z.strictObject({ value: integerOut }) };

/** The reply of INCRBY. */
export function countOf(reply: Reply): number | string {
  return integerOf(reply as number | bigint);
}

const get = route(
  {
    method: "GET",
    path: "/counters/{key}",
    id: "getCounter",
    group: "Counters",
    summary: "Read a counter",
    description: "A counter that was never incremented is 0.",
    query: READING,
    body: "none",
    answers: { 200: counter },
  },
  async (request) => {
    const value = await read(request, commandCall("get", request.key));
    if (value === null) return { body: { value: 0 } };
    const text = Buffer.from(value as Uint8Array).toString("latin1");
    if (!/^-?\d{1,19}$/.test(text)) throw problem("wrong-type", "The key holds a value that is no integer.");
    return { body: { value: integerOf(BigInt(text)) } };
  },
);

const increment = route(
  {
    method: "POST",
    path: "/counters/{key}/increment",
    id: "incrementCounter",
    group: "Counters",
    summary: "Add to a counter",
    description: "Not idempotent: send an `Idempotency-Key` where the request may be sent again.",
    query: COMMON,
    headers: ["idempotency-key"],
    body: z.strictObject({ by: integer.default("1") }).default({ by: "1" }),
    answers: { 200: counter },
  },
  async (request) => {
    const reply = await write(request, commandCall("incrby", request.key, request.body.by));
    return { body: { value: countOf(reply) } };
  },
);

export const counterRoutes: readonly DataRoute[] = [get, increment];
