/**
 * Who may call /v1: see `guard.ts` for why. Web pages of other origins are kept out, except those that `corsOrigins` names;
 * these may use the data of keyspaces, and never the administration.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { refusal } from "./errors.ts";
import { hostAllowed, originAllowed } from "./guard.ts";

export interface AccessOptions {
  /** Where the door listens: that name is always allowed. */
  readonly host: string;
  /** Host names under which /v1 may be called, besides addresses and localhost. */
  readonly allowedHosts: readonly string[];
  /** Origins (`https://app.example`) whose web pages may read and write keyspaces. */
  readonly corsOrigins: readonly string[];
}

const DATA = "/v1/keyspaces";
const METHODS = "GET, HEAD, PUT, POST, DELETE";
const REQUEST_HEADERS =
  "content-type, authorization, if-match, if-none-match, idempotency-key, idempotency-expires, kvorum-timeout, last-event-id";
const RESPONSE_HEADERS = "etag, kvorum-ttl";
const PREFLIGHT_SECONDS = "600";

export function guardAccess(app: FastifyInstance, options: AccessOptions): void {
  const hosts = new Set([options.host, ...options.allowedHosts].map((name) => name.toLowerCase()));
  const origins = new Set(options.corsOrigins);
  app.addHook("onRequest", async (request, reply) => {
    // Probes and scrapers may call the node by any name; what they read is no secret and changes nothing.
    // The route, not the path: `/%761/admin` and `http://host/v1/admin` lead to /v1/admin as well.
    const route = request.routeOptions.url;
    if (route !== undefined && !route.startsWith("/v1")) return undefined;
    const { host, origin } = request.headers;
    if (!hostAllowed(host, hosts)) return refuseHost(reply, host);
    const path = route ?? request.url;
    const data = path.startsWith(DATA);
    if (data && origins.size > 0) void reply.header("vary", "origin");
    const invited = data && origin !== undefined && origins.has(origin);
    if (invited) {
      void reply.header("access-control-allow-origin", origin);
      void reply.header("access-control-expose-headers", RESPONSE_HEADERS);
      return isPreflight(request) ? answerPreflight(reply) : undefined;
    }
    if (request.method !== "GET" && !originAllowed(origin, host)) return refuseOrigin(reply, origin);
    return undefined;
  });
}

function isPreflight({ method, headers }: FastifyRequest): boolean {
  return method === "OPTIONS" && headers["access-control-request-method"] !== undefined;
}

function answerPreflight(reply: FastifyReply): FastifyReply {
  return reply
    .code(204)
    .header("access-control-allow-methods", METHODS)
    .header("access-control-allow-headers", REQUEST_HEADERS)
    .header("access-control-max-age", PREFLIGHT_SECONDS)
    .send();
}

function refuseHost(reply: FastifyReply, host: string | undefined): FastifyReply {
  const message = `This node is not known as "${host ?? ""}".`;
  return reply
    .code(403)
    .send(refusal("forbidden-host", message, "Call it by its IP address, or add the name to allowedHosts."));
}

function refuseOrigin(reply: FastifyReply, origin: string | undefined): FastifyReply {
  const message = `Web pages of ${origin} may not use this node.`;
  return reply
    .code(403)
    .send(
      refusal(
        "forbidden-origin",
        message,
        "Call it from a program that sends no Origin header, or add the origin to corsOrigins (keyspaces only).",
      ),
    );
}
