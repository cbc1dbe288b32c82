/**
 * Who may do what over HTTP. Credentials are those of the cluster's users: `Basic` with a password, or `Bearer` with a token
 * (`security/token.ts`). They are checked as soon as the route is known and before a body is read. The route is the one that
 * was found, not the path as it was written: there are many ways to write a path.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { invariant } from "../../core/assert.ts";
import type { Access, Need } from "../security/access.ts";
import type { LoginOutcome, Principal, Security } from "../security/security.ts";
import { parseToken } from "../security/token.ts";
import { errorAnswer } from "./errors.ts";

/** `data`: reading or writing in the keyspace that the path names, by the method. */
type RouteNeed = "open" | "login" | "admin" | "data";

/** Also of a body's content, where that matters: see `administration.ts`. A route that is missing is for administrators. */
const NEEDS: Readonly<Record<string, RouteNeed>> = {
  "/health": "open",
  "/health/live": "open",
  "/health/ready": "open",
  "/v1/docs": "open",
  "/v1/openapi.json": "open",
  "/metrics": "login",
  "/v1/status": "login",
  "/v1/members": "login",
  "/v1/channels": "login",
  "/v1/keyspaces": "login",
  "/v1/admin": "login",
  "/v1/users": "admin",
};

const DATA = "/v1/keyspaces/:keyspace/";

/** An answer may take for ever (a watch): whether it may go on is asked this often. */
const RECHECK_MS = 2_000;

interface Caller {
  readonly access: Access;
  readonly principal: Principal | null;
  readonly address: string;
  readonly need: Need;
}

export interface Authentication {
  /** Who has sent this request, and what they may do. Not of open routes. */
  accessOf(request: FastifyRequest): Access;
}

/** To be called before the routes are made. `openMetrics`: /metrics without a login. */
export function authenticate(app: FastifyInstance, security: Security, openMetrics: boolean): Authentication {
  const callers = new WeakMap<FastifyRequest, Caller>();
  const underWay = new Map<FastifyRequest, FastifyReply>();

  app.addHook("onRequest", async (request, reply) => {
    const need = needOf(request, openMetrics);
    if (need === null) return undefined;
    const address = request.socket.remoteAddress ?? "?";
    const outcome = await logIn(security, request.headers.authorization, address);
    if (outcome !== null && !outcome.ok) return refuseLogin(reply, outcome);
    const principal = outcome?.principal ?? null;
    const access = security.access(principal, address);
    if (access === null) return refuse(reply, "unauthenticated", "Nobody is logged in.");
    if (!access.allows(need)) {
      if (access.user !== null)
        security.audit.refused(access.user, address, "http", `${request.method} ${routeOf(request)}`);
      return refuse(reply, "forbidden", `The user ${access.user ?? ""} lacks a role for this.`);
    }
    callers.set(request, { access, principal, address, need });
    underWay.set(request, reply);
    reply.raw.once("close", () => underWay.delete(request));
    return undefined;
  });

  const recheck = setInterval(() => {
    for (const [request, reply] of underWay) {
      const caller = callers.get(request)!;
      const access = security.access(caller.principal, caller.address);
      if (access?.allows(caller.need) !== true) reply.raw.destroy();
    }
  }, RECHECK_MS);
  recheck.unref();
  app.addHook("onClose", async () => clearInterval(recheck));

  return {
    accessOf(request) {
      const caller = callers.get(request);
      invariant(caller !== undefined, "only open routes are answered without a caller");
      return caller.access;
    },
  };
}

const routeOf = (request: FastifyRequest): string => request.routeOptions.url ?? "(none)";

/** Null: whoever asks. What does not exist is told to those who are logged in. */
function needOf(request: FastifyRequest, openMetrics: boolean): Need | null {
  const url = request.routeOptions.url;
  if (url === undefined) return { type: "login" };
  if (url === "/metrics" && openMetrics) return null;
  const need = url.startsWith(DATA) ? "data" : Object.hasOwn(NEEDS, url) ? NEEDS[url]! : "admin";
  switch (need) {
    case "open":
      return null;
    case "login":
      return { type: "login" };
    case "admin":
      return { type: "everywhere", role: "admin" };
    case "data": {
      const { keyspace } = request.params as { readonly keyspace: string };
      const reads = request.method === "GET" || request.method === "HEAD";
      return { type: "keyspace", keyspace, role: reads ? "read" : "write" };
    }
  }
}

interface Credentials {
  readonly name: string;
  readonly password: Uint8Array;
}

const NO_LOGIN: LoginOutcome = { ok: false, reason: "wrong", retryAfterMs: 0 };

/** Null: no credentials, or nobody needs any. */
async function logIn(
  security: Security,
  header: string | undefined,
  address: string,
): Promise<LoginOutcome | null> {
  if (header === undefined || !security.loginRequired) return null;
  const credentials = credentialsOf(header);
  if (credentials === null) return NO_LOGIN;
  return security.authenticate(credentials.name, credentials.password, address, "http");
}

function credentialsOf(header: string): Credentials | null {
  const [, scheme, value] = /^(\w+) +(\S+)$/.exec(header) ?? [];
  switch (scheme?.toLowerCase()) {
    case "basic":
      return basic(Buffer.from(value!, "base64"));
    case "bearer":
      return parseToken(value!);
    default:
      return null;
  }
}

function basic(decoded: Buffer): Credentials | null {
  const colon = decoded.indexOf(":");
  if (colon < 0) return null;
  return { name: decoded.toString("utf8", 0, colon), password: decoded.subarray(colon + 1) };
}

function refuseLogin(
  reply: FastifyReply,
  { reason, retryAfterMs }: LoginOutcome & { ok: false },
): FastifyReply {
  switch (reason) {
    case "wrong":
      return refuse(reply, "unauthenticated", "User and password, or the token, do not fit.");
    case "wait":
      void reply.header("retry-after", Math.ceil(retryAfterMs / 1000));
      return refuse(reply, "throttled", "Too many logins have failed.");
    case "busy":
      void reply.header("retry-after", Math.ceil(retryAfterMs / 1000));
      return refuse(reply, "overloaded", "Too many logins at a time.");
  }
}

function refuse(
  reply: FastifyReply,
  code: "unauthenticated" | "forbidden" | "throttled" | "overloaded",
  message: string,
): FastifyReply {
  if (code === "unauthenticated")
    void reply.header("www-authenticate", 'Basic realm="Kvorum", charset="UTF-8"');
  const { status, body } = errorAnswer(code, message);
  return reply.code(status).send(body);
}
