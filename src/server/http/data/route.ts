/**
 * One route of the data API: what it takes, what it answers, and what it does. Requests are checked against the same schemas
 * from which `openapi.ts` describes the route.
 */
import type { IncomingHttpHeaders } from "node:http";
import { z } from "zod";
import { binaryString } from "../../../core/bytes.ts";
import type { KeyspaceInfo, KvorumNode } from "../../../node/api.ts";
import { issuesOf, problem } from "../problems.ts";
import type { Addressing } from "./address.ts";
import type { COMMON } from "./inputs.ts";

/** Headers that a route heeds, besides those of every request. */
export type HeaderName = "if-match" | "if-none-match" | "idempotency-key" | "last-event-id";

export interface Answer {
  /** Default 200. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Bytes are sent as they are, everything else as JSON; undefined: nothing. */
  readonly body?: unknown;
}

interface AnswerInfo {
  readonly description: string;
  /** "bytes": a value as it was stored. Null: no body. */
  readonly schema: z.ZodType | "bytes" | null;
  /** Of a body that is neither bytes nor JSON. */
  readonly type?: string;
}

export interface Incoming {
  readonly node: KvorumNode;
  readonly keyspace: KeyspaceInfo;
  readonly addressing: Addressing;
  readonly params: Readonly<Record<string, string>>;
  readonly query: unknown;
  readonly headers: IncomingHttpHeaders;
  /** A Buffer for routes that take bytes, parsed JSON for those that take JSON. */
  readonly body: unknown;
}

export interface RouteInfo {
  readonly method: "GET" | "PUT" | "POST" | "DELETE";
  /** Below /v1/keyspaces/{keyspace}, with parameters in braces. */
  readonly path: string;
  /** `operationId` of OpenAPI. */
  readonly id: string;
  readonly group: string;
  readonly summary: string;
  readonly description?: string;
  readonly query: z.ZodObject;
  readonly headers: readonly HeaderName[];
  readonly body: "none" | "bytes" | z.ZodType;
  readonly answers: Readonly<Record<number, AnswerInfo>>;
}

export interface DataRoute extends RouteInfo {
  handle(incoming: Incoming): Promise<Answer>;
}

/** What a handler sees: everything checked, keys as the shards know them. */
export interface Checked<Q, B> {
  readonly incoming: Incoming;
  readonly query: Q;
  readonly body: B;
  /** The parameter `key` of the path. */
  readonly key: Uint8Array;
  /** Another parameter of the path, as bytes. */
  readonly element: (name: string) => Uint8Array;
  /** A key from a body. */
  readonly keyOf: (key: Uint8Array) => Uint8Array;
}

interface Definition<Q extends z.ZodRawShape, B> {
  readonly method: DataRoute["method"];
  readonly path: string;
  readonly id: string;
  readonly group: string;
  readonly summary: string;
  readonly description?: string;
  /** Default: what every request takes. */
  readonly query: Q;
  readonly headers?: readonly HeaderName[];
  readonly body: B;
  readonly answers: Readonly<Record<number, AnswerInfo>>;
}

type BodyOf<B> = B extends z.ZodType ? z.infer<B> : B extends "bytes" ? Uint8Array : undefined;

/** Makes a route of its description; `run` is called with what has passed the schemas. */
export function route<Q extends typeof COMMON & z.ZodRawShape, B extends "none" | "bytes" | z.ZodType>(
  definition: Definition<Q, B>,
  run: (checked: Checked<z.infer<z.ZodObject<Q>>, BodyOf<B>>) => Promise<Answer>,
): DataRoute {
  const query = z.strictObject(definition.query);
  const { body } = definition;
  return {
    headers: [],
    ...definition,
    query,
    async handle(incoming) {
      const { params, addressing } = incoming;
      const checkedQuery = check(query, incoming.query, "the query");
      const encoding = (checkedQuery as { keyEncoding: "utf8" | "base64url" }).keyEncoding;
      const checkedBody = typeof body === "string" ? incoming.body : check(body, incoming.body, "the body");
      const element = (name: string): Uint8Array => decode(params[name]!, name, encoding);
      const keyOf = (key: Uint8Array): Uint8Array => insideOrRefuse(addressing, key);
      return run({
        incoming,
        query: checkedQuery,
        body: checkedBody as BodyOf<B>,
        key: params["key"] === undefined ? NO_KEY : keyOf(element("key")),
        element,
        keyOf,
      });
    },
  };
}

const NO_KEY = new Uint8Array(0);

/** Throws an `HttpProblem` that names what does not fit. */
export function check<S extends z.ZodType>(schema: S, value: unknown, what: string): z.infer<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  throw problem("bad-request", `Malformed: ${issuesOf(result.error, what)}.`);
}

function decode(text: string, name: string, encoding: "utf8" | "base64url"): Uint8Array {
  if (encoding === "utf8") return Buffer.from(text, "utf8");
  if (/^[A-Za-z0-9_-]*$/.test(text)) return Buffer.from(text, "base64url");
  throw problem("bad-request", `Malformed: ${name}: "${text}" is not base64url.`);
}

function insideOrRefuse(addressing: Addressing, key: Uint8Array): Uint8Array {
  const inside = addressing.inside(key);
  if (inside !== null) return inside;
  const owner = addressing.owner(key)!;
  throw problem(
    "bad-request",
    `A key that begins with "${owner}:" belongs to the keyspace ${owner}: use /v1/keyspaces/${owner} and the key "${binaryString(key.subarray(owner.length + 1, owner.length + 41))}".`,
  );
}
