/**
 * The HTTP door: health for orchestrators, metrics for Prometheus, status and administration as JSON.
 *
 *   GET  /health/live    200 while the process runs
 *   GET  /health/ready   200 once the node serves requests; 503 with the reason until then
 *   GET  /health         both
 *   GET  /metrics        Prometheus
 *   GET  /v1/status      `NodeStatus`
 *   GET  /v1/keyspaces   `KeyspaceInfo[]`
 *   POST /v1/admin       an `AdminRequest`; answers `{ ok: true, detail }` or an error
 */
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Address, Logger } from "../../core/world.ts";
import type { AdminResult, KvorumNode, NodeStatus } from "../../node/api.ts";
import { formatAddress } from "../notation.ts";
import { parseAdminRequest } from "./admin-schema.ts";
import { errorAnswer, refusal } from "./errors.ts";
import { hostAllowed, originAllowed } from "./guard.ts";
import { metricsPage } from "./metrics.ts";

export interface HttpOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Host names under which /v1 may be called, besides addresses and localhost. */
  readonly allowedHosts: readonly string[];
}

export interface HttpServer {
  readonly address: Address;
  /** Answers what is in flight, for at most two seconds, then closes every connection. */
  close(): Promise<void>;
}

const BODY_LIMIT_BYTES = 64 * 1024;
const CLOSE_GRACE_MS = 2_000;
const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE"] as const;

/** Listens, and serves `node` from then on. Fails with a sentence that names the address and the option to change. */
export async function startHttpServer(
  node: KvorumNode,
  options: HttpOptions,
  log: Logger,
): Promise<HttpServer> {
  const app = Fastify({
    logger: false,
    bodyLimit: BODY_LIMIT_BYTES,
    connectionTimeout: 30_000,
    requestTimeout: 10_000,
    keepAliveTimeout: 60_000,
    forceCloseConnections: "idle",
    routerOptions: { ignoreTrailingSlash: true },
  });
  // Without this a form of a web page could post text/plain; only JSON is taken.
  app.removeContentTypeParser("text/plain");
  guard(app, options);
  health(app, node);
  routes(app, node);
  failures(app, log);

  const address = await listen(app, options);
  return { address, close: () => close(app) };
}

function guard(app: FastifyInstance, options: HttpOptions): void {
  const allowed = new Set([options.host, ...options.allowedHosts].map((name) => name.toLowerCase()));
  app.addHook("onRequest", async (request, reply) => {
    // Probes and scrapers may call the node by any name; what they read is no secret and changes nothing.
    if (!request.url.startsWith("/v1")) return undefined;
    const host = request.headers.host;
    if (!hostAllowed(host, allowed)) {
      return reply
        .code(403)
        .send(
          refusal(
            "forbidden-host",
            `This node is not known as "${host ?? ""}".`,
            "Call it by its IP address, or add the name to allowedHosts.",
          ),
        );
    } else if (request.method !== "GET" && !originAllowed(request.headers.origin, host)) {
      return reply
        .code(403)
        .send(
          refusal(
            "forbidden-origin",
            `Web pages of ${request.headers.origin} may not administer this node.`,
            "Use the command line, or a program that sends no Origin header.",
          ),
        );
    }
    return undefined;
  });
}

function health(app: FastifyInstance, node: KvorumNode): void {
  app.get("/health/live", async () => ({ live: true }));
  app.get("/health/ready", async (_request, reply) => {
    const status = node.status();
    return reply.code(status.ready ? 200 : 503).send({ ready: status.ready, ...because(status) });
  });
  app.get("/health", async (_request, reply) => {
    const status = node.status();
    return reply.code(status.ready ? 200 : 503).send({ live: true, ready: status.ready, ...because(status) });
  });
}

function because(status: NodeStatus): { reason?: string; waitingMilliseconds?: number } {
  if (status.ready) return {};
  return {
    reason: status.storage.problem ?? status.waiting?.reason ?? "starting",
    ...(status.waiting === null ? {} : { waitingMilliseconds: Math.round(status.waiting.milliseconds) }),
  };
}

function routes(app: FastifyInstance, node: KvorumNode): void {
  const page = metricsPage(node);
  app.get("/metrics", async (_request, reply) => reply.type(page.contentType).send(await page.render()));
  app.get("/v1/status", async () => node.status());
  app.get("/v1/keyspaces", async () => node.keyspaces());
  app.post("/v1/admin", async (request, reply) => {
    const parsed = parseAdminRequest(request.body);
    if ("problem" in parsed) {
      const { status, body } = errorAnswer("bad-request", parsed.problem);
      return reply.code(status).send(body);
    }
    const result = await new Promise<AdminResult>((resolve) => void node.admin(parsed, resolve));
    if (result.ok) return result;
    const { status, body } = errorAnswer(result.code, result.message);
    return reply.code(status).send(body);
  });
}

function failures(app: FastifyInstance, log: Logger): void {
  app.setNotFoundHandler((request, reply) => notFound(app, request, reply));
  app.setErrorHandler((error: { statusCode?: number; code?: string; message?: string }, request, reply) => {
    const status = error.statusCode ?? 500;
    if (status >= 500) {
      log.error({ error, method: request.method, route: request.routeOptions.url }, "HTTP request failed");
      const { body } = errorAnswer("internal", "The node could not answer; its log says why.");
      return reply.code(500).send(body);
    }
    return reply.code(status).send(badInput(status, error.message ?? ""));
  });
}

function notFound(app: FastifyInstance, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const path = request.url.split("?", 1)[0]!;
  const others = METHODS.filter((method) => app.hasRoute({ method, url: path }));
  if (others.length === 0) {
    const message = `There is nothing at ${path}.`;
    return reply.code(404).send(refusal("not-found", message, "Try /health, /metrics or /v1/status."));
  }
  const allowed = others.join(", ");
  return reply
    .code(405)
    .header("allow", allowed)
    .send(refusal("method-not-allowed", `${path} does not take ${request.method}.`, `Use ${allowed}.`));
}

function badInput(status: number, message: string) {
  switch (status) {
    case 413:
      return refusal("too-large", `The body is over ${BODY_LIMIT_BYTES} bytes.`, "Send less.");
    case 415:
      return refusal(
        "unsupported-media-type",
        "The body is not application/json.",
        "Set content-type: application/json.",
      );
    default:
      return refusal("bad-request", message, "Correct what the message names and send it again.");
  }
}

/** Why a door could not be opened, in words, for every reason people meet. */
export function listenProblem(code: string | undefined, address: Address, option: string): string {
  const where = formatAddress(address);
  switch (code) {
    case "EADDRINUSE":
      return `${where} is in use by another program; stop it, or choose another ${option}`;
    case "EACCES":
      return `no permission to listen on ${where}; ports below 1024 need rights, choose another ${option}`;
    case "EADDRNOTAVAIL":
    case "ENOTFOUND":
      return `${address.host} is not an address of this machine; correct host`;
    default:
      return `cannot listen on ${where} (${code ?? "unknown error"})`;
  }
}

async function listen(app: FastifyInstance, options: HttpOptions): Promise<Address> {
  try {
    await app.listen({ host: options.host, port: options.port });
  } catch (error) {
    await app.close();
    const code = (error as { code?: string }).code;
    throw new Error(`HTTP: ${listenProblem(code, options, "httpPort (--http-port)")}`, { cause: error });
  }
  const bound = app.server.address();
  if (bound === null || typeof bound === "string") throw new Error("HTTP: the server has no address");
  return { host: bound.address, port: bound.port };
}

async function close(app: FastifyInstance): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), CLOSE_GRACE_MS);
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}
